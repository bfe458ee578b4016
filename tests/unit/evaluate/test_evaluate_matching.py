"""One-to-one matching of detections, on hand-made masks."""

from __future__ import annotations

import numpy as np
import pytest
from coco_material import detection, square

from cluster_app.evaluate.matching import mask_iou, match
from cluster_app.tasks.yolact import rle


@pytest.mark.parametrize(
    ("first", "second", "iou"),
    [
        (square(0, 0, 10), square(0, 0, 10), 1.0),
        (square(0, 0, 10), square(5, 0, 10), 50 / 150),
        (square(0, 0, 10), square(5, 5, 10), 25 / 175),
        (square(0, 0, 10), square(20, 20, 10), 0.0),
        (square(0, 0, 40), square(3, 4, 2), 4 / 1600),
        (square(0, 0, 0), square(3, 4, 2), 0.0),
        (square(0, 0, 0), square(0, 0, 0), 0.0),
    ],
)
def test_iou_of_masks(first: np.ndarray, second: np.ndarray, iou: float) -> None:
    assert mask_iou(rle.encode(first), rle.encode(second)) == pytest.approx(iou, abs=1e-12)
    assert mask_iou(rle.encode(second), rle.encode(first)) == pytest.approx(iou, abs=1e-12)


def test_masks_of_different_images_are_refused() -> None:
    other = rle.encode(square(0, 0, 3, height=41))
    with pytest.raises(ValueError, match=r"masks of different images: sizes \(40, 60\) and \(41, 60\)"):
        mask_iou(rle.encode(square(0, 0, 3)), other)
    with pytest.raises(ValueError, match="counts cover 9 pixels; size is 40 x 60"):
        mask_iou({"size": [40, 60], "counts": rle.compress(np.array([9]))}, other)


def test_equal_lists_match_themselves() -> None:
    found = [detection(square(4 * index, index, 6), 0.9 - index / 10, 1 + index % 2) for index in range(5)]
    matching = match(found, list(found))
    assert sorted((pair.first, pair.second) for pair in matching.pairs) == [(index, index) for index in range(5)]
    assert all(pair.iou == 1 and pair.score_difference == 0 for pair in matching.pairs)
    assert matching.only_first == matching.only_second == ()


def test_the_larger_overlap_goes_first_and_nothing_is_used_twice() -> None:
    first = [detection(square(0, 0, 10), 0.9), detection(square(2, 0, 10), 0.8)]
    second = [detection(square(2, 0, 10), 0.5)]
    matching = match(first, second)
    assert [(pair.first, pair.second) for pair in matching.pairs] == [(1, 0)]
    assert matching.pairs[0].score_difference == pytest.approx(-0.3)
    assert matching.only_first == (0,)
    assert matching.only_second == ()


def test_equal_overlaps_pair_the_nearest_scores() -> None:
    first = [detection(square(0, 0, 10), score) for score in (0.9, 0.2)]
    second = [detection(square(0, 0, 10), score) for score in (0.25, 0.85)]
    assert sorted((pair.first, pair.second) for pair in match(first, second).pairs) == [(0, 1), (1, 0)]


def test_other_classes_and_small_overlaps_do_not_match() -> None:
    one = [detection(square(0, 0, 10), 0.9, 1)]
    assert match(one, [detection(square(0, 0, 10), 0.9, 2)]).pairs == ()
    assert match(one, [detection(square(5, 0, 10))], least_iou=0.34).pairs == ()
    assert len(match(one, [detection(square(5, 0, 10))], least_iou=0.33).pairs) == 1


def test_empty_masks_and_lists_match_nothing() -> None:
    empty = [detection(square(0, 0, 0))]
    assert match(empty, empty, least_iou=0.0).pairs == ()
    assert match([], empty) == match([], empty)
    assert match([], empty).only_second == (0,)
    assert match([], []).pairs == ()
