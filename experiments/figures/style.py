"""One look for all figures: told apart by colour, marker, line and hatch, so also in grey and by the colour-blind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Width of a page's column in inches; PNG files have this many pixels an inch.
WIDTH, HEIGHT, DPI = 7.0, 4.0, 144

# Text stays text in SVG files, so that it can be read out, searched and copied; ids do not depend on chance.
_SETTINGS: Mapping[Any, Any] = MappingProxyType(
    {
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "errorbar.capsize": 3.0,
        "figure.facecolor": "white",
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "grid.color": "#d9d9d9",
        "grid.linewidth": 0.6,
        "hatch.linewidth": 0.6,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
        "lines.markersize": 5.5,
        "savefig.dpi": DPI,
        "svg.fonttype": "none",
        "svg.hashsalt": "clusterbed",
    }
)


@dataclass(frozen=True)
class Look:
    """How one series looks; the hatch is that of a filled area."""

    colour: str
    marker: str
    line: str
    hatch: str


# Okabe and Ito's colours (their black as a dark grey), ordered so that neighbours differ in lightness too; then some of
# Paul Tol's muted ones, each of another lightness than the colour whose hatch it shares.
_COLOURS = (
    *("#0072B2", "#E69F00", "#333333", "#CC79A7", "#F0E442", "#009E73", "#56B4E9", "#D55E00"),
    *("#332288", "#882255", "#999933", "#DDCC77", "#BBBBBB", "#FFAABB"),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_LINES = ("-", "--", ":", "-.")
_HATCHES = ("", "///", "---", "\\\\\\", "xxx", "|||", "+++", "//")
# What an ideal, a limit or an expectation is drawn with.
REFERENCE = "#595959"


def look(number: int) -> Look:
    """The look of the number-th series, from 0; hatches change before colours come again."""
    turn, place = divmod(number, len(_COLOURS))
    return Look(
        _COLOURS[place],
        _MARKERS[(place + turn) % len(_MARKERS)],
        _LINES[number % len(_LINES)],
        _HATCHES[(number + turn) % len(_HATCHES)],
    )


@contextmanager
def applied() -> Iterator[None]:
    """Within it, matplotlib draws and saves in this style; settings of the user's are left aside, and come back."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


P = ParamSpec("P")
R = TypeVar("R")


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """The function, drawing in this style."""

    def draw(*args: P.args, **kwargs: P.kwargs) -> R:
        with applied():
            return function(*args, **kwargs)

    draw.__name__, draw.__doc__ = function.__name__, function.__doc__
    return draw


def panels(rows: int = 1, columns: int = 1, height: float = HEIGHT, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure and its panels, row by row; no window, and no state that figures share."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).flat)


def settle_layout(figure: Figure) -> None:
    """Places its panels, once: then there is no layout engine any more, and saving does not place them anew.

    Nothing is drawn for it: the engine measures labels by itself.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    with matplotlib.rc_context({"figure.constrained_layout.use": False, "figure.autolayout": False}):
        figure.set_layout_engine(None)
