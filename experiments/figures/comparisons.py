"""Figures of cells beside each other: two clusters, precisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from experiments.analysis.statistics import NoEstimate, NoiseFloor, Summary
from experiments.bench.statistics import Estimate
from experiments.figures.drawn import About, Drawn, caption, nothing
from experiments.figures.rings import listed, ring, ringed
from experiments.figures.style import look, panels, styled
from experiments.figures.tables import Bar


@dataclass(frozen=True)
class Contest:
    """What a comparison is called. x: with its unit."""

    name: str
    title: str
    x: str
    what: str


_PER_IMAGE = "wall time of the stage that Table 10 reports, per image"
YARN = Contest("yarn-standalone", "YARN against standalone (Y8)", "seconds per image", _PER_IMAGE)


def nodes(many: float, few: float) -> Contest:
    return Contest("nodes", f"{many:g} executors against {few:g}, on YARN (Y4)", "seconds per image", _PER_IMAGE)


@styled
def comparison(
    contest: Contest,
    bars: Sequence[Bar],
    about: About,
    ratio: tuple[str, Estimate] | None = None,
    floor: NoiseFloor | None = None,
    kinds: int | None = None,
) -> Drawn | NoEstimate:
    """A line for each cell: median, interval, every trial. ratio: what over what, and its estimate, for the caption.

    kinds: after how many bars the same ones come again, for another cell: these look alike.
    """
    if not bars:
        return nothing(contest.name, "no trial was measured")
    figure, (axes,) = panels(height=1.2 + 0.45 * len(bars))
    for number, bar in enumerate(bars):
        _line(axes, bar, number % (kinds or len(bars)), number)
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars])
    axes.set(xlabel=contest.x, title=contest.title, xlim=(0, None), ylim=(len(bars) - 0.5, -0.5))
    remarks = [_ratio_text(*ratio)] if ratio else []
    remarks.append(f"noise floor {100 * floor.share:.1f} % (A/A)" if floor else "no A/A of this figure")
    remarks.append(ringed([bar.outliers for bar in bars]))
    rows = tuple(
        (bar.label, bar.summary.value, bar.summary.low, bar.summary.high, bar.summary.n, listed(bar.outliers))
        for bar in bars
    )
    columns = ("cell", *(f"{contest.x}, {name}" for name in ("median", "low", "high")), "n", "outliers")
    said = caption(contest.what, about, [bar.summary.n for bar in bars], *remarks)
    return Drawn(contest.name, contest.title, said, figure, columns, rows)


@dataclass(frozen=True)
class Precision:
    """One precision: seconds per image of this host, and mask AP; accuracy is None where it was not measured."""

    label: str
    speed: Summary
    accuracy: Estimate | None


@styled
def precisions(found: Sequence[Precision], about: About) -> Drawn | NoEstimate:
    """Speed against accuracy, both with intervals; a precision without an accuracy is named in the caption."""
    name, title = "precisions", "Precision: speed and accuracy"
    placed = [one for one in found if one.accuracy is not None]
    if not placed:
        return nothing(name, "no precision has both a speed and an accuracy")
    figure, (axes,) = panels()
    for number, one in enumerate(placed):
        assert one.accuracy is not None
        shown = look(number)
        axes.errorbar(
            [one.speed.value],
            [one.accuracy.value],
            xerr=_reach(one.speed),
            yerr=_reach(one.accuracy),
            color=shown.colour,
            marker=shown.marker,
            linestyle="none",
            label=one.label,
        )
    axes.set(xlabel="seconds per image (less is faster)", ylabel="mask AP .50:.95", title=title, xlim=(0, None))
    axes.legend()
    missing = [one.label for one in found if one.accuracy is None]
    remark = f"without an accuracy, and not drawn: {', '.join(missing)}" if missing else ""
    rows = tuple(
        (one.label, one.speed.value, one.speed.low, one.speed.high, one.speed.n, *_accuracy(one.accuracy))
        for one in found
    )
    columns = (
        "precision",
        "seconds per image",
        "low",
        "high",
        "n",
        "mask AP",
        "mask AP, low",
        "mask AP, high",
        "images",
    )
    said = caption(
        "time per image, and mask AP with the interval over images", about, [one.speed.n for one in found], remark
    )
    return Drawn(name, title, said, figure, columns, rows)


def _line(axes: Axes, bar: Bar, kind: int, place: int) -> None:
    one, middle = look(kind), bar.summary.value
    axes.errorbar([middle], [place], xerr=_reach(bar.summary), color=one.colour, marker=one.marker, linestyle="none")
    axes.plot(bar.values, [place + 0.18] * len(bar.values), ".", color=one.colour, markersize=3, alpha=0.6)
    if bar.outliers:
        ring(axes, bar.outliers, [place + 0.18] * len(bar.outliers))


def _reach(one: Summary | Estimate) -> list[list[float]] | None:
    if one.low is None or one.high is None:
        return None
    return [[max(0.0, one.value - one.low)], [max(0.0, one.high - one.value)]]


def _ratio_text(what: str, one: Estimate) -> str:
    return f"{what}: {one.value:.3g} ({one.low:.3g} to {one.high:.3g}) by {one.n} paired trials"


def _accuracy(one: Estimate | None) -> tuple[float | int | None, ...]:
    return (None, None, None, None) if one is None else (one.value, one.low, one.high, one.n)
