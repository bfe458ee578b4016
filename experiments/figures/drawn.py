"""A figure with what belongs to it: caption, and the table behind it. As files, the same bytes each time."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from experiments.analysis.statistics import ENOUGH, NoEstimate
from experiments.figures import style

Cell = str | float | int | None


@dataclass(frozen=True)
class About:
    """What every caption says. hosts: where it was measured, in words; core: what a paper core is worth of a host core,
    None where there is no cluster; remark: what else is to be known, such as cells that were left out.
    """

    hosts: str
    core: float | None
    remark: str = ""


@dataclass(frozen=True)
class Drawn:
    """name: of its files. columns, rows: every number that is drawn, with units in the columns' names.

    The layout is settled once, here: settled anew for each file it would depend on which was saved before.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        style.settle_layout(self.figure)


_INTERVAL = "medians with 95 % bootstrap intervals"


def caption(
    what: str,
    about: About,
    repeats: Sequence[int],
    *remarks: str,
    interval: str = _INTERVAL,
) -> str:
    """What is drawn, over how many repeats, with which interval, on which host, at which CPU scale; then remarks."""
    counts = sorted(set(repeats)) or [0]
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    said = [what, f"n = {number} trial{'' if counts[-1] == 1 else 's'} each"]
    if counts[-1] > 1:
        said.append(
            interval + (f", too narrow where n < {ENOUGH}" if interval == _INTERVAL and counts[0] < ENOUGH else "")
        )
    if counts[0] == 1:
        said.append("no interval where n = 1")
    said.append(about.hosts)
    said.append(f"a paper core is {about.core:g} of a host core" if about.core is not None else "no CPU scale")
    return "; ".join([*said, *filter(None, (*remarks, about.remark))]) + "."


def nothing(name: str, reason: str) -> NoEstimate:
    """What a figure function returns that has nothing to draw: never an empty or invented curve."""
    return NoEstimate(f"{name}: {reason}")


def svg(drawn: Drawn) -> bytes:
    """As an SVG file, with the title and caption in it."""
    return _saved(drawn, "svg", {"Title": drawn.title, "Description": drawn.caption, "Date": None, "Creator": None})


def png(drawn: Drawn) -> bytes:
    return _saved(drawn, "png", {"Title": drawn.title, "Software": None})


def csv_text(drawn: Drawn) -> str:
    """The table behind it; what is missing is empty."""
    return csv_of(drawn.columns, drawn.rows)


def csv_of(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def save(drawn: Drawn, folder: Path, name: str | None = None) -> bytes:
    """Writes NAME.svg and NAME.png, whole or not at all, and returns the SVG file's content."""
    folder.mkdir(parents=True, exist_ok=True)
    name, content = name or drawn.name, svg(drawn)
    for path, data in ((folder / f"{name}.svg", content), (folder / f"{name}.png", png(drawn))):
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(data)
        partial.rename(path)
    return content


def _saved(drawn: Drawn, form: str, metadata: dict[str, str | None]) -> bytes:
    file = io.BytesIO()
    with style.applied():
        drawn.figure.savefig(file, format=form, metadata=metadata)
    return file.getvalue()
