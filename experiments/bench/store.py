"""Raw data of sessions, one file a step, and latest.json. The only writer of results/bench."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from experiments.bench.types import Figure, Provenance, Record
from experiments.errors import UserError
from experiments.host.paths import RESULTS, ROOT

BENCH = RESULTS / "bench"
LATEST = "latest.json"
RAW = "raw"
SCHEMA = 1
_SESSION = "session.json"
_END = "end"


@dataclass(frozen=True)
class Journal:
    """What a step has measured so far: a file beside its raw file, a line a record, gone when that is complete."""

    path: Path

    def read(self) -> list[Record]:
        """The records, in order; a last line that was cut off is left out."""
        if not self.path.exists():
            return []
        whole = [line for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [json.loads(line) for line in whole]

    def write(self, records: Sequence[Record]) -> None:
        """These in the place of what there is."""
        _replace(self.path, "".join(json.dumps(record) + "\n" for record in records))

    def add(self, record: Record) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())


@dataclass(frozen=True)
class Session:
    """One group's measurements on one code and one host without a restart: a folder with a raw file a step."""

    folder: Path
    provenance: Provenance

    def load(self, step: str) -> list[Record] | None:
        """A step's records; None where it has not been measured, or its file is torn or not of this schema."""
        try:
            lines = [json.loads(line) for line in self._path(step).read_text().splitlines()]
        except (FileNotFoundError, ValueError):
            return None
        complete = bool(lines) and lines[-1] == {_END: step, "records": len(lines) - 1}
        return lines[:-1] if complete else None

    def save(self, step: str, records: Sequence[Record]) -> None:
        lines = [*records, {_END: step, "records": len(records)}]
        _replace(self._path(step), "".join(json.dumps(line) + "\n" for line in lines))
        self.journal(step).path.unlink(missing_ok=True)

    def journal(self, step: str) -> Journal:
        """Where a long step keeps its trials until it is complete."""
        return Journal(self.folder / f".{step}.journal.jsonl")

    def date(self, step: str) -> str:
        """When the step ended."""
        modified = datetime.fromtimestamp(self._path(step).stat().st_mtime)
        return modified.astimezone().isoformat(timespec="seconds")

    def records(self, step: str) -> str:
        """The path of a step's raw file as figures give it: relative to the checkout where it lies in it."""
        path = self._path(step)
        return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)

    def _path(self, step: str) -> Path:
        return self.folder / f"{step}.jsonl"


def session(group: str, now: Provenance, *, fresh: bool, bench: Path = BENCH) -> Session:
    """The group's session of this code, host and boot that was begun last; a new one if there is none, or if fresh."""
    folders = sorted((bench / RAW).glob(f"{group}-*"), reverse=True)
    for folder in () if fresh else folders:
        if _is_of(folder, group, now):
            return Session(folder, now)
    folder = bench / RAW / f"{group}-{datetime.now():%Y%m%d-%H%M%S-%f}"
    folder.mkdir(parents=True)
    _replace(folder / _SESSION, json.dumps({"schema": SCHEMA, "group": group, **asdict(now)}, indent=2) + "\n")
    return Session(folder, now)


def _is_of(folder: Path, group: str, now: Provenance) -> bool:
    try:
        found = json.loads((folder / _SESSION).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    same = {"schema": SCHEMA, "group": group, "code": now.code, "boot": now.boot}
    return isinstance(found, dict) and all(found.get(key) == value for key, value in same.items())


def read_latest(bench: Path = BENCH) -> dict[str, Figure]:
    """The figures by name; none where there is no file. Raises UserError that names the file and the figure."""
    path = bench / LATEST
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
        entries: Mapping[str, Mapping[str, Any]] = content["figures"]
        return {name: Figure(**{"name": name, "code": "", **entry}) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: is not as `make bench` writes it ({error}); restore it with `git checkout`, or delete it"
        ) from None


def merge(figures: Iterable[Figure], bench: Path = BENCH) -> dict[str, Figure]:
    """Puts the figures into latest.json, in the place of older ones of the same name; the others stay as they are."""
    merged = read_latest(bench) | {figure.name: figure for figure in figures}
    names = [field.name for field in fields(Figure) if field.name != "name"]
    content = {"figures": {name: {key: getattr(merged[name], key) for key in names} for name in sorted(merged)}}
    bench.mkdir(parents=True, exist_ok=True)
    _replace(bench / LATEST, json.dumps(content, indent=2) + "\n")
    return merged


def _replace(path: Path, text: str) -> None:
    """Whoever reads sees the old content or the new."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
