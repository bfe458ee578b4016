"""Tables to draw, with numbers that tests look for."""

from __future__ import annotations

from typing import Any

from experiments.analysis import scaling, statistics
from experiments.analysis.decomposition import PARTS, Decomposition
from experiments.analysis.scaling import AMDAHL
from experiments.analysis.statistics import NoEstimate, Summary
from experiments.analysis.trials import Observation, Trial
from experiments.eventlog import TaskRow
from experiments.figures import curves, tables
from experiments.figures.comparisons import YARN, Precision, comparison, precisions
from experiments.figures.curves import curves as draw_curves
from experiments.figures.curves import scaling_figure
from experiments.figures.drawn import About, Drawn
from experiments.figures.loads import Load, loads_readable, loads_stacked
from experiments.figures.tables import Bar, Curve
from experiments.figures.trials import (
    NodeWork,
    Split,
    memory_over_time,
    share_of_work,
    tasks_over_time,
    throttling_over_time,
    where_time_goes,
)
from experiments.runner.samples import Sample

ABOUT = About("2 cores of a made processor", 0.25)
WORKERS = (1, 2, 4, 6)
NOISE = (1.0, 1.02, 0.98, 1.01, 0.99)


def trial(workers: int, number: int, seconds: float, block: int = 1) -> Trial:
    record = {"executors": workers, "per_image": {"stage_3": seconds}}
    name = f"{number:03d}-workers-{workers}"
    return Trial(name, "made", "made", f"workers-{workers}", block, number, 0.25, {}, record)


def trials(outlier: float | None = None) -> list[Trial]:
    """Seconds by Amdahl with a serial tenth, 0.5 on one worker; the outlier is the last trial on one worker."""
    made = [
        trial(workers, number, 0.5 * float(AMDAHL.relative(workers, 0.1)) * noise)
        for workers in WORKERS
        for number, noise in enumerate(NOISE, start=1)
    ]
    return made if outlier is None else [*made, trial(1, 6, outlier)]


def curve(fitted: bool = True, outlier: float | None = None) -> Curve:
    made = trials(outlier)
    points = tables.points(made, "per_image.stage_3", "executors", 1)
    fit = scaling.fit(AMDAHL, [scaling.Point(point.x, value) for point in points for value in point.values])
    return Curve("fused", 1, points, fit if fitted else None)


def observations(workers: int) -> list[Observation]:
    return [
        Observation("made", one.cell, one.block, one.round, one.name, one.evidence["per_image"]["stage_3"])
        for one in trials()
        if one.evidence["executors"] == workers
    ]


def summary(*values: float) -> Summary:
    found = statistics.summary(values)
    assert isinstance(found, Summary)
    return found


def task(host: str, launch: float, finish: float, index: int, **other: Any) -> TaskRow:
    values = {"phase": "segment", "run_s": finish - launch, "failed": False, "reason": None, **other}
    return TaskRow(1, 0, "stage 1", values.pop("phase"), index, 0, host, "1", launch, finish, **values)


TASKS = (
    task("worker-1", 2, 6, 0),
    task("worker-1", 3, 5, 1),
    task("worker-1", 6, 9, 2),
    task("worker-2", 2, 4, 3, failed=True, reason="lost"),
    task("worker-2", 5, 12, 4),
    task("elsewhere", 0, 1, 5, phase="inventory"),
)
SAMPLES = tuple(
    Sample(float(t), node, cpu * t, 10 * t, t, stopped * t, 500.0 + 20 * t, None, None, 0)
    for node, cpu, stopped in (("worker-1", 0.5, 0.5), ("worker-2", 0.25, 0.0))
    for t in range(6)
)
PARTS_MADE = {part: 0.05 * (number + 1) for number, part in enumerate(PARTS)}
LOADS = [Load("exp-2", 2, 64, 40.0, 5), Load("exp-24", 6, 576, 120.0, 5), Load("exp-23", 6, 576, 150.0, 1)]


def drawn(found: Drawn | NoEstimate) -> Drawn:
    assert isinstance(found, Drawn), found
    return found


def where_figure() -> Drawn:
    splits = [Split(f"{cores} cores", Decomposition(PARTS_MADE, 48, 2), 5) for cores in (2, 4)]
    return drawn(where_time_goes(splits, ABOUT))


def every_figure() -> list[Drawn]:
    speed = [(workers, observations(workers)) for workers in WORKERS]
    ups = tables.speed_ups([(float(workers), seen) for workers, seen in speed])
    assert not isinstance(ups, NoEstimate)
    bars = [Bar("three nodes", summary(4.3, 4.4, 4.2), (4.3, 4.4, 4.2)), Bar("two nodes", summary(2.8), (2.8,))]
    plain = curve()
    average = Curve("fused", 1, tables.per_x(plain.points))
    found = [
        draw_curves(curves.TIME, [curve(outlier=2.0)], ABOUT),
        draw_curves(curves.AVERAGE, [average], ABOUT),
        draw_curves(curves.PAID, [curve(fitted=False)], ABOUT),
        draw_curves(curves.PARTITIONS, [curve(fitted=False), Curve("bigdl", 1, average.points)], ABOUT),
        scaling_figure([("fused", ups)], ABOUT),
        loads_stacked(LOADS, ABOUT),
        loads_readable(LOADS, ABOUT),
        where_figure(),
        tasks_over_time("001-a", TASKS, ["worker-1", "worker-2", "worker-3"], ABOUT),
        share_of_work("a", [NodeWork("worker-1", 30, 32.0, 5), NodeWork("old-worker", 18, None, 5)], ABOUT),
        comparison(YARN, bars, ABOUT),
        memory_over_time("001-a", SAMPLES, {"worker-1": 3072.0}, ABOUT),
        throttling_over_time("001-a", SAMPLES, ABOUT),
        precisions(
            [
                Precision("FP32", summary(1.0, 1.1), estimate(0.60)),
                Precision("INT8", summary(0.25, 0.26), estimate(0.59)),
                Precision("BF16", summary(0.5), None),
            ],
            ABOUT,
        ),
    ]
    return [drawn(one) for one in found]


def estimate(value: float) -> statistics.Estimate:
    return statistics.Estimate(value, value - 0.02, value + 0.02, 100)
