"""Reads and appends `records.jsonl`: append-only, fsynced, one writer at a time, the schema's version in each line.

One line of pandas reads it: `pandas.read_json("results/ID/records.jsonl", lines=True)`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from experiments.errors import RunFailed, UserError

SCHEMA = 1
RECORDS = "records.jsonl"
TORN = "torn.txt"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Loaded:
    """What a file holds. torn: the last line where a crash cut it off, else empty."""

    records: tuple[dict[str, Any], ...]
    torn: str


class Writer:
    """The one writer of a run's records, from `with` to its end.

    Entering repairs a torn last line: it is moved to torn.txt beside the file, and `say` tells.
    Raises RunFailed if another process writes this run, UserError if the file is damaged otherwise.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._path, self._say = folder / RECORDS, say
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        created = not self._path.exists()
        file = self._path.open("ab")
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunFailed(f"{self._path}: another command is writing this run; wait for its end") from None
            loaded = load(self._path)
            if loaded.torn:
                self._repair(file, loaded.torn)
        except BaseException:
            file.close()
            raise
        if created:
            sync_folder(self._path.parent)
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def append(self, record: Record) -> dict[str, Any]:
        """Writes one line and returns it, with its schema, when it is on disk. Raises RunFailed outside of `with`."""
        if self._file is None:
            raise RunFailed(f"{self._path}: is not open for writing")
        written = {"schema": SCHEMA, **record}
        line = json.dumps(written, separators=(",", ":"), allow_nan=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        return written

    def _repair(self, file: IO[bytes], torn: str) -> None:
        aside = self._path.with_name(TORN)
        with aside.open("a", encoding="utf-8", errors="surrogateescape") as kept:
            kept.write(torn + "\n")
            kept.flush()
            os.fsync(kept.fileno())
        size = self._path.stat().st_size - len(torn.encode(errors="surrogateescape"))
        file.truncate(size)
        os.fsync(file.fileno())
        self._say(
            f"{self._path}: its last line was cut off by a crash; moved to {aside.name}, that trial is made again"
        )


def load(path: Path) -> Loaded:
    """All whole lines of a file, in order; nothing where there is no file.

    Raises UserError for a line in the middle that is no record, or of a schema that this release does not know.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Loaded((), "")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give a readable file") from None
    *lines, rest = data.split(b"\n")
    return Loaded(tuple(_parsed(path, lines)), rest.decode(errors="surrogateescape"))


def _parsed(path: Path, lines: Iterable[bytes]) -> Iterable[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UserError(
                f"{path}, line {number}: is not JSON ({error}); a run's records are changed by no one: restore the file"
            ) from None
        schema = record.get("schema") if isinstance(record, dict) else None
        if schema != SCHEMA:
            raise UserError(
                f"{path}, line {number}: schema = {json.dumps(schema)}; this release knows {SCHEMA}; "
                "read it with the release that wrote it"
            )
        yield record


def replace(path: Path, text: str) -> None:
    """Writes a whole file: whoever reads sees the old content or the new."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A file that was renamed or removed in it stays so after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
