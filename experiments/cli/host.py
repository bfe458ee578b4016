"""Commands on this host: doctor, images."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from experiments.cli.output import as_json, progress, table
from experiments.host import doctor as checks
from experiments.host import images as image_set
from experiments.host import models as model_set


def register(app: typer.Typer) -> None:
    app.command()(doctor)
    app.command()(images)
    app.command()(model)


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended, then check again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Check this host: what was found, what is needed, how to mend it. Status 3 where something needed is missing."""
    if fix:
        checks.mend(progress)
    found = checks.examine()
    if json:
        as_json([asdict(check) for check in found])
    else:
        signs = {"ok": "ok", "missing": "MISSING", "limited": "limited"}
        rows = [(signs[one.verdict], one.name, one.found, one.needed, one.mend or "") for one in found]
        table(("", "check", "found", "needed", "how to mend"), rows)
    if any(one.verdict == "missing" for one in found):
        raise typer.Exit(3)


def images() -> None:
    """Build the images that are missing or out of date, and pack the Python environment for YARN."""
    image_set.build_all(progress)
    image_set.pack_environment(progress)


def model(
    weights: Annotated[Path | None, typer.Option(help="Official YOLACT weights (.pth); omitted: seeded ones.")] = None,
) -> None:
    """Build the models: ONNX, OpenVINO IR in FP32 and FP16, priors, manifest."""
    for built in model_set.build(weights, (model_set.PAPER_SIZE, model_set.DEMO_SIZE), progress).values():
        print(built.folder)
