"""Files at a URI, through Hadoop's own file systems: file:, hdfs: and whatever the cluster's class path adds."""

from __future__ import annotations

import os
import tempfile
from typing import Any, List, Tuple


class Storage:
    """Hadoop's FileSystem, seen from the driver's Python. Paths are URIs."""

    def __init__(self, spark: Any) -> None:
        self._jvm = spark._jvm
        self._configuration = spark._jsc.hadoopConfiguration()

    def _open(self, uri: str) -> Any:
        path = self._jvm.org.apache.hadoop.fs.Path(uri)
        return path.getFileSystem(self._configuration), path

    def exists(self, uri: str) -> bool:
        system, path = self._open(uri)
        return bool(system.exists(path))

    def is_directory(self, uri: str) -> bool:
        system, path = self._open(uri)
        return bool(system.exists(path) and system.getFileStatus(path).isDirectory())

    def qualified(self, uri: str) -> str:
        """The full form of a URI, as Spark prints the paths of files below it, without a slash at its end."""
        system, path = self._open(uri)
        return str(system.makeQualified(path).toString()).rstrip("/")

    def names(self, uri: str) -> List[str]:
        """Names of the entries of a folder; empty where there is none."""
        system, path = self._open(uri)
        return [entry.getPath().getName() for entry in system.listStatus(path)] if system.exists(path) else []

    def stamp(self, uri: str) -> Tuple[int, int]:
        """(size in bytes, time of its last change in milliseconds since 1970) of a file."""
        system, path = self._open(uri)
        status = system.getFileStatus(path)
        return int(status.getLen()), int(status.getModificationTime())

    def delete(self, uri: str) -> None:
        system, path = self._open(uri)
        if system.exists(path) and not system.delete(path, True):
            raise OSError(f"{uri}: could not be deleted")

    def rename(self, source: str, target: str) -> None:
        system, path = self._open(source)
        target_path = self._jvm.org.apache.hadoop.fs.Path(target)
        system.mkdirs(target_path.getParent())
        if not system.rename(path, target_path):
            raise OSError(f"{source}: could not be renamed to {target}")

    def read(self, uri: str) -> bytes:
        """The whole of a small file."""
        with tempfile.TemporaryDirectory() as folder:
            return _slurp(self.fetch(uri, folder))

    def fetch(self, uri: str, folder: str) -> str:
        """Copies a file to a local folder and returns its local path."""
        system, path = self._open(uri)
        local = os.path.join(folder, path.getName())
        # Without the check-sum file that Hadoop's local file system would leave beside it.
        system.copyToLocalFile(False, path, self._jvm.org.apache.hadoop.fs.Path("file:" + local), True)
        return local

    def put(self, local: str, uri: str) -> None:
        """Copies a local file there, over what was there."""
        system, path = self._open(uri)
        system.copyFromLocalFile(False, True, self._jvm.org.apache.hadoop.fs.Path("file:" + local), path)

    def write(self, uri: str, data: bytes) -> None:
        system, path = self._open(uri)
        stream = system.create(path, True)
        try:
            stream.write(bytearray(data))
        finally:
            stream.close()


def _slurp(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
