"""The ablation as a table: results/bench/ablation.md, and the same between two marks of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from experiments.bench.store import BENCH
from experiments.bench.types import Figure
from experiments.errors import UserError
from experiments.host.paths import ROOT

DOCUMENT = ROOT / "docs" / "benchmarks.md"
PREFIX = "engine_ablation_"
BEGIN, END = "<!-- ablation: `make bench GROUP=ablation` writes what follows -->", "<!-- end of the ablation -->"
NOT_MEASURED = "Not measured yet."


def table(figures: Mapping[str, Figure]) -> str:
    """A row a step, in order, each with its ratio to the first; what all notes say once; where there is none, that."""
    rungs = sorted((one for name, one in figures.items() if name.startswith(PREFIX)), key=_number)
    if not rungs:
        return NOT_MEASURED
    head = ["| step | times as fast as the first, 95 % interval | n | what changed |", "|---|---|---|---|"]
    notes = [one.note.split("; ") for one in rungs]
    shared = [part for part in notes[0] if len(notes) > 1 and all(part in note for note in notes)]
    lines = [
        f"| `{one.name.removeprefix(PREFIX)}` | {_value(one)} | {one.n} | {_without(shared, note)} |"
        for one, note in zip(rungs, notes, strict=True)
    ]
    said = (
        f"Measured on {rungs[0].date[:10]}, commit {rungs[0].commit[:10]}, {rungs[0].host.get('cpu_model', 'unknown')}"
    )
    return "\n".join([*head, *lines, "", "; ".join([said, *shared]) + "."])


def filled(text: str, figures: Mapping[str, Figure], where: str) -> str:
    """The document with the table between its marks. Raises UserError unless it has them once, in order."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UserError(f"{where}: needs the lines {BEGIN!r} and {END!r} once each; restore it with `git checkout`")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    return f"{before}\n\n{table(figures)}\n\n{after}"


def write(figures: Mapping[str, Figure], document: Path = DOCUMENT, bench: Path = BENCH) -> None:
    """Puts the table in both places. Raises UserError as `filled` does."""
    content = filled(document.read_text(encoding="utf-8"), figures, str(document))
    for path, text in ((bench / "ablation.md", table(figures) + "\n"), (document, content)):
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(text, encoding="utf-8")
        partial.rename(path)


def _without(shared: list[str], note: list[str]) -> str:
    return "; ".join(part for part in note if part not in shared)


def _value(one: Figure) -> str:
    return f"{one.value:.2f}" + (f" ({one.low:.2f} .. {one.high:.2f})" if None not in (one.low, one.high) else "")


def _number(one: Figure) -> int:
    return int(one.name.removeprefix(PREFIX).split("_", 1)[0])
