"""Commands of the interface that are not built yet: each is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import typer

from experiments.errors import UserError

COMMANDS = {
    "report": "Draw the report of a run.",
    "compare": "Compare two runs.",
    "claims": "Give the verdicts on the paper's claims.",
    "simulate": "Simulate a cluster.",
    "tune": "Find good settings for a job.",
    "data": "Fetch data sets.",
}


def register(app: typer.Typer) -> None:
    for name, summary in COMMANDS.items():
        settings = {"ignore_unknown_options": True, "allow_extra_args": True}
        app.command(name=name, help=f"{summary} (not built yet)", context_settings=settings)(_refusal(name))


def _refusal(name: str) -> Callable[[], None]:
    def refuse() -> None:
        raise UserError(f"{name}: not built yet; what is there: `clusterbed --help`")

    return refuse
