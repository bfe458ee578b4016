"""Run folders as the runner writes them, small ones; each test damages its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments.run_report import made
from experiments.store.records import RECORDS

Json = dict[str, Any]


def small(folder: Path, trials: int = 25, repeats: int = 5) -> Path:
    """One family over five numbers of workers."""
    return made.write_run(folder, trials, repeats=repeats)


def records(folder: Path) -> list[Json]:
    return [json.loads(line) for line in (folder / RECORDS).read_text().splitlines()]


def rewrite(folder: Path, changed: Callable[[Json], Mapping[str, Any] | None]) -> None:
    """Each record as `changed` gives it; None takes it out."""
    kept = [one for record in records(folder) if (one := changed(record)) is not None]
    (folder / RECORDS).write_text("".join(json.dumps(one) + "\n" for one in kept))
