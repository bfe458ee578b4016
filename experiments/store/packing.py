"""Raw evidence of trials below a run's folder: as files, or packed into one archive a kind so that it can be committed.

    events/  logs/  samples/  tasks/        while a run is made
    events.tar.xz  logs.tar.xz  ...         once it is packed

Both may be there: a packed run that goes on has its new trials in folders until it is packed again.
"""

from __future__ import annotations

import io
import lzma
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from experiments.errors import UserError
from experiments.store.records import sync_folder

EVENTS, LOGS, SAMPLES, TASKS = KINDS = ("events", "logs", "samples", "tasks")
# With a window of 64 MB: logs of one trial are much like those of the next.
_PRESET = 9
# A report reads tasks and samples of the same run in turn.
_OPEN_ARCHIVES = 4


def archive(run: Path, kind: str) -> Path:
    return run / f"{kind}.tar.xz"


def read(run: Path, kind: str, name: str) -> bytes | None:
    """A file, from its folder or else from the archive; None where it was not kept.

    name: its path below the kind's folder. Raises UserError for a file or an archive that cannot be read.
    """
    path = run / kind / name
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return _packed(run, kind).get(name)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); restore the file") from None


def pack(run: Path, kinds: Sequence[str] = KINDS) -> None:
    """Moves what lies in the folders of these kinds into the archives. The same files give the same bytes.

    An archive is replaced in one step and its folder removed after that, so nothing is lost if this is interrupted.
    Raises UserError for an archive that cannot be read.
    """
    for kind in kinds:
        folder = run / kind
        if not folder.is_dir():
            continue
        files = {**_packed(run, kind), **{name: (folder / name).read_bytes() for name in _names(folder)}}
        _replace(archive(run, kind), files)
        shutil.rmtree(folder)


def _replace(path: Path, files: Mapping[str, bytes]) -> None:
    """On disk for good before it returns: what it is made of is removed then. Nothing half-written stays."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        _write(files, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def _names(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())


def _write(files: Mapping[str, bytes], path: Path) -> None:
    with lzma.open(path, "wb", preset=_PRESET) as file, tarfile.open(fileobj=file, mode="w") as tar:
        for name in sorted(files):
            # Owner, time and mode are left as they are made: what differs between hosts must not differ here.
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            tar.addfile(entry, io.BytesIO(files[name]))


def _packed(run: Path, kind: str) -> Mapping[str, bytes]:
    path = archive(run, kind)
    try:
        stamp = path.stat()
    except FileNotFoundError:
        return {}
    return _members(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=_OPEN_ARCHIVES)
def _members(path: Path, _modified: int, _size: int) -> Mapping[str, bytes]:
    found = {}
    try:
        # In full, up to the check sum at its end: tar itself stops reading before.
        content = lzma.decompress(path.read_bytes())
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for entry in tar:
                member = tar.extractfile(entry)
                if member is not None:
                    found[entry.name] = member.read()
    except (tarfile.TarError, lzma.LZMAError, OSError) as error:
        raise UserError(f"{path}: is no whole archive ({error}); restore the file") from None
    return found
