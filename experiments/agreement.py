"""Do two clusters find the same objects? Detections are matched one to one, image by image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment

MASK_IOU = 0.99
SCORE_DIFFERENCE = 1e-3

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Agreement:
    """What two outputs have in common.

    A pair is a detection of each, in the same image, of the same category, with scores no further apart than
    SCORE_DIFFERENCE and masks whose IoU is at least MASK_IOU (two empty masks are alike). detections is the larger
    of the two sides' numbers, image by image, in sum. statuses: images whose status differs, or that one side lacks.
    least_iou and largest_score_difference are over the pairs; None without any.
    """

    reference: str
    images: int
    statuses: int
    detections: int
    pairs: int
    least_iou: float | None
    largest_score_difference: float | None


def agreement(reference: str, first: Sequence[Row], second: Sequence[Row]) -> Agreement:
    """Compares rows of two outputs as `cluster_app.contract.rows` has them; `reference` is the first's name."""
    left, right = ({row["image"]: row for row in rows} for rows in (first, second))
    detections, ious, scores = 0, list[float](), list[float]()
    for image in left.keys() & right.keys():
        one, other = left[image]["detections"], right[image]["detections"]
        detections += max(len(one), len(other))
        for iou, score in _pairs(one, other):
            ious.append(iou)
            scores.append(score)
    images = left.keys() | right.keys()
    return Agreement(
        reference=reference,
        images=len(images),
        statuses=sum(_status(left, image) != _status(right, image) for image in images),
        detections=detections,
        pairs=len(ious),
        least_iou=round(min(ious), 6) if ious else None,
        largest_score_difference=round(max(scores), 9) if scores else None,
    )


def _status(rows: Mapping[str, Row], image: str) -> str | None:
    return rows[image]["status"] if image in rows else None


def _pairs(one: Sequence[Row], other: Sequence[Row]) -> list[tuple[float, float]]:
    """(IoU, difference of scores) of each pair, found category by category."""
    shared = Counter(found["category_id"] for found in one) & Counter(found["category_id"] for found in other)
    pairs: list[tuple[float, float]] = []
    for category in shared:
        left, right = ([found for found in side if found["category_id"] == category] for side in (one, other))
        ious = _mask_ious(left, right)
        scores = np.abs(np.subtract.outer([d["score"] for d in left], [d["score"] for d in right]))
        alike = (ious >= MASK_IOU) & (scores <= SCORE_DIFFERENCE)
        # The most pairs first; among as many, those whose masks and scores are closest.
        rows, columns = linear_sum_assignment(alike * (1e3 + ious - scores), maximize=True)
        pairs += [(float(ious[i, j]), float(scores[i, j])) for i, j in zip(rows, columns, strict=True) if alike[i, j]]
    return pairs


def _mask_ious(left: Sequence[Row], right: Sequence[Row]) -> npt.NDArray[np.float64]:
    masks = [[dict(found["segmentation"]) for found in side] for side in (left, right)]
    ious = np.asarray(coco_mask.iou(masks[0], masks[1], [0] * len(right)), np.float64)
    empty = [coco_mask.area(side) == 0 for side in masks]
    ious[np.logical_and.outer(*empty)] = 1.0
    return ious
