"""Workers, images and total time together: as the paper's Fig. 17 stacks them, and so that they can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from experiments.analysis.statistics import NoEstimate
from experiments.figures.drawn import About, Drawn, caption, nothing
from experiments.figures.style import look, panels, styled


@dataclass(frozen=True)
class Load:
    """One cell of Fig. 17: workers, images, and seconds of all of them; n: its trials."""

    cell: str
    workers: int
    images: int
    seconds: float
    n: int


_LOADS = ("workers", "images", "seconds")


@styled
def loads_stacked(found: Sequence[Load], about: About) -> Drawn | NoEstimate:
    """The paper's Fig. 17: workers, images and total time as shares of their sum, whatever their units."""
    name, title = "fig-17", "Workers, images and total time, stacked to 100 % (Fig. 17)"
    if len(found) < 2:
        return nothing(name, "an area needs two cells")
    figure, (axes,) = panels()
    values = np.array([[getattr(one, key) for one in found] for key in _LOADS], np.float64)
    shares = 100 * values / values.sum(axis=0)
    areas = axes.stackplot(range(len(found)), shares, labels=_LOADS, colors=[look(place).colour for place in range(3)])
    for place, area in enumerate(areas):
        area.set_hatch(look(place).hatch)
        area.set_edgecolor("white")
    _cells(axes, found)
    axes.set(ylabel="share of the sum (%)", title=title, ylim=(0, 100), xlim=(0, len(found) - 1))
    figure.legend(loc="outside right upper")
    what = "as the paper draws it: adds up workers, images and seconds, so heights say nothing by themselves"
    return Drawn(
        name,
        title,
        caption(what, about, [one.n for one in found], interval="medians"),
        figure,
        _LOAD_COLUMNS,
        _load_rows(found),
    )


@styled
def loads_readable(found: Sequence[Load], about: About) -> Drawn | NoEstimate:
    """The same, each quantity on a scale of its own."""
    name, title = "fig-17-readable", "Workers, images and total time, each on its own scale"
    if not found:
        return nothing(name, "no trial was measured")
    figure, axes = panels(rows=3, height=5.2, sharex=True)
    for place, (panel, key) in enumerate(zip(axes, _LOADS, strict=True)):
        one = look(place)
        values = [getattr(load, key) for load in found]
        panel.bar(range(len(found)), values, color=one.colour, hatch=one.hatch, edgecolor="white")
        panel.set(ylabel=key, ylim=(0, None))
    axes[0].set_title(title)
    _cells(axes[-1], found)
    what = "median time of each cell's job, from submission to its end"
    return Drawn(
        name,
        title,
        caption(what, about, [one.n for one in found], interval="medians"),
        figure,
        _LOAD_COLUMNS,
        _load_rows(found),
    )


_LOAD_COLUMNS = ("cell", "workers", "images", "seconds", "n")


def _load_rows(found: Sequence[Load]) -> tuple[tuple[str | float, ...], ...]:
    return tuple((one.cell, one.workers, one.images, one.seconds, one.n) for one in found)


def _cells(axes: Axes, found: Sequence[Load]) -> None:
    axes.set_xticks(range(len(found)), [one.cell for one in found], rotation=40, ha="right")
