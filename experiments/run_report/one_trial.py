"""The figures of one trial that stands for its cell: tasks, work by node, memory, throttling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median

from experiments.analysis.trials import Trial, observations
from experiments.figures.trials import (
    NodeWork,
    memory_over_time,
    share_of_work,
    tasks_over_time,
    throttling_over_time,
)
from experiments.run_report.drawings import Setting, Shown
from experiments.run_report.raw import RawFiles

_WALL = "per_image.wall"


def chosen(setting: Setting) -> tuple[str, Trial] | None:
    """Of the cell with most executors, and of those with most images: the trial nearest to the median wall time."""
    cells = {cell: trials for cell, trials in setting.comparison.here.items() if observations(trials, _WALL)}
    if not cells:
        return None

    def size(cell: str) -> tuple[float, float]:
        one = cells[cell][0]
        return one.figure("executors") or 0.0, one.figure("images") or 0.0

    cell = max(cells, key=size)
    seen = observations(cells[cell], _WALL)
    middle = median(one.value for one in seen)
    name = min(seen, key=lambda one: abs(one.value - middle)).trial
    return cell, next(one for one in cells[cell] if one.name == name)


def one_trial(setting: Setting, raw: RawFiles) -> Iterator[Shown]:
    """Four figures, or why one is missing."""
    found = chosen(setting)
    if found is None:
        return
    cell, trial = found
    about = setting.about()
    nodes = list(trial.evidence.get("hosts", {}))
    tasks = raw.tasks(trial) or ()
    yield setting.shown(
        tasks_over_time(trial.name, tasks, nodes, about, trial.figure("phases.driver_start")), [trial.name]
    )
    own = setting.comparison.here[cell]
    # What nodes with different processors do in a core is not known beforehand: no share is expected of them.
    cores = {} if raw.unequal([trial]) else raw.cores(trial)
    yield setting.shown(share_of_work(cell, _work(own, cores), about), [one.name for one in own])
    samples = raw.samples(trial) or ()
    boot = trial.evidence.get("boot", {})
    yield setting.shown(memory_over_time(trial.name, samples, boot.get("memory_mb", {}), about), [trial.name])
    yield setting.shown(throttling_over_time(trial.name, samples, about), [trial.name])


def _work(trials: Sequence[Trial], cores: Mapping[str, float]) -> list[NodeWork]:
    """Images of each node that had tasks; expected: by its executors' share of all executors' host cores."""
    by_node: dict[str, list[float]] = {}
    for one in trials:
        for host in one.evidence.get("hosts", {}):
            by_node.setdefault(host, []).append(one.figure(f"hosts.{host}.images") or 0.0)
    whole, images = sum(cores.values()), trials[0].figure("images") or 0.0
    return [
        NodeWork(node, fmean(counts), images * cores[node] / whole if node in cores else None, len(counts))
        for node, counts in sorted(by_node.items())
    ]
