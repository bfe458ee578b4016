"""Frozen types: a figure, how a group measures it, and on what code and host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

# One line of raw data: JSON values by name.
Record = Mapping[str, Any]

# A group may take this long on 2 cores; the sum of its steps' estimates is held to it by a test.
GROUP_SECONDS = 3600
# Of a checkout's files: all that can change a figure.
EVERYTHING = ("",)
# The figure that absolute ones stand beside.
CALIBRATION = "host_calibration_seconds"


@dataclass(frozen=True)
class Measured:
    """What a step makes of its records. low, high: the 95 % interval, None where there is none; n: what it is over.

    absolute: it depends on the host's speed, so it is only to be read beside the host calibration.
    """

    name: str
    value: float
    unit: str
    n: int
    low: float | None = None
    high: float | None = None
    note: str = ""
    absolute: bool = False


@dataclass(frozen=True)
class Lost:
    """A figure that the records do not give, and why: the others of its step stand."""

    name: str
    why: str


@dataclass(frozen=True)
class Figure:
    """An entry of latest.json under its name. records: path of the raw data; code: digest of what was measured."""

    name: str
    value: float
    low: float | None
    high: float | None
    n: int
    unit: str
    note: str
    group: str
    commit: str
    host: Mapping[str, Any]
    date: str
    records: str
    code: str


@dataclass(frozen=True)
class Provenance:
    """What a session measures, and where.

    commit: the checkout's, with "-dirty" where files differ from it; code: a digest of all files that can change a
    figure; boot: of the host's kernel, so that a session ends with it.
    """

    commit: str
    code: str
    boot: str
    host: Mapping[str, Any]


class Journal(Protocol):
    """Keeps the trials of a step that was interrupted, in order."""

    def read(self) -> list[Record]: ...

    def write(self, records: Sequence[Record]) -> None: ...

    def add(self, record: Record) -> None: ...


@dataclass(frozen=True)
class Bench:
    """What a step gets: where its scratch files may lie, and how much to do. quick: a try-out that proves nothing.

    journal: of the step that runs; None where nothing is kept.
    """

    scratch: Path
    say: Callable[[str], None]
    quick: bool = False
    journal: Journal | None = None

    def repeats(self, full: int) -> int:
        return 2 if self.quick else full


@dataclass(frozen=True)
class Step:
    """One measurement of a group, kept as one raw file.

    measure: does it, and returns its records; figures: pure, from records to figures; estimate: seconds on 2 cores;
    timed: whether to wait for a quiet host first.
    """

    name: str
    estimate: float
    measure: Callable[[Bench], Sequence[Record]]
    figures: Callable[[Sequence[Record]], Sequence[Measured | Lost]]
    timed: bool = True


@dataclass(frozen=True)
class Group:
    """code: the files and folders (ending in /) that its figures can depend on; EVERYTHING by default."""

    name: str
    steps: tuple[Step, ...] = field(default=())
    code: tuple[str, ...] = EVERYTHING

    @property
    def estimate(self) -> float:
        return sum(step.estimate for step in self.steps)
