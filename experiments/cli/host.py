"""Commands on this host: doctor, images, model, netron."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from experiments.cli.output import as_json, progress, table
from experiments.host import doctor as checks
from experiments.host import images as image_set
from experiments.host import models as model_set
from experiments.host import netron as graph_viewer
from experiments.host.models import DEMO_SIZE, PAPER_SIZE


def register(app: typer.Typer) -> None:
    app.command()(doctor)
    app.command()(images)
    app.command()(model)
    app.command()(netron)


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
    configuration: Annotated[str | None, typer.Option(help="r50 (default), r101, or small: trained.")] = None,
    size: Annotated[int | None, typer.Option(help="Input side in pixels; omitted: 550, and 192 for small.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Only what a job needs: ONNX, FP32, FP16, priors.")] = False,
) -> None:
    """Build the models: ONNX, OpenVINO IR in FP32, FP16 and INT8, preprocessing inside, priors, manifest, pictures.

    Without options: R50 with seeded weights at 550 and 192 pixels, and the trained small one.
    """
    if (weights, configuration, size) == (None, None, None):
        built = list(model_set.build(None, [PAPER_SIZE, DEMO_SIZE], progress, full=not plain).values())
        built.append(model_set.trained(progress, full=not plain))
    elif configuration == "small" and weights is None and size in (None, model_set.SMALL_SIZE):
        built = [model_set.trained(progress, full=not plain)]
    else:
        kind, side = configuration or "r50", size or PAPER_SIZE
        built = list(model_set.build(weights, [side], progress, configuration=kind, full=not plain).values())
    for one in built:
        print(one.folder)


def netron(
    model: Annotated[Path | None, typer.Option(help="A model file; omitted: the R50's model.onnx.")] = None,
    port: Annotated[int, typer.Option(help="On 127.0.0.1.", min=1, max=65535)] = graph_viewer.DEFAULT_PORT,
) -> None:
    """Show a model's graph in the browser, until Ctrl-C."""
    graph = model or model_set.build(None, [PAPER_SIZE], progress)[PAPER_SIZE].folder / "model.onnx"
    graph_viewer.serve(graph, port, print)
