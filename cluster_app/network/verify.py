"""Does what was written compute what the PyTorch network computes, and does it find the same objects?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov
import torch

from cluster_app.backends.openvino_backend import settings
from cluster_app.evaluate.matching import match
from cluster_app.network.artefacts import Limits
from cluster_app.network.model import Yolact
from cluster_app.network.photos import Photo
from cluster_app.tasks import Detection, Floats, PostprocessOptions
from cluster_app.tasks.yolact import YolactTask, rle
from cluster_app.tasks.yolact.config import OUTPUT_NAMES
from cluster_app.tasks.yolact.preprocess import preprocess

Outputs = Mapping[str, Floats]
Backend = Callable[[Floats], Outputs]

_PRECISIONS = {"u8": "int8", "i8": "int8"}
_COMPUTE_LAYERS = ("Convolution", "FullyConnected", "MatMul", "Deconvolution")


@dataclass(frozen=True)
class Difference:
    """Of one output to PyTorch's, over all images.

    absolute: the largest |a - b|; relative: the largest |a - b| / max(|b|, r), r being the root mean square of b, so
    that values near 0 do not decide; rms: root mean square of a - b, over r.
    """

    absolute: float
    relative: float
    rms: float


@dataclass(frozen=True)
class Agreement:
    """Detections with a score over the threshold, over all images: how many PyTorch and the artefact have, how many
    of both have a partner of the same class and a mask IoU of at least 0.5 in the other; of the pairs the mean and
    smallest IoU and the largest difference of scores.
    """

    torch: int
    artefact: int
    matched: int
    mean_iou: float
    least_iou: float
    score_difference: float

    @property
    def share(self) -> float:
        """Matched detections over those of whichever found more; 1 where neither found any."""
        most = max(self.torch, self.artefact)
        return self.matched / most if most else 1.0


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


def executed_layers(xml_path: Path) -> dict[str, int]:
    """How many convolutions and matrix products OpenVINO computes in which arithmetic, in the compiled IR."""
    compiled = ov.Core().compile_model(str(xml_path), "CPU", settings("f32", 1))
    found: Counter[str] = Counter()
    for layer in compiled.get_runtime_model().get_ops():
        told = layer.get_rt_info()
        if "layerType" in told and told["layerType"].value in _COMPUTE_LAYERS:
            precision = told["runtimePrecision"].value
            found[_PRECISIONS.get(precision, precision)] += 1
    return dict(sorted(found.items()))


def check_arithmetic(name: str, executed: Mapping[str, int], arithmetic: str) -> None:
    """Raises RuntimeError unless most layers compute in that arithmetic, and none in another than it or f32."""
    if not executed.keys() <= {arithmetic, "f32"} or executed.get(arithmetic, 0) * 2 <= sum(executed.values()):
        raise RuntimeError(f"{name} should compute in {arithmetic}; its layers compute in {dict(executed)}")


def differences(found: Sequence[Outputs], reference: Sequence[Outputs]) -> dict[str, Difference]:
    """By output, over the outputs for several images. Raises ValueError if there are none."""
    if not reference or len(found) != len(reference):
        raise ValueError(f"{len(found)} outputs to compare with {len(reference)}; give one each, and at least one")
    return {
        name: _difference(
            np.stack([one[name] for one in found]).astype(np.float64),
            np.stack([one[name] for one in reference]).astype(np.float64),
        )
        for name in OUTPUT_NAMES
    }


def _difference(found: np.ndarray, reference: np.ndarray) -> Difference:
    apart = np.abs(found - reference)
    scale = max(float(np.sqrt(np.square(reference).mean())), float(np.finfo(np.float32).tiny))
    return Difference(
        absolute=float(apart.max()),
        relative=float((apart / np.maximum(np.abs(reference), scale)).max()),
        rms=float(np.sqrt(np.square(apart).mean())) / scale,
    )


def agreement(found: Sequence[Sequence[Detection]], reference: Sequence[Sequence[Detection]]) -> Agreement:
    """Matches the detections of each image one to one. Raises ValueError for another number of images."""
    if len(found) != len(reference):
        raise ValueError(f"detections in {len(found)} images to compare with those in {len(reference)}")
    matchings = [match(first, second) for first, second in zip(reference, found)]
    pairs = [pair for matching in matchings for pair in matching.pairs]
    return Agreement(
        torch=sum(map(len, reference)),
        artefact=sum(map(len, found)),
        matched=len(pairs),
        mean_iou=float(np.mean([pair.iou for pair in pairs])) if pairs else 0.0,
        least_iou=min((pair.iou for pair in pairs), default=0.0),
        score_difference=max((abs(pair.score_difference) for pair in pairs), default=0.0),
    )


def check(what: str, found: Mapping[str, Difference], agreed: Agreement, limits: Limits) -> None:
    """Raises RuntimeError that names the artefact and each output, or the detections, beyond the limits.

    A difference that is no number is beyond them too.
    """
    wrong = []
    for name, difference in found.items():
        if not difference.absolute <= limits.absolute[name]:
            wrong.append(f"{name} by {difference.absolute:.1e} (allowed: {limits.absolute[name]:.0e})")
        elif not difference.rms <= limits.rms:
            wrong.append(f"{name} by {difference.rms:.1e} of its root mean square (allowed: {limits.rms:.0e})")
    if not agreed.share >= limits.matched:
        wrong.append(
            f"its detections, of which {agreed.matched} match ({agreed.torch} in PyTorch, {agreed.artefact} here; "
            f"allowed: {limits.matched:.0%} or more)"
        )
    if wrong:
        raise RuntimeError(f"{what} differs from PyTorch in {', '.join(wrong)}")


def over_threshold(found: Sequence[Detection]) -> list[Detection]:
    """Those whose own score is over the threshold; post-processing returns every class of a prior that is over it."""
    return [detection for detection in found if detection.score > PostprocessOptions().score_threshold]


def check_findings(findings: Sequence[Findings], all_hold_objects: bool) -> None:
    """Raises RuntimeError if an image has no detection that should hold objects.

    Trained weights may rightly find nothing in one photograph of whatever; finding nothing in any is a fault.
    """
    without = [found.photo for found in findings if found.over_threshold == 0]
    if not findings or (without and (all_hold_objects or len(without) == len(findings))):
        names = ", ".join(without) or "the images, of which there are none"
        raise RuntimeError(f"no detection in {names}: give other photographs, other weights, or another seed")


def find(backend: Backend, priors: Floats, photos: Sequence[Photo], image_size: int) -> list[Findings]:
    """Run network and post-processing on each photograph."""
    return [examine(backend(preprocess(photo.pixels, image_size)), priors, photo) for photo in photos]


def examine(outputs: Outputs, priors: Floats, photo: Photo) -> Findings:
    """Run post-processing on the outputs for one photograph."""
    height, width = photo.pixels.shape[:2]
    found = YolactTask().postprocess(outputs, priors, height, width, PostprocessOptions())
    over = over_threshold(found)
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
