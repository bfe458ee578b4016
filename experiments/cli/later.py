"""Commands of the interface that are not built yet: each is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import typer

from experiments.errors import UserError

COMMANDS = {
    "simulate": "Simulate a cluster.",
    "tune": "Find good settings for a job.",
}


def register(app: typer.Typer) -> None:
    for name, summary in COMMANDS.items():
        settings = {"ignore_unknown_options": True, "allow_extra_args": True}
        app.command(name=name, help=f"{summary} (not built yet)", context_settings=settings)(_refusal(name))


def _refusal(name: str) -> Callable[[], None]:
    def refuse() -> None:
        raise UserError(f"{name}: not built yet; what is there: `clusterbed --help`")

    return refuse
