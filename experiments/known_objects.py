"""How many objects that are known to be in synthetic scenes did a cluster find?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

FOLDER = "scenes"  # where the scenes lie in a job's input
FOUND_IOU = 0.5
FOUND_SCORE = 0.3

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """What became of the known objects.

    A detection counts if its score is at least FOUND_SCORE. An object is found if a detection of its category
    covers it with a mask IoU of at least FOUND_IOU; each detection finds one object at most, the best scores first.
    wrong: detections that found nothing. mean_iou is over the objects found, None without any.
    """

    scenes: int
    objects: int
    found: int
    wrong: int
    mean_iou: float | None


def count_found(annotations: Path, rows: Sequence[Row]) -> Found:
    """Compares a job's rows with what is known; those of other images are passed over.

    Raises KeyError if a scene has no row.
    """
    content = json.loads(annotations.read_text())
    by_image = {row["image"]: row for row in rows}
    objects = wrong = 0
    ious: list[float] = []
    for image in content["images"]:
        known = [one for one in content["annotations"] if one["image_id"] == image["id"]]
        detections = by_image[f"{FOLDER}/{image['file_name']}"]["detections"]
        sure = [one for one in detections if one["score"] >= FOUND_SCORE]
        matched = _match(known, sorted(sure, key=lambda one: -one["score"]))
        objects += len(known)
        wrong += len(sure) - len(matched)
        ious += matched
    return Found(
        scenes=len(content["images"]),
        objects=objects,
        found=len(ious),
        wrong=wrong,
        mean_iou=round(float(np.mean(ious)), 4) if ious else None,
    )


def _match(known: Sequence[Row], detections: Sequence[Row]) -> list[float]:
    """The IoU of each object that is found, detections by falling score."""
    if not known or not detections:
        return []
    masks = [[dict(one["segmentation"]) for one in side] for side in (detections, known)]
    table = np.asarray(coco_mask.iou(*masks, [0] * len(known)), np.float64)
    alike = np.equal.outer([one["category_id"] for one in detections], [one["category_id"] for one in known])
    table[~alike] = 0
    ious = []
    for row in table:
        best = int(row.argmax())
        if row[best] >= FOUND_IOU:
            ious.append(float(row[best]))
            table[:, best] = 0
    return ious
