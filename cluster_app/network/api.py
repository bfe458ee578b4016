"""YOLACT step by step, on NumPy arrays: from weights and a photograph to masks. Each step can be called alone.

    network = load_network(Path("yolact_resnet50_54_800000.pth"))
    outputs = network.run(preprocess(image, network.config.image_size))
    detections = detect(outputs)
    classes, scores, boxes, masks = postprocess(detections, width, height, score_threshold=0.15)

The steps and their constants are those of the published code's evaluation of its base configuration. `YolactTask`
does the last two in one go for the cluster, and keeps masks run-length encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from cluster_app.network.configurations import configuration as configured
from cluster_app.network.model import Yolact
from cluster_app.network.weights import load_weights
from cluster_app.tasks import Bytes, Floats, PostprocessOptions
from cluster_app.tasks.yolact import masks as soft_masks
from cluster_app.tasks.yolact.config import OUTPUT_NAMES, YolactConfig
from cluster_app.tasks.yolact.decode import decode
from cluster_app.tasks.yolact.masks import Pixels
from cluster_app.tasks.yolact.nms import Indices, select
from cluster_app.tasks.yolact.preprocess import preprocess
from cluster_app.tasks.yolact.priors import make_priors

__all__ = ["Detections", "Network", "Objects", "detect", "load_network", "postprocess", "preprocess"]


@dataclass(frozen=True)
class Network:
    """A network with its weights. priors: (N, 4) float32, cx, cy, w, h as fractions of the image."""

    config: YolactConfig
    priors: Floats
    model: Yolact

    def run(self, images: Floats) -> dict[str, Floats]:
        """(B, 3, S, S) float32 as `preprocess` gives them -> the raw outputs, float32, by name.

        loc (B, N, 4); conf (B, N, C) after softmax, class 0 is the background; mask (B, N, k) after tanh;
        proto (B, h, w, k) after ReLU; priors (N, 4). Raises ValueError for an array of another shape or type.
        """
        side = self.config.image_size
        if images.ndim != 4 or images.shape[1:] != (3, side, side) or images.dtype != np.float32:
            raise ValueError(
                f"images is {images.dtype} with shape {images.shape}; allowed: float32 with shape "
                f"(B, 3, {side}, {side})"
            )
        with torch.no_grad():
            outputs = self.model(torch.from_numpy(images))
        return {**{name: output.numpy() for name, output in zip(OUTPUT_NAMES, outputs)}, "priors": self.priors}


@dataclass(frozen=True)
class Detections:
    """What is left of one image after suppression, by falling score.

    boxes (n, 4) float32: x1, y1, x2, y2 as fractions of the image, which they may reach out of; classes (n,) int64
    from 0, without the background; scores (n,) float32; coefficients (n, k) float32; proto (h, w, k) float32.
    """

    boxes: Floats
    classes: Indices
    scores: Floats
    coefficients: Floats
    proto: Floats


class Objects(NamedTuple):
    """classes (n,) int64 from 0; scores (n,) float32; boxes (n, 4) int64: x1, y1, x2, y2 in pixels; masks
    (n, height, width) uint8 of 0 and 1.
    """

    classes: Indices
    scores: Floats
    boxes: Pixels
    masks: Bytes


def load_network(weights: Path, configuration: str = "r50", image_size: int | None = None) -> Network:
    """The network of that configuration ("r50", "r101", "small") with weights from a checkpoint.

    image_size: input side in pixels, None for the configuration's own. Raises ValueError for an unknown
    configuration, a size out of range, or weights that do not fit (see `load_weights`).
    """
    config = configured(configuration, image_size)
    model = Yolact(config).eval()
    load_weights(model, weights)
    return Network(config, make_priors(config), model)


def detect(
    outputs: Mapping[str, Floats],
    *,
    image: int = 0,
    score_threshold: float = 0.05,
    top_k: int = 100,
    nms: str = "fast",
    config: YolactConfig | None = None,
) -> Detections:
    """Raw outputs of a batch -> the detections in one of its images.

    A prior counts if its best foreground score is over score_threshold, and then for every class. Per class the best
    200 go through suppression at an IoU of 0.5; of all classes the best top_k are returned. nms: "fast" as published,
    or "traditional". config: whose variances and suppression hold; None for the published ones. Raises ValueError
    for an option that is not allowed, or for outputs that do not belong together.
    """
    options = PostprocessOptions(score_threshold=score_threshold, top_k=top_k, nms=nms)
    config = config or YolactConfig()
    missing = {*OUTPUT_NAMES, "priors"} - outputs.keys()
    if missing:
        raise ValueError(f"outputs lack {', '.join(sorted(missing))}; give what Network.run returned")
    count = len(outputs["loc"])
    if not 0 <= image < count:
        raise ValueError(f"image is {image}; allowed: 0 to {count - 1}, the outputs are of {count} images")
    loc, conf, coefficients, proto = (outputs[name][image] for name in OUTPUT_NAMES)
    priors = outputs["priors"]
    if not len(loc) == len(conf) == len(coefficients) == len(priors):
        raise ValueError(
            f"loc, conf, mask and priors are for {len(loc)}, {len(conf)}, {len(coefficients)} and {len(priors)} "
            "priors; give the outputs of one network"
        )
    boxes = decode(loc, priors, config.variances)
    chosen = select(conf, boxes, config, options)
    return Detections(boxes[chosen.prior], chosen.class_index, chosen.score, coefficients[chosen.prior], proto)


def postprocess(
    detections: Detections, width: int, height: int, *, score_threshold: float = 0.0, mask_threshold: float = 0.5
) -> Objects:
    """Detections -> classes, scores, boxes and masks in a width x height image.

    Those with a score over score_threshold are kept; 0 keeps all. A mask is sigmoid(proto @ coefficients), cropped to
    its box and one cell around it, resized bilinearly, and 1 where it is over mask_threshold. Boxes are clipped to the
    image and truncated. Raises ValueError for a size under 1.
    """
    if width < 1 or height < 1:
        raise ValueError(f"the image is {width} x {height} pixels; allowed: 1 x 1 or more")
    kept = detections.scores > score_threshold if score_threshold > 0 else np.ones(len(detections.scores), bool)
    boxes = detections.boxes[kept]
    soft = soft_masks.crop(soft_masks.assemble(detections.proto, detections.coefficients[kept]), boxes)
    full = np.zeros((len(soft), height, width), np.uint8)
    for target, one in zip(full, soft):
        target[:] = soft_masks.to_original(one, height, width, mask_threshold)
    return Objects(
        detections.classes[kept], detections.scores[kept], soft_masks.pixel_boxes(boxes, height, width), full
    )
