"""How figures show outliers: ringed, counted in the caption, listed in the table; none is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes

from experiments.figures import style


def ring(axes: Axes, xs: Sequence[float], ys: Sequence[float]) -> None:
    axes.plot(xs, ys, "o", markerfacecolor="none", markeredgecolor=style.REFERENCE, markersize=9)


def ringed(outliers: Iterable[Sequence[float]]) -> str:
    """For the caption."""
    count = sum(map(len, outliers))
    return f"{count} outlier{'s' if count > 1 else ''} ringed, none left out" if count else "no outlier"


def listed(outliers: Sequence[float]) -> str:
    """For a cell of the table."""
    return " ".join(f"{value:g}" for value in outliers)
