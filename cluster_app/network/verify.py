"""Does what was written compute what the PyTorch network computes, and does it find anything?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import openvino as ov
import torch

from cluster_app.network.model import Yolact
from cluster_app.network.photos import Photo
from cluster_app.tasks import Floats, PostprocessOptions
from cluster_app.tasks.yolact import YolactTask, rle
from cluster_app.tasks.yolact.config import INPUT_NAME, OUTPUT_NAMES

Outputs = Mapping[str, Floats]
Backend = Callable[[Floats], Outputs]


@dataclass(frozen=True)
class Findings:
    """What post-processing makes of one photograph.

    over_threshold: detections with a score over the threshold; detections: all that are returned (a
    prior over the threshold counts for every class); classes: categories among over_threshold;
    empty_masks: how many of these have no pixel; mask_fill: median share that the mask covers of its
    box, grown by the cropping's padding of one prototype cell; box_side: smallest, median and largest
    box, as the square root of its share of the image.
    """

    photo: str
    over_threshold: int
    detections: int
    classes: int
    mask_fill: float
    empty_masks: int
    box_side: tuple[float, float, float]


def torch_backend(model: Yolact) -> Backend:
    def run(image: Floats) -> Outputs:
        with torch.no_grad():
            outputs = model(torch.from_numpy(image))
        return {name: output.numpy() for name, output in zip(OUTPUT_NAMES, outputs)}

    return run


def onnx_backend(path: Path) -> Backend:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda image: dict(zip(OUTPUT_NAMES, session.run(list(OUTPUT_NAMES), {INPUT_NAME: image})))


def openvino_backend(xml_path: Path) -> Backend:
    """Float32 arithmetic, stated: on processors with BF16 OpenVINO would silently compute in that."""
    compiled = ov.Core().compile_model(str(xml_path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(image: Floats) -> Outputs:
        results = compiled([image])
        return {name: results[name].copy() for name in OUTPUT_NAMES}

    return run


def differences(backend: Backend, reference: Outputs, image: Floats) -> dict[str, float]:
    """Largest absolute difference to the reference, for each output."""
    outputs = backend(image)
    return {name: float(np.abs(outputs[name] - reference[name]).max()) for name in OUTPUT_NAMES}


def check_differences(what: str, found: Mapping[str, float], allowed: Mapping[str, float]) -> None:
    """Raises RuntimeError that names each output whose difference is over what is allowed, or not a number."""
    wrong = [f"{name} by {value:.1e} (allowed: {allowed[name]:.0e})" for name, value in found.items()
             if not value <= allowed[name]]  # fmt: skip
    if wrong:
        raise RuntimeError(f"{what} differs from PyTorch in {', '.join(wrong)}")


def find(backend: Backend, priors: Floats, photos: Sequence[Photo], image_size: int) -> list[Findings]:
    """Run network and post-processing on each photograph."""
    return [_find_one(backend, priors, photo, image_size) for photo in photos]


def _find_one(backend: Backend, priors: Floats, photo: Photo, image_size: int) -> Findings:
    task, options = YolactTask(), PostprocessOptions()
    height, width = photo.pixels.shape[:2]
    outputs = backend(task.preprocess(photo.pixels, image_size))
    found = task.postprocess(outputs, priors, height, width, options)
    over = [detection for detection in found if detection.score > options.score_threshold]
    areas = np.array([rle.area(detection.segmentation) for detection in over])
    extents = np.array([detection.bbox[2:] for detection in over]).reshape(-1, 2)
    cell = np.array([width, height]) / outputs["proto"].shape[1]
    fills = areas / (extents + 2 * cell).prod(axis=1)
    sides = np.sqrt(extents.prod(axis=1) / (height * width))
    smallest, middle, largest = np.quantile(sides, (0, 0.5, 1)).round(3).tolist() if over else (0.0, 0.0, 0.0)
    return Findings(
        photo=photo.name,
        over_threshold=len(over),
        detections=len(found),
        classes=len({detection.category_id for detection in over}),
        mask_fill=round(float(np.median(fills)), 3) if over else 0.0,
        empty_masks=int((areas == 0).sum()),
        box_side=(smallest, middle, largest),
    )
