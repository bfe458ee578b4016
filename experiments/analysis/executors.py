"""What an executor's node uses of its cores: once, and for each image that it computes. Pure.

A straight line through the CPU-seconds of the nodes' cgroups over the images that each computed: its intercept is what
every worker pays before it is of use (JVM, Python, libraries, the model), and what more workers multiply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.analysis.statistics import NoEstimate, Numbers, interval
from experiments.analysis.trials import Trial
from experiments.bench.statistics import Estimate

# A line needs nodes of two different loads; that one is this many times another keeps it from being noise.
_APART = 2.0


@dataclass(frozen=True)
class Use:
    """CPU-seconds of an executor's node: once, whatever it computes, and for each image."""

    once: Estimate
    each: Estimate


def use_of(trials: Sequence[Trial]) -> Use | NoEstimate:
    """From trials of one block that differ in their number of workers alone. Trials are resampled whole, by workers."""
    groups: dict[float, list[Numbers]] = {}
    loads = list[float]()
    for trial in trials:
        points = _points(trial)
        if points:
            loads += [images for images, _ in points]
            groups.setdefault(trial.figure("executors") or 0.0, []).append(_sums(points))
    if any(len(group) < 2 for group in groups.values()) or not loads or max(loads) < _APART * min(loads):
        return NoEstimate("nodes of different loads, two trials each, are needed")
    sums = [np.stack(group) for group in groups.values()]

    def line(places: Sequence[Numbers], axis: int) -> tuple[Numbers, Numbers]:
        """(intercept, slope) of the trials at these places, which lie along an axis counted from the last."""
        chosen = [group[place.astype(np.intp)].sum(axis=axis - 1) for group, place in zip(sums, places, strict=True)]
        number, x, y, xx, xy = np.moveaxis(sum(chosen[1:], chosen[0]), -1, 0)
        slope = (number * xy - x * y) / (number * xx - x * x)
        return (y - slope * x) / number, slope

    places = [np.arange(len(group), dtype=np.float64) for group in sums]
    once = interval(places, lambda *some, axis: line(some, axis)[0])
    return Use(once, interval(places, lambda *some, axis: line(some, axis)[1]))


def _points(trial: Trial) -> list[tuple[float, float]]:
    """(images, CPU-seconds) of each node that computed some and was sampled."""
    hosts: Any = trial.evidence.get("hosts")
    names = list(hosts) if isinstance(hosts, Mapping) else []
    found = [(trial.figure(f"hosts.{name}.images"), trial.figure(f"used.{name}.cpu_s")) for name in names]
    return [(images, used) for images, used in found if images and used is not None]


def _sums(points: Sequence[tuple[float, float]]) -> Numbers:
    x, y = np.array(points, np.float64).T
    return np.array([len(points), x.sum(), y.sum(), (x * x).sum(), (x * y).sum()])
