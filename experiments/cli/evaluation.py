"""Commands on accuracy: evaluate, evaluate-models, video."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from experiments.cli.output import progress
from experiments.errors import UserError
from experiments.host import evaluation
from experiments.host.paths import MODELS, RESULTS

_MODEL = "A model folder; omitted: the newest `small` one that `make model` built."
Model = Annotated[Path | None, typer.Option(help=_MODEL)]


def register(app: typer.Typer) -> None:
    app.command(name="evaluate")(evaluate)
    app.command(name="evaluate-models")(evaluate_models)
    app.command(name="video")(video)


def evaluate(
    output: Annotated[Path, typer.Argument(help="A job's output folder.")],
    annotations: Annotated[Path, typer.Option(help="COCO annotations of the job's input.")],
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Measure the accuracy of a job's output: mask and box AP, boundary IoU, with intervals by image."""
    print(evaluation.evaluate_output(output, annotations, as_json=json, say=progress), end="")


def evaluate_models(
    folder: Annotated[Path, typer.Argument(help="A COCO folder: images/ and annotations.json, or COCO's own layout.")],
    model: Model = None,
    out: Annotated[Path | None, typer.Option(help="A new folder; omitted: one below results/.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first images by id, not all.")] = None,
    split: Annotated[str | None, typer.Option(help="Which, where COCO's layout holds several: val2017.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of every backend.")] = 1,
    backend: Annotated[list[str] | None, typer.Option(help="Repeatable; omitted: all that can run here.")] = None,
) -> None:
    """Measure the accuracy of a model in Torch, ONNX Runtime and OpenVINO, on a COCO folder."""
    chosen = _model(model)
    target = out or RESULTS / f"accuracy-{chosen.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    text = evaluation.evaluate_models(
        folder, chosen, target, limit=limit, split=split, threads=threads, backends=backend or (), say=progress
    )
    print(text, end="")
    progress(f"tables, figures and detections: {target}")


def video(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The annotated video: .mp4, .webm or .avi.")],
    model: Model = None,
    backend: Annotated[str, typer.Option(help="What to compute with.")] = "openvino-fp32",
    threads: Annotated[int, typer.Option(min=1)] = 1,
    least_score: Annotated[float, typer.Option(min=0, max=1, help="Objects with a lower one are not drawn.")] = 0.3,
    limit: Annotated[int | None, typer.Option(min=1, help="The first frames, not all.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT.")] = False,
) -> None:
    """Draw a model's detections into a video."""
    arguments = ["--backend", backend, "--threads", str(threads), "--least-score", str(least_score)]
    arguments += ["--limit", str(limit)] if limit is not None else []
    chosen = _model(model)
    text = evaluation.annotate_video(source, target, chosen, arguments=arguments, force=force, say=progress)
    print(text, end="")


def _model(given: Path | None) -> Path:
    """The folder given, or the newest shipped model that is built."""
    if given is not None:
        return given
    built = sorted(MODELS.glob("*/yolact-small-*/manifest.json"), key=lambda path: path.stat().st_mtime)
    if not built:
        raise UserError(f"no `small` model is built below {MODELS}; `make model` builds it, or give one with --model")
    return built[-1].parent
