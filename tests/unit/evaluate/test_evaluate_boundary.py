"""Boundary IoU by hand: rings of squares, the image's edge, empty masks."""

from __future__ import annotations

import numpy as np
import pytest
from coco_material import detection, square

from cluster_app.evaluate.boundary import boundary, boundary_iou, distance
from cluster_app.evaluate.intervals import image_weights
from cluster_app.evaluate.outlines import outlines
from cluster_app.tasks import Bytes

# 30 x 40: the diagonal is 50 pixels.
SIZE = {"height": 30, "width": 40}


@pytest.mark.parametrize(("ratio", "pixels"), [(0.001, 1), (0.02, 1), (0.04, 2), (0.05, 2), (0.08, 4), (0.5, 25)])
def test_the_width_is_a_share_of_the_diagonal(ratio: float, pixels: int) -> None:
    assert distance(30, 40, ratio) == pixels


@pytest.mark.parametrize(("width", "pixels"), [(1, 100 - 64), (2, 100 - 36), (4, 100 - 4), (5, 100), (9, 100)])
def test_the_boundary_of_a_square_is_a_ring(width: int, pixels: int) -> None:
    found = boundary(square(8, 8, 10, **SIZE), width)
    assert found.sum() == pixels
    assert found[8, 8] == 1


def test_the_images_edge_is_a_contour() -> None:
    assert boundary(np.ones((30, 40), np.uint8), 1).sum() == 30 * 40 - 28 * 38


def by_definition(first: Bytes, second: Bytes, width: int) -> float:
    one, other = boundary(first, width).astype(bool), boundary(second, width).astype(bool)
    return float((one & other).sum() / (one | other).sum())


def test_two_squares() -> None:
    one = square(8, 8, 10, **SIZE)
    assert boundary_iou(one, one, 0.02) == 1.0
    # Rings of 36 pixels, one pixel apart: the top and bottom edges share 9 pixels each, and nothing else.
    assert boundary_iou(one, square(9, 8, 10, **SIZE), 0.02) == pytest.approx(18 / 54)
    # As wide as the squares, rings are the squares: 10 x 9 of 110 pixels are shared.
    assert boundary_iou(one, square(9, 8, 10, **SIZE), 0.1) == pytest.approx(90 / 110)
    assert boundary_iou(one, square(20, 8, 10, **SIZE), 0.02) == 0.0


def test_what_lies_outside_of_both_masks_changes_nothing() -> None:
    for first, second in (((0, 0, 9), (1, 2, 9)), ((20, 10, 20), (22, 10, 18)), ((3, 3, 5), (30, 20, 9))):
        one, other = square(*first, **SIZE), square(*second, **SIZE)
        for ratio in (0.02, 0.04, 0.08):
            assert boundary_iou(one, other, ratio) == by_definition(one, other, distance(30, 40, ratio))


def test_empty_masks() -> None:
    nothing, one = square(0, 0, 0, **SIZE), square(3, 3, 5, **SIZE)
    assert boundary_iou(nothing, nothing, 0.02) == 0.0
    assert boundary_iou(nothing, one, 0.02) == 0.0


def test_masks_of_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="masks of different images"):
        boundary_iou(square(0, 0, 3), square(0, 0, 3, **SIZE), 0.02)


def test_outlines_of_a_data_set() -> None:
    one, beside = square(8, 8, 10, **SIZE), square(9, 8, 10, **SIZE)
    truth = {1: [detection(one), detection(square(25, 3, 5, **SIZE))], 2: [detection(one)], 3: []}
    found = {1: [detection(beside, 0.9)], 2: [detection(one, 0.31), detection(one, 0.29)]}
    measured = outlines(truth, found, image_weights(3), ratios=(0.02, 0.1))
    assert measured.objects == 3
    assert measured.found.value == pytest.approx(2 / 3)
    assert measured.mask_iou.value == pytest.approx((90 / 110 + 1) / 2)
    assert measured.by_ratio[0.02].value == pytest.approx((18 / 54 + 1) / 2)
    assert measured.by_ratio_all[0.02].value == pytest.approx((18 / 54 + 1) / 3)
    assert measured.by_ratio[0.1].value == pytest.approx((90 / 110 + 1) / 2)
    low, high = measured.by_ratio[0.02].low, measured.by_ratio[0.02].high
    assert low is not None
    assert high is not None
    assert low == pytest.approx(18 / 54)
    assert high == 1.0


def test_a_detection_that_nobody_would_draw_finds_nothing() -> None:
    one = square(8, 8, 10, **SIZE)
    measured = outlines({1: [detection(one)]}, {1: [detection(one, 0.29)]}, image_weights(1))
    assert measured.found.value == 0.0
    assert measured.by_ratio[0.02].value is None
    assert measured.by_ratio_all[0.02].value == 0.0
