"""What the loop needs of the world: clusters and trials, a steady host, and someone who watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from experiments.errors import RunFailed
from experiments.matrix.plan import Plan, PlannedCell

Facts = Mapping[str, Any]


class TimedOut(RunFailed):
    """A trial was ended because it took longer than the plan allows."""


@dataclass(frozen=True)
class Outcome:
    """What a trial that ran to its end brought home. invalid: why its figures are not to be used; empty where they are.

    evidence: figures and tables that go into the record; the raw files lie in the trial's folder by then.
    """

    evidence: Facts
    invalid: tuple[str, ...] = ()


class Laboratory(Protocol):
    """Clusters and trials. What is started here is taken down by `clear`, whatever happened in between."""

    def environment(self) -> Facts:
        """This host and its software, for a block."""

    def content(self, planned: PlannedCell) -> Facts:
        """What a cell's figures depend on beside its plan: model, input, code, images. Prepares what is missing."""

    def steady(self) -> Facts:
        """Waits, for a bounded time, until nothing else keeps the host busy; what it saw."""

    def up(self, planned: PlannedCell) -> Facts:
        """Brings up the cell's cluster; how that went. Raises RunFailed."""

    def run(self, planned: PlannedCell, trial: str) -> Outcome:
        """One trial on the cluster that is up. Raises TimedOut or RunFailed; its logs are kept by then."""

    def down(self) -> Facts:
        """Takes the cluster down that is up; how that went."""

    def clear(self) -> None:
        """Takes down every cluster of this run that there is, whoever brought it up."""

    def able(self) -> None:
        """Raises HostError where this host can make no trial any more: then a trial's failure says nothing of it."""


class Watcher(Protocol):
    """Who looks on. Nothing depends on it."""

    def begin(self, plan: Plan, trials: int) -> None: ...
    def phase(self, cell: str, trial: str, phase: str) -> None: ...
    def say(self, text: str) -> None: ...
    def ended(self, record: Facts) -> None: ...


Folder = Path
