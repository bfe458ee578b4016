"""How well outlines agree with the data set's: boundary IoU of each object's detection, at several dilation ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping, Sequence

import numpy as np

from cluster_app.evaluate.average_precision import Found
from cluster_app.evaluate.boundary import RATIOS, boundary_iou
from cluster_app.evaluate.intervals import Estimate, Weights, weighted_mean
from cluster_app.evaluate.matching import match
from cluster_app.tasks import Bytes, Detection
from cluster_app.tasks.yolact import rle

# Detections with a lower score are not what a user would draw.
LEAST_SCORE = 0.3


@dataclass(frozen=True)
class Outlines:
    """by_ratio: mean boundary IoU of the objects found, by dilation ratio; by_ratio_all: of all objects, 0 for those
    not found; mask_iou: mean IoU of the objects found; found: their share of all objects; objects: how many there are.
    """

    by_ratio: Mapping[float, Estimate]
    by_ratio_all: Mapping[float, Estimate]
    mask_iou: Estimate
    found: Estimate
    objects: int


def outlines(truth: Found, found: Found, weights: Weights, ratios: Sequence[float] = RATIOS) -> Outlines:
    """An object is found if a detection of its class with a score of at least 0.3 has a mask IoU of at least 0.5.

    truth and found: detections by image id. Means are over objects, intervals over images.
    """
    images = list(truth)
    sums: Dict[float, list[float]] = {ratio: [] for ratio in ratios}
    overlaps, pairs, objects = [], [], []
    for image in images:
        likely = [one for one in found.get(image, ()) if one.score >= LEAST_SCORE]
        matched = match(truth[image], likely).pairs
        masks = [(_mask(truth[image][pair.first]), _mask(likely[pair.second])) for pair in matched]
        for ratio in ratios:
            sums[ratio].append(sum(boundary_iou(one, other, ratio) for one, other in masks))
        overlaps.append(sum(pair.iou for pair in matched))
        pairs.append(len(matched))
        objects.append(len(truth[image]))
    count, every = np.array(pairs, float), np.array(objects, float)
    return Outlines(
        by_ratio={ratio: weighted_mean(np.array(sums[ratio]), count, weights) for ratio in ratios},
        by_ratio_all={ratio: weighted_mean(np.array(sums[ratio]), every, weights) for ratio in ratios},
        mask_iou=weighted_mean(np.array(overlaps), count, weights),
        found=weighted_mean(count, every, weights),
        objects=int(every.sum()),
    )


def _mask(one: Detection) -> Bytes:
    return rle.decode(one.segmentation)
