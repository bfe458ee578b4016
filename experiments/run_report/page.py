"""From a report's content to its HTML: one file, no script, nothing that a browser would have to fetch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from experiments.figures.drawn import Cell, Drawn, csv_of
from experiments.report.demo import TEMPLATES as SHARED
from experiments.report.text import count_text, figure_text, joined, number_text, ratio_text
from experiments.run_report.content import Table, data_uri

_TEMPLATES = Path(__file__).with_name("templates")
# A longer table is cut on the page; its CSV holds all of it.
_MOST_ROWS = 60


def render(content: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader([_TEMPLATES, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(cell=cell_text, count=count_text, joined=joined, number=number_text, ratio=ratio_text)
    return environment.get_template("run.html.j2").render(content)


def figure(name: str, drawn: Drawn, svg: bytes, records: str) -> Mapping[str, Any]:
    """A figure as the template takes it, with its picture inside."""
    width, height = (round(96 * inches) for inches in drawn.figure.get_size_inches())
    return {
        "name": name,
        "title": drawn.title,
        "caption": drawn.caption,
        "picture": data_uri(svg, "image/svg+xml"),
        "width": width,
        "height": height,
        "records": records,
        "table": table(Table(name, drawn.columns, drawn.rows)),
    }


def table(one: Table, most: int = _MOST_ROWS) -> Mapping[str, Any]:
    """A table as the template takes it: numbers to the right, its CSV beside."""
    numbers = [all(isinstance(row[place], int | float | None) for row in one.rows) for place in range(len(one.columns))]
    csv = csv_of(one.columns, one.rows)
    return {
        "name": one.name,
        "columns": one.columns,
        "numbers": numbers,
        "rows": one.rows[:most],
        "all": len(one.rows),
        "csv": data_uri(csv.encode(), "text/csv;charset=utf-8"),
    }


def cell_text(value: Cell) -> str:
    """A missing value stays empty."""
    if isinstance(value, float):
        return figure_text(value)
    return "" if value is None else str(value)
