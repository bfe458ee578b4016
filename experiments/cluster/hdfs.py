"""HDFS from this host, by WebHDFS through the ports that the cluster publishes on 127.0.0.1.

No JVM has to start in a node that is already limited, as Hadoop's own shell would need for every command.
API: "WebHDFS REST API" of Hadoop 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from experiments.errors import RunFailed

_NAMENODE, _USER = 9870, "cluster"
_QUICK, _LONG = 60, 1800


class Hdfs:
    """The file system of one cluster. Paths are absolute, without scheme. Failures raise RunFailed."""

    def __init__(self, namenode: str, ports: Mapping[str, Mapping[int, int]]) -> None:
        """ports: by node, inside -> outside, as published on this host."""
        self._ports, self._namenode = ports, f"http://{namenode}:{_NAMENODE}"
        self._session = requests.Session()
        # The host's proxies have no business with its own ports.
        self._session.trust_env = False

    def exists(self, path: str) -> bool:
        return self._call("GET", path, "GETFILESTATUS", allowed=(404,)).status_code == 200

    def count(self, path: str) -> int:
        """Files at any depth of a folder."""
        return int(self._call("GET", path, "GETCONTENTSUMMARY").json()["ContentSummary"]["fileCount"])

    def mkdirs(self, path: str) -> None:
        self._call("PUT", path, "MKDIRS")

    def rename(self, source: str, target: str) -> None:
        if not self._call("PUT", source, "RENAME", destination=target).json()["boolean"]:
            raise RunFailed(f"hdfs:{source}: could not be renamed to {target}")

    def delete(self, path: str) -> bool:
        """Deletes a file or a folder with all in it; false where there was none."""
        return bool(self._call("DELETE", path, "DELETE", recursive="true").json()["boolean"])

    def put(self, source: Path, target: str) -> None:
        """Uploads a file, or a folder with all in it, to that path."""
        for file in sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]:
            path = f"{target}/{file.relative_to(source).as_posix()}" if source.is_dir() else target
            place = self._call("PUT", path, "CREATE", overwrite="true", noredirect="true").json()["Location"]
            with file.open("rb") as data:
                self._checked(self._send("PUT", self._outside(place), path, data=data, timeout=_LONG), path)

    def get(self, source: str, target: Path) -> None:
        """Downloads a file, or a folder with all in it, to that path."""
        for entry in self._call("GET", source, "LISTSTATUS").json()["FileStatuses"]["FileStatus"]:
            name = entry["pathSuffix"]
            if entry["type"] == "DIRECTORY":
                self.get(f"{source}/{name}", target / name)
                continue
            path = f"{source}/{name}" if name else source
            place = self._call("GET", path, "OPEN", noredirect="true").json()["Location"]
            answer = self._checked(self._send("GET", self._outside(place), path, timeout=_LONG), path)
            file = target / name if name else target
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(answer.content)

    def _call(
        self, method: str, path: str, operation: str, allowed: tuple[int, ...] = (), **parameters: str
    ) -> requests.Response:
        address = self._outside(f"{self._namenode}/webhdfs/v1{quote(path)}")
        query: dict[str, Any] = {"op": operation, "user.name": _USER, **parameters}
        answer = self._send(method, address, path, params=query, timeout=_QUICK)
        return answer if answer.status_code in allowed else self._checked(answer, path)

    def _send(self, method: str, address: str, path: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(method, address, **options)
        except requests.RequestException as error:
            raise RunFailed(f"hdfs:{path}: HDFS does not answer: {error}") from None

    def _outside(self, address: str) -> str:
        """The address on this host of one that a service gave by its node's name."""
        parts = urlsplit(address)
        port = self._ports.get(parts.hostname or "", {}).get(parts.port or 0)
        if port is None:
            raise RunFailed(f"hdfs: {parts.hostname}:{parts.port} is not published on this host")
        return parts._replace(netloc=f"127.0.0.1:{port}").geturl()

    @staticmethod
    def _checked(answer: requests.Response, path: str) -> requests.Response:
        if answer.ok:
            return answer
        try:
            message = answer.json()["RemoteException"]["message"].splitlines()[0]
        except (ValueError, KeyError, IndexError):
            message = answer.text[:200]
        raise RunFailed(f"hdfs:{path}: status {answer.status_code}: {message}")
