"""Average precision of weights on a COCO folder that training has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import torch

from cluster_app.evaluate.average_precision import average_precision
from cluster_app.evaluate.coco import read_dataset
from cluster_app.evaluate.intervals import image_weights
from cluster_app.network.model import Yolact
from cluster_app.tasks import Detection, PostprocessOptions
from cluster_app.tasks.yolact import YolactTask
from cluster_app.tasks.yolact.config import OUTPUT_NAMES
from cluster_app.tasks.yolact.priors import make_priors


def accuracy(model: Yolact, folder: Path) -> dict[str, dict[str, Any]]:
    """COCO's metrics of masks and boxes by name, each with its 95 % interval by image; and how many images.

    Post-processing is the cluster's, with its published thresholds. Raises evaluate.errors.BadInput for a folder that
    is no COCO data set.
    """
    data = read_dataset(folder)
    task, options, priors = YolactTask(model.config), PostprocessOptions(), make_priors(model.config)
    model.eval()
    found: dict[int, list[Detection]] = {}
    for image in data.annotations.images:
        pixels = cv2.imread(str(data.path(image)), cv2.IMREAD_COLOR)
        with torch.no_grad():
            outputs = model(torch.from_numpy(task.preprocess(pixels, model.config.image_size)))
        arrays = {name: output.numpy() for name, output in zip(OUTPUT_NAMES, outputs)}
        found[image.id] = task.postprocess(arrays, priors, image.height, image.width, options)
    weights = image_weights(len(found))
    result: dict[str, dict[str, Any]] = {"images": {"count": len(found)}}
    for kind in ("mask", "box"):
        measured = average_precision(data.annotations, found, kind, weights)
        result[kind] = {name: _rounded(asdict(one)) for name, one in measured.metrics.items()}
    return result


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}
