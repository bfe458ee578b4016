"""Charts as inline SVG. Their width is the page's: places are percentages, so text keeps its size on a phone.

Colours are CSS classes (k-...), which templates/style.css defines for light, dark and paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

BAR = 26  # height of a bar's row, in px
AXIS = 22
LANE = 13
_TICKS = 5
# A segment narrower than this share of the row has no room for its number.
_LABELLED = 0.11


@dataclass(frozen=True)
class Segment:
    """A part of a stacked bar. label is drawn in it where there is room, title is shown when pointed at."""

    value: float
    kind: str
    label: str
    title: str


@dataclass(frozen=True)
class Block:
    """A stretch of a timeline, in the axis's unit."""

    begin: float
    end: float
    kind: str
    title: str
    failed: bool = False


@dataclass(frozen=True)
class Scale:
    """An axis from 0 to `span`, with a line at each tick."""

    span: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> str:
        return f"{100 * value / self.span:.3f}%"


def scale_to(largest: float) -> Scale:
    """An axis from 0 to a little over `largest` (over 0), with about five round ticks. Raises ValueError."""
    if not (largest > 0 and math.isfinite(largest)):
        raise ValueError(f"an axis cannot end at {largest}")
    rough = largest / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    count = math.floor(largest / step + 1e-9)
    return Scale(largest * 1.02, tuple(step * number for number in range(count + 1)))


def element(name: str, *children: Markup, **attributes: object) -> Markup:
    """An element; class_ is written as class, view_box as viewBox, x_y as x-y. Values are escaped."""
    written = Markup("").join(
        Markup(' {}="{}"').format(_ATTRIBUTES.get(key, key.replace("_", "-")), value)
        for key, value in attributes.items()
    )
    return Markup("<{}{}>{}</{}>").format(Markup(name), written, Markup("").join(children), Markup(name))


_ATTRIBUTES = {"class_": "class", "view_box": "viewBox"}


def stacked_bar(segments: Iterable[Segment], scale: Scale) -> Markup:
    """One bar of segments, from the left, in their order."""
    drawn, begin = [*_grid(scale, BAR)], 0.0
    for segment in segments:
        place = {"x": scale.at(begin), "width": scale.at(segment.value)}
        drawn.append(
            element("rect", _title(segment.title), **place, y=3, height=BAR - 6, class_=f"bar k-{segment.kind}")
        )
        if segment.label and segment.value / scale.span >= _LABELLED:
            middle = scale.at(begin + segment.value / 2)
            drawn.append(_text(segment.label, x=middle, y=17, class_=f"on on-{segment.kind}"))
        begin += segment.value
    return _svg(drawn, BAR)


def share_bar(value: float, expected: float | None, label: str, title: str, scale: Scale) -> Markup:
    """A bar with its number behind it, and a mark at what was to be expected."""
    drawn = [
        *_grid(scale, BAR),
        element("rect", _title(title), x=0, width=scale.at(value), y=4, height=BAR - 8, class_="bar k-plain"),
    ]
    if expected is not None:
        at = scale.at(expected)
        drawn.append(element("line", x1=at, x2=at, y1=1, y2=BAR - 1, class_="mark"))
    inside = value / scale.span > 0.75
    drawn.append(
        _text(label, x=scale.at(value), dx=-6 if inside else 6, y=17, class_="on on-plain end" if inside else "beside")
    )
    return _svg(drawn, BAR)


def timeline(lanes: Sequence[Sequence[Block]], scale: Scale) -> Markup:
    """Blocks on their lanes, one below the other."""
    height = LANE * max(1, len(lanes)) + 4
    drawn = [*_grid(scale, height)]
    for number, lane in enumerate(lanes):
        for block in lane:
            place = {"x": scale.at(block.begin), "width": scale.at(max(block.end - block.begin, 0))}
            top = 2 + number * LANE
            kind = f"task k-{block.kind}" + (" failed" if block.failed else "")
            drawn.append(element("rect", _title(block.title), **place, y=top + 1, height=LANE - 2, class_=kind))
    return _svg(drawn, height)


def axis(scale: Scale, unit: str) -> Markup:
    """The numbers below the rows; the unit stands at the last of them."""
    last = scale.ticks[-1]
    drawn = []
    for tick in scale.ticks:
        place = "start" if tick == 0 else "end" if tick > 0.93 * scale.span else "middle"
        drawn.append(_text(f"{tick:g}{f' {unit}' if tick == last else ''}", x=scale.at(tick), y=14, class_=place))
    return _svg(drawn, AXIS, "axis")


def lanes(blocks: Iterable[Block]) -> list[list[Block]]:
    """Blocks by when they begin, each on the first lane that is free then."""
    packed: list[list[Block]] = []
    for block in sorted(blocks, key=lambda one: (one.begin, one.end)):
        free = next((lane for lane in packed if lane[-1].end <= block.begin), None)
        if free is None:
            packed.append([block])
        else:
            free.append(block)
    return packed


def _svg(children: Iterable[Markup], height: int, kind: str = "plot") -> Markup:
    return element("svg", *children, class_=kind, width="100%", height=height, aria_hidden="true")


def _grid(scale: Scale, height: int) -> list[Markup]:
    return [
        element("line", x1=scale.at(tick), x2=scale.at(tick), y1=0, y2=height, class_="grid") for tick in scale.ticks
    ]


def _title(text: str) -> Markup:
    return element("title", escape(text))


def _text(text: str, **attributes: object) -> Markup:
    return element("text", escape(text), **attributes)
