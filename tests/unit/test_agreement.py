"""Detections of two clusters are matched one to one, by category, mask and score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from experiments.agreement import agreement


def found(x: int, *, width: int = 10, category: int = 1, score: float = 0.9) -> dict[str, Any]:
    pixels = np.zeros((40, 60), np.uint8, order="F")
    pixels[5:25, x : x + width] = 1
    encoded = coco_mask.encode(pixels)
    return {
        "category_id": category,
        "score": score,
        "segmentation": {"size": encoded["size"], "counts": encoded["counts"].decode()},
    }


def row(*detections: dict[str, Any], image: str = "a.jpg", status: str = "ok") -> dict[str, Any]:
    return {"image": image, "status": status, "detections": list(detections)}


def test_the_same_in_another_order_agrees() -> None:
    one, other = found(0), found(30, score=0.5)
    result = agreement("first", [row(one, other)], [row(other, one)])
    assert (result.images, result.statuses, result.detections, result.pairs) == (1, 0, 2, 2)
    assert (result.least_iou, result.largest_score_difference) == (1.0, 0.0)


@pytest.mark.parametrize(
    "changed",
    [found(1), found(0, category=2), found(0, score=0.902), found(0, width=9)],
    ids=["moved", "other category", "other score", "smaller"],
)
def test_what_differs_is_no_pair(changed: dict[str, Any]) -> None:
    result = agreement("first", [row(found(0), found(30))], [row(changed, found(30))])
    assert (result.detections, result.pairs) == (2, 1)


def test_each_detection_has_one_partner_at_most() -> None:
    result = agreement("first", [row(found(0), found(0))], [row(found(0))])
    assert (result.detections, result.pairs) == (2, 1)


def test_as_many_pairs_as_there_can_be() -> None:
    """Taking the closest scores first would leave one over."""
    first = [found(0, score=0.9), found(0, score=0.9008)]
    second = [found(0, score=0.9007), found(0, score=0.9015)]
    assert agreement("first", [row(*first)], [row(*second)]).pairs == 2


def test_empty_masks_are_alike() -> None:
    assert agreement("first", [row(found(0, width=0))], [row(found(0, width=0))]).pairs == 1
    assert agreement("first", [row(found(0, width=0))], [row(found(0))]).pairs == 0


def test_a_status_that_differs_and_an_image_that_lacks_are_counted() -> None:
    first = [row(found(0)), row(image="b.jpg"), row(image="c.jpg", status="corrupt")]
    second = [row(found(0)), row(image="c.jpg")]
    result = agreement("first", first, second)
    assert (result.images, result.statuses, result.pairs) == (3, 2, 1)


def test_nothing_found_is_no_agreement() -> None:
    result = agreement("first", [row()], [row()])
    assert (result.detections, result.pairs, result.least_iou) == (0, 0, None)
