"""Results to stdout, progress to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def progress(text: str) -> None:
    """One line of what is being done."""
    print(text, file=sys.stderr, flush=True)


def as_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; wide cells wrap, nothing is cut."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        # As text: what a user wrote may hold brackets, which are no markup.
        drawn.add_row(*[Text("" if cell is None else str(cell)) for cell in row])
    # Into a pipe or a file, a line of the table is one line.
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(drawn)
