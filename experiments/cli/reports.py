"""Commands on stored runs: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.analysis.advice import Wish
from experiments.cli.output import progress
from experiments.errors import UserError


def register(app: typer.Typer) -> None:
    app.command(name="report")(report)


def report(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids below results/, or folders; of runs, too.")],
    out: Annotated[Path | None, typer.Option(help="Where to; omitted: the run's folder. Needed for several.")] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Advice for this many images.")] = None,
    deadline: Annotated[float | None, typer.Option(min=0, help="In so many seconds; with --images.")] = None,
    budget: Annotated[float | None, typer.Option(min=0, help="For so many worker-seconds; with --images.")] = None,
) -> None:
    """Draw the report of runs from what is stored: figures, answer, verdicts, advice. Needs no Docker."""
    # The report's libraries take a second to load, which other commands do not need.
    from experiments.run_report.write import write_report

    if images is None and (deadline is not None or budget is not None):
        raise UserError("--deadline and --budget say by when, and for what, --images are to be done; give --images too")
    written = write_report(runs, out, Wish(images, deadline, budget) if images is not None else None)
    for answer in written.answers:
        progress(f"{answer.question} {answer.said[0]}")
    print(f"report: ok, {written.figures} figures, {written.report}")
