"""Reads what runs keep of their trials beside the records: tasks, samples, the clusters as run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from experiments.analysis.raw import read_samples, read_tasks
from experiments.analysis.trials import Trial
from experiments.errors import ClusterbedError
from experiments.eventlog import TaskRow
from experiments.run_report.reading import RunFolder, Runs
from experiments.runner.samples import Sample
from experiments.topology import load_topology
from experiments.types import ClusterSpec

Content = TypeVar("Content")


class RawFiles:
    """Raw evidence of trials. problems: of files that are damaged, which count as missing for their trial alone."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._specs: dict[Path, ClusterSpec | None] = {}
        self.problems: list[str] = []

    def tasks(self, trial: Trial) -> tuple[TaskRow, ...] | None:
        run, name = self._runs.folder_of(trial.name)
        return self._read(lambda: read_tasks(run.path, name))

    def samples(self, trial: Trial) -> tuple[Sample, ...] | None:
        run, name = self._runs.folder_of(trial.name)
        return self._read(lambda: read_samples(run.path, name))

    def cores(self, trial: Trial) -> Mapping[str, float]:
        """By node: what its executors' Spark cores are worth in host cores."""
        run, _ = self._runs.folder_of(trial.name)
        spec = self.spec(run.path / "topologies" / f"{trial.evidence.get('cluster')}.toml")
        return {node.name: executor.host_cores for node, executor in spec.executors} if spec else {}

    def unequal(self, trials: Sequence[Trial]) -> bool:
        """Whether the executors of these trials' cluster have shares, or instruction sets, that differ."""
        run, _ = self._runs.folder_of(trials[0].name)
        spec = self.spec(run.path / "topologies" / f"{trials[0].evidence.get('cluster')}.toml")
        return spec is not None and len({(executor.host_cores, node.isa) for node, executor in spec.executors}) > 1

    def clusters(self, run: RunFolder) -> list[ClusterSpec]:
        """Those of a run, by name."""
        found = (self.spec(path) for path in sorted((run.path / "topologies").glob("*.toml")))
        return [spec for spec in found if spec is not None]

    def spec(self, path: Path) -> ClusterSpec | None:
        if path not in self._specs:
            self._specs[path] = self._read(lambda: load_topology(str(path))) if path.exists() else None
        return self._specs[path]

    def _read(self, read: Callable[[], Content | None]) -> Content | None:
        try:
            return read()
        except ClusterbedError as error:
            self.problems.extend(message for message in error.messages if message not in self.problems)
            return None
