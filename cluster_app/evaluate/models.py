"""All backends of a model on a COCO folder: `python -m cluster_app.evaluate.models --data DIR --model DIR --out DIR`.

Prints the tables. OUT gets accuracy.json, accuracy.csv, accuracy.md, boundary-iou.svg and .png; what was found is in
detections/BACKEND.json, in COCO's format for results.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from cluster_app.backends import USUAL_KINDS, Unavailable
from cluster_app.backends.folder import ModelFolder
from cluster_app.evaluate import tables
from cluster_app.evaluate.accuracy import SCHEMA, Accuracy, measure, summary
from cluster_app.evaluate.coco import Dataset, read_dataset
from cluster_app.evaluate.detector import check_categories, open_detector, read_image, read_model
from cluster_app.evaluate.errors import BadInput, guarded
from cluster_app.evaluate.progress import say, watched
from cluster_app.evaluate.writing import finished_folder
from cluster_app.tasks import Detection

Detections = Dict[int, List[Detection]]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    options = _parse(arguments)
    return guarded(lambda: _run(options))


def _parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_app.evaluate.models", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a COCO folder")
    parser.add_argument("--split", help="NAME where a folder in COCO's layout has several")
    parser.add_argument("--model", type=Path, required=True, help="a model folder")
    parser.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    parser.add_argument("--limit", type=int, help="the first images by id, not all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backend", action="append", help=f"repeatable; omitted: {', '.join(USUAL_KINDS)}")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> None:
    model = read_model(options.model)
    dataset = read_dataset(options.data, options.split, options.limit)
    check_categories(model, dataset.annotations.categories, dataset.annotations.file)
    if model.seeded:
        say(f"{model.name}: the weights are drawn from a seed: the figures show agreement of backends, not accuracy")
    with finished_folder(options.out) as folder:
        measured: Dict[str, Accuracy] = {}
        about: Dict[str, Dict[str, Any]] = {}
        for kind in options.backend or USUAL_KINDS:
            try:
                about[kind], found = _detect(kind, model, dataset, options.threads)
            except Unavailable as error:
                if options.backend:
                    raise
                say(f"left out: {error}")
                continue
            say(f"{kind}: measuring")
            measured[kind] = measure(dataset.annotations, found)
            _keep(folder / "detections" / f"{kind}.json", found)
        _refuse_nothing(measured, dataset)
        figures = {kind: {**about[kind], **one} for kind, one in summary(measured).items()}
        _write(folder, model, dataset, figures)
    print(tables.markdown(figures), end="")


def _detect(kind: str, model: ModelFolder, dataset: Dataset, threads: int) -> Tuple[Dict[str, Any], Detections]:
    detector = open_detector(kind, model, threads)
    backend = detector.backend
    say(f"{kind}: {backend.library}, computes in {' and '.join(backend.arithmetic)}, {backend.threads} threads")
    images = dataset.annotations.images
    found = {image.id: detector.detect(read_image(dataset.path(image))) for image in watched(images, len(images), kind)}
    about = {"library": backend.library, "arithmetic": list(backend.arithmetic), "threads": backend.threads}
    return about, found


def _refuse_nothing(measured: Dict[str, Accuracy], dataset: Dataset) -> None:
    if not measured:
        raise BadInput("no backend could run: give one with --backend")
    objects = next(iter(measured.values())).outlines.objects
    if objects == 0:
        raise BadInput(f"{dataset.annotations.file}: annotations: all are crowds: nothing could be measured")


def _keep(path: Path, found: Detections) -> None:
    rows = [
        {
            "image_id": image,
            "category_id": one.category_id,
            "score": one.score,
            "bbox": list(one.bbox),
            "segmentation": dict(one.segmentation),
        }
        for image, detections in found.items()
        for one in detections
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows), encoding="utf-8")


def _write(folder: Path, model: ModelFolder, dataset: Dataset, figures: Dict[str, Dict[str, Any]]) -> None:
    from cluster_app.evaluate.figures import boundary_figure, save

    images, objects = len(dataset.annotations.images), len(dataset.annotations.objects)
    content = {
        "schema": SCHEMA,
        "model": model.name,
        "seeded": model.seeded,
        "images": images,
        "objects": objects,
        "backends": figures,
    }
    (folder / "accuracy.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "accuracy.csv").write_text(tables.as_csv(figures), encoding="utf-8")
    (folder / "accuracy.md").write_text(tables.markdown(figures), encoding="utf-8")
    title = f"{model.name}: outlines of {images} images, {objects} objects"
    save(boundary_figure(figures, title), folder, "boundary-iou")


if __name__ == "__main__":
    sys.exit(main())
