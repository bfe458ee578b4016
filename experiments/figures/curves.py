"""Figures over a number: workers, partitions, images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from experiments.analysis import scaling
from experiments.analysis.scaling import Fit, NoFit
from experiments.analysis.statistics import NoEstimate, Summary
from experiments.bench.statistics import Estimate
from experiments.figures import style
from experiments.figures.drawn import About, Drawn, caption, nothing
from experiments.figures.rings import listed, ring, ringed
from experiments.figures.style import look, panels, styled
from experiments.figures.tables import Curve, Point, SpeedUp
from experiments.report.text import percent_text

_MOST_TICKS = 8
# Points of a fitted curve that are drawn.
_STEPS = 30


@dataclass(frozen=True)
class Plot:
    """What a figure over a number is called. x, y: with units."""

    name: str
    title: str
    x: str
    y: str
    what: str


# The paper's Fig. 15, 16, and what one pays; D3.
TIME = Plot(
    "time-per-image",
    "Time per image against workers (Fig. 15)",
    "workers",
    "seconds per image",
    "wall time of the stage that Table 10 reports, per image",
)
AVERAGE = Plot(
    "time-per-worker",
    "Average time per worker (Fig. 16)",
    "workers",
    "seconds per image and worker",
    "time per image over the number of workers, which falls whenever time does",
)
PAID = Plot(
    "worker-seconds",
    "Worker-seconds per image: what one pays",
    "workers",
    "worker-seconds per image",
    "workers times wall time per image, from submission on; level where workers are worth their cost",
)
PARTITIONS = Plot(
    "partitions",
    "Partitions against time",
    "partitions",
    "seconds per image",
    "wall time of the stage that Table 10 reports, per image",
)
COLUMNS = ("curve", "cell", "median", "low", "high", "n", "outliers")


@styled
def curves(plot: Plot, found: Sequence[Curve], about: About) -> Drawn | NoEstimate:
    """Medians with intervals, every trial as a dot, outliers ringed, and the fitted law with its band."""
    found = [one for one in found if one.points]
    if not found:
        return nothing(plot.name, "no trial was measured")
    figure, (axes,) = panels()
    for number, curve in enumerate(found):
        _curve(axes, curve, number)
    axes.set(xlabel=plot.x, ylabel=plot.y, title=plot.title, ylim=(0, None))
    _ticks(axes, [point.x for curve in found for point in curve.points])
    axes.legend()
    all_points = [point for curve in found for point in curve.points]
    repeats = [point.summary.n for point in all_points]
    said = caption(plot.what, about, repeats, _flagged(all_points), *(_fit_text(curve) for curve in found))
    columns = (COLUMNS[0], plot.x, *COLUMNS[1:2], *(f"{plot.y}, {name}" for name in COLUMNS[2:5]), *COLUMNS[5:])
    rows = tuple((curve.name, point.x, point.cell, *_numbers(point)) for curve in found for point in curve.points)
    return Drawn(plot.name, plot.title, said, figure, columns, rows)


@styled
def scaling_figure(found: Sequence[tuple[str, Sequence[SpeedUp]]], about: About) -> Drawn | NoEstimate:
    """Speed-up beside efficiency, each with its ideal."""
    name, title = "speed-up", "Speed-up and efficiency"
    found = [(label, speed_ups) for label, speed_ups in found if speed_ups]
    if not found:
        return nothing(name, "no trial on more workers has a partner on one worker")
    figure, (left, right) = panels(columns=2)
    most = max(one.workers for _, speed_ups in found for one in speed_ups)
    left.plot([1, most], [1, most], color=style.REFERENCE, linestyle="--", linewidth=1, label="ideal")
    right.plot([1, most], [1, 1], color=style.REFERENCE, linestyle="--", linewidth=1, label="ideal")
    for number, (label, speed_ups) in enumerate(found):
        workers = [one.workers for one in speed_ups]
        _errors(left, workers, [one.times for one in speed_ups], number, label)
        _errors(right, workers, [scaling.efficiency(one.times, one.workers) for one in speed_ups], number, label)
    left.set(xlabel="workers", ylabel="times as fast as one worker", title=title, xlim=(0.8, None), ylim=(0, None))
    right.set(xlabel="workers", ylabel="efficiency: speed-up over workers", xlim=(0.8, None), ylim=(0, None))
    for axes in (left, right):
        _ticks(axes, [1, *(one.workers for _, speed_ups in found for one in speed_ups)])
    left.legend()
    repeats = [one.times.n for _, speed_ups in found for one in speed_ups]
    what = "ratios of paired trials; Karp and Flatt's serial fraction is in the table"
    rows = tuple(
        (
            label,
            one.workers,
            one.times.value,
            one.times.low,
            one.times.high,
            *_three(scaling.efficiency(one.times, one.workers)),
            *_three(scaling.karp_flatt_of(one.times, one.workers)),
            one.times.n,
        )
        for label, speed_ups in found
        for one in speed_ups
    )
    named = ("speed-up", "efficiency", "serial fraction (Karp-Flatt)")
    columns = ("curve", "workers", *(f"{name}{end}" for name in named for end in ("", ", low", ", high")), "n")
    return Drawn(name, title, caption(what, about, repeats), figure, columns, rows)


def _ticks(axes: Axes, xs: Sequence[float]) -> None:
    """Where something was measured, if that can be read."""
    measured = sorted(set(xs))
    if len(measured) <= _MOST_TICKS:
        axes.set_xticks(measured, [f"{x:g}" for x in measured])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _three(one: Estimate) -> tuple[float, float, float]:
    return one.value, one.low, one.high


def _curve(axes: Axes, curve: Curve, number: int) -> None:
    one = look(number)
    summaries = [point.summary for point in curve.points]
    joined = not isinstance(curve.fit, Fit)  # where there is a law, its curve is the line
    _errors(axes, [point.x for point in curve.points], summaries, number, curve.name, joined=joined)
    for point in curve.points:
        axes.plot([point.x] * len(point.values), point.values, ".", color=one.colour, markersize=2.5, alpha=0.6)
        if point.outliers:
            ring(axes, [point.x] * len(point.outliers), point.outliers)
    if isinstance(curve.fit, Fit):
        at = np.linspace(curve.fit.least, curve.fit.most, _STEPS)
        bands = [curve.fit.band(float(x), curve.block) for x in at]
        value, low, high = ([_drawable(getattr(band, end)) for band in bands] for end in ("value", "low", "high"))
        label = f"{curve.name}, {curve.fit.law.name}"
        axes.plot(at, value, color=one.colour, linewidth=1.2, linestyle=one.line, label=label)
        axes.fill_between(at, low, high, color=one.colour, alpha=0.15, linewidth=0)


def _drawable(fitted: float) -> float:
    """To six digits: in the last ones a fit depends on the processor's arithmetic, and files would with them."""
    return float(f"{fitted:.6g}")


def _errors(
    axes: Axes, xs: Sequence[float], values: Sequence[Estimate | Summary], number: int, label: str, joined: bool = True
) -> None:
    """Markers with intervals; one value without an interval has none."""
    one = look(number)
    middles = [value.value for value in values]
    reaches = [[_reach(value, end) for value in values] for end in ("low", "high")]
    line = one.line if joined and len(xs) > 1 else "none"
    axes.errorbar(xs, middles, yerr=reaches, color=one.colour, marker=one.marker, linestyle=line, label=label)


def _reach(value: Estimate | Summary, end: str) -> float:
    at = value.low if end == "low" else value.high
    return 0.0 if at is None else max(0.0, abs(at - value.value))


def _numbers(point: Point) -> tuple[float | int | str | None, ...]:
    summary = point.summary
    return (summary.value, summary.low, summary.high, summary.n, listed(point.outliers))


def _flagged(found: Sequence[Point]) -> str:
    return ringed(point.outliers for point in found)


def _fit_text(curve: Curve) -> str:
    """What a law says of a curve, or why none does."""
    if isinstance(curve.fit, NoFit):
        return f"{curve.name}: no fit: {curve.fit.reason}"
    if curve.fit is None:
        return ""
    named = ", ".join(
        f"{key} {one.value:.3g} ({one.low:.3g} to {one.high:.3g})" for key, one in curve.fit.parameters.items()
    )
    check = curve.fit.check
    misses = "" if check.holds else f"; misses the times at {check.at:g} by {percent_text(check.largest)}"
    return f"{curve.name}: {curve.fit.law.name}, {named}{misses}"
