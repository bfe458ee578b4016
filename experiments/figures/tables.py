"""What curves are drawn from: a point for each value of a setting, in one host block. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from experiments.analysis import statistics
from experiments.analysis.scaling import Fit, NoFit
from experiments.analysis.statistics import NoEstimate, Ratio, Summary
from experiments.analysis.trials import Observation, Trial, observations
from experiments.bench.statistics import Estimate


@dataclass(frozen=True)
class Point:
    """The trials of one cell. x: what the cell is set to; outliers: those of its values that lie far off."""

    x: float
    cell: str
    summary: Summary
    values: tuple[float, ...]
    outliers: tuple[float, ...]


@dataclass(frozen=True)
class Curve:
    """Points of one block, by x. fit: a law through them, or why there is none; None where none was asked for."""

    name: str
    block: int
    points: tuple[Point, ...]
    fit: Fit | NoFit | None = None


@dataclass(frozen=True)
class Bar:
    """One cell of a comparison."""

    label: str
    summary: Summary
    values: tuple[float, ...]
    outliers: tuple[float, ...] = ()


@dataclass(frozen=True)
class SpeedUp:
    """How many times as fast as on one worker, by paired trials."""

    workers: float
    times: Estimate


def points(trials: Iterable[Trial], figure: str, over: str, block: int) -> tuple[Point, ...]:
    """A point for each cell that has the figure in this block, by x: the number at the path `over` of the record.

    "executors" is the number of workers, "result.partitions.predict" that of partitions.
    """
    groups: dict[tuple[float, str], list[Observation]] = {}
    for trial in trials:
        x = trial.figure(over)
        if trial.block == block and x is not None:
            groups.setdefault((x, trial.cell), []).extend(observations([trial], figure))
    found = ((x, cell, seen, statistics.summary([one.value for one in seen])) for (x, cell), seen in groups.items())
    made = [
        Point(x, cell, summary, tuple(one.value for one in seen), tuple(one.value for one in statistics.outliers(seen)))
        for x, cell, seen, summary in found
        if isinstance(summary, Summary)
    ]
    return tuple(sorted(made, key=lambda one: (one.x, one.cell)))


def per_x(found: Sequence[Point]) -> tuple[Point, ...]:
    """The same with each value over its x, as the paper's time per worker."""

    def over(point: Point, values: Sequence[float]) -> tuple[float, ...]:
        return tuple(value / point.x for value in values)

    made = []
    for point in found:
        summary = statistics.summary(over(point, point.values))
        assert isinstance(summary, Summary)
        made.append(
            replace(point, summary=summary, values=over(point, point.values), outliers=over(point, point.outliers))
        )
    return tuple(made)


def bars(cells: Sequence[tuple[str, Sequence[Observation]]], block: int) -> tuple[Bar, ...]:
    """A bar for each labelled cell that was measured in this block, in the order given."""
    made = []
    for label, seen in cells:
        here = [one for one in seen if one.block == block]
        values = tuple(one.value for one in here)
        found = statistics.summary(values)
        if isinstance(found, Summary):
            made.append(Bar(label, found, values, tuple(one.value for one in statistics.outliers(here))))
    return tuple(made)


def speed_ups(by_workers: Sequence[tuple[float, Sequence[Observation]]]) -> tuple[SpeedUp, ...] | NoEstimate:
    """Each number of workers against the first, which must be one worker; those without pairs are left out."""
    if not by_workers or by_workers[0][0] != 1:
        return NoEstimate("speed-up is against one worker, which was not measured")
    alone = by_workers[0][1]
    found = [(workers, statistics.ratio(alone, seen)) for workers, seen in by_workers[1:]]
    made = tuple(SpeedUp(workers, one.estimate) for workers, one in found if isinstance(one, Ratio))
    return made or NoEstimate("no trial on more workers has a partner on one")
