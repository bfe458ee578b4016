"""The background's bias of a seeded network, so that a photograph gives a stated number of detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cluster_app.network.model import Yolact
from cluster_app.network.seeded import silence_background
from cluster_app.tasks import Floats
from cluster_app.tasks.yolact.config import YolactConfig
from cluster_app.tasks.yolact.decode import decode
from cluster_app.tasks.yolact.nms import fast_nms
from cluster_app.tasks.yolact.priors import make_priors

FEWEST, MIDDLE, MOST = 20, 50, 100
THRESHOLD = 0.05
_HIGHEST_BIAS, _STEP = 30.0, 0.1


@dataclass(frozen=True)
class _Seen:
    """One photograph: exp(foreground logits) (N, 80) and boxes (N, 4)."""

    exponentials: Floats
    boxes: Floats


def calibrate_background(model: Yolact, images: Sequence[torch.Tensor]) -> float:
    """Set and return the bias with which most images, each (1, 3, S, S), give 20..100 detections.

    Among equals the one whose median is nearest to 50. A detection is a prior and class with a score
    over 0.05 that survives fast NMS, before the best 100 are taken. The bias is lowered step by step,
    until half of the images give more than 100.
    """
    silence_background(model)
    seen = [_look(model, image) for image in images]
    best_bias, best_merit = _HIGHEST_BIAS, (-1, 0.0)
    for bias in np.arange(_HIGHEST_BIAS, 0.0, -_STEP):
        counts = [_detections(photo, float(bias), model.config) for photo in seen]
        inside = sum(FEWEST <= count <= MOST for count in counts)
        merit = (inside, -abs(float(np.median(counts)) - MIDDLE))
        if merit > best_merit:
            best_bias, best_merit = float(round(bias, 1)), merit
        if np.median(counts) > MOST:
            break
    silence_background(model, best_bias)
    return best_bias


def _look(model: Yolact, image: torch.Tensor) -> _Seen:
    with torch.no_grad():
        loc, logits, _, _ = model.logits(image)
    boxes = decode(loc[0].numpy(), make_priors(model.config), model.config.variances)
    return _Seen(np.exp(logits[0, :, 1:].numpy()), boxes)


def _detections(photo: _Seen, bias: float, config: YolactConfig) -> int:
    total = np.exp(bias) + photo.exponentials.sum(axis=1, keepdims=True)
    over = photo.exponentials > THRESHOLD * total
    scores = photo.exponentials / total
    return sum(
        len(fast_nms(photo.boxes[rows], scores[rows, index], config.nms_iou, config.nms_top_k))
        for index, rows in ((index, np.flatnonzero(over[:, index])) for index in np.flatnonzero(over.any(axis=0)))
    )
