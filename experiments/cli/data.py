"""Commands on data sets: data coco."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments import coco
from experiments.cli.output import progress
from experiments.runner.inputs import COCO


def register(app: typer.Typer) -> None:
    data = typer.Typer(no_args_is_help=True, help="Fetch data sets.")
    data.callback()(_group)
    data.command(name="coco")(fetch_coco)
    app.add_typer(data, name="data")


def _group() -> None:
    """Without it Typer would make the one command the group itself."""


def fetch_coco(
    folder: Annotated[Path | None, typer.Option(help="Where it is put; omitted: where presets look for it.")] = None,
) -> None:
    """Fetch COCO's validation images of 2017 with their annotations, about 1.1 GB; Ctrl-C keeps what has come."""
    target = folder or COCO.parent
    coco.fetch(target, progress)
    print(f"data: ok, {coco.VAL2017.images} images in {target / coco.IMAGES}, {target / coco.ANNOTATIONS}")
