"""Commands on stored runs: report, compare, claims. Their libraries take a second to load, so each loads its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.cli.output import progress
from experiments.errors import UserError

Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its folder, or a folder of runs.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def register(app: typer.Typer) -> None:
    app.command(name="report")(report)
    app.command(name="compare")(compare)
    app.command(name="claims")(claims)


def report(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids below results/, or folders; of runs, too.")],
    out: Annotated[Path | None, typer.Option(help="Where to; omitted: the run's folder. Needed for several.")] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Advice for this many images.")] = None,
    deadline: Annotated[float | None, typer.Option(min=0, help="In so many seconds; with --images.")] = None,
    budget: Annotated[float | None, typer.Option(min=0, help="For so many worker-seconds; with --images.")] = None,
) -> None:
    """Draw the report of runs from what is stored: figures, answer, verdicts, advice. Needs no Docker."""
    from experiments.analysis.advice import Wish
    from experiments.run_report.write import write_report

    if images is None and (deadline is not None or budget is not None):
        raise UserError("--deadline and --budget say by when, and for what, --images are to be done; give --images too")
    written = write_report(runs, out, Wish(images, deadline, budget) if images is not None else None)
    for answer in written.answers:
        progress(f"{answer.question} {answer.said[0]}")
    print(f"report: ok, {written.figures} figures, {written.report}")


def compare(first: Run, second: Run, json: Json = False) -> None:
    """Compare two runs, also of two commits: what differs beyond noise, by cell and phase."""
    from experiments.cli.comparing import print_comparison

    print_comparison(first, second, json)


def claims(run: Run, json: Json = False) -> None:
    """Give the verdict on each of the paper's claims, from a stored run or a folder of runs."""
    from experiments.cli.comparing import print_claims

    print_claims(run, json)
