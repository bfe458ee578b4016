"""Masks: assembled, cropped, brought to the original's size."""

from __future__ import annotations

import numpy as np
import pytest

from cluster_app.tasks.yolact import masks, rle


def test_assemble_is_the_sigmoid_of_the_weighted_prototypes() -> None:
    rng = np.random.default_rng(0)
    proto = rng.random((5, 7, 3), dtype=np.float32)
    coefficients = rng.standard_normal((2, 3)).astype(np.float32)
    soft = masks.assemble(proto, coefficients)
    assert soft.shape == (2, 5, 7)
    for n in range(2):
        expected = 1 / (1 + np.exp(-(proto * coefficients[n]).sum(axis=2)))
        np.testing.assert_allclose(soft[n], expected, rtol=1e-5)


@pytest.mark.filterwarnings("error")
def test_assemble_bears_large_logits() -> None:
    proto = np.full((1, 1, 1), 1e4, np.float32)
    assert masks.assemble(proto, np.array([[1.0], [-1.0]], np.float32)).ravel().tolist() == [1.0, 0.0]


def test_crop_keeps_the_box_and_one_pixel_around_it() -> None:
    soft = np.ones((1, 10, 10), np.float32)
    cropped = masks.crop(soft, np.array([[0.3, 0.5, 0.5, 0.7]], np.float32))
    expected = np.zeros((10, 10))
    expected[4:8, 2:6] = 1  # x 3..5 and y 5..7 in cells, grown to 2..6 and 4..8, the end excluded
    np.testing.assert_array_equal(cropped[0], expected)


def test_crop_of_a_box_outside_is_empty_and_swapped_corners_are_put_in_order() -> None:
    boxes = np.array([[1.5, 1.5, 1.9, 1.9], [-0.9, -0.9, -0.5, -0.5], [0.5, 0.7, 0.3, 0.5]], np.float32)
    cropped = masks.crop(np.ones((3, 10, 10), np.float32), boxes)
    assert cropped.sum(axis=(1, 2)).tolist() == [0, 0, 16]


def test_to_original_is_bilinear_then_over_the_threshold() -> None:
    soft = np.random.default_rng(3).random((13, 11), dtype=np.float32)
    mask = masks.to_original(soft, 90, 70, 0.5)
    rows = np.clip((np.arange(90) + 0.5) * 13 / 90 - 0.5, 0, 12)
    columns = np.clip((np.arange(70) + 0.5) * 11 / 70 - 0.5, 0, 10)
    along = np.stack([np.interp(columns, np.arange(11), row) for row in soft])
    resized = np.stack([np.interp(rows, np.arange(13), column) for column in along.T], axis=1)
    assert mask.shape == (90, 70)
    assert mask.dtype == np.uint8
    clear = np.abs(resized - 0.5) > 1e-5
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(mask[clear], resized[clear] > 0.5)


def test_to_original_comes_in_the_order_that_rle_reads() -> None:
    mask = masks.to_original(np.eye(8, dtype=np.float32), 300, 200, 0.5)
    assert mask.flags.f_contiguous
    assert np.shares_memory(mask.ravel(order="F"), mask)
    assert rle.run_lengths(mask).sum() == 300 * 200


def test_pixel_boxes_are_clipped_and_truncated() -> None:
    boxes = np.array([[0.1999, 0.2, 0.5999, 1.4], [-0.3, -0.2, 0.55, 0.5], [0.6, 0.5, 0.2, 0.4]], np.float32)
    assert masks.pixel_boxes(boxes, 50, 100).tolist() == [[19, 10, 59, 50], [0, 0, 55, 25], [20, 20, 60, 25]]


@pytest.mark.parametrize(("height", "width"), [(300, 451), (13, 11), (5, 700), (640, 2), (1, 1)])
def test_encode_is_the_published_steps_in_one_go(height: int, width: int) -> None:
    rng = np.random.default_rng(4)
    proto = rng.standard_normal((13, 11, 4)).astype(np.float32)
    coefficients = rng.standard_normal((60, 4)).astype(np.float32)
    boxes = rng.uniform(-0.4, 1.4, (60, 4)).astype(np.float32)
    boxes[0], boxes[1], boxes[2] = (0, 0, 1, 1), (1.5, 1.5, 1.9, 1.9), (-0.9, -0.9, -0.5, -0.5)
    coefficients[3] = 0  # 0.5 everywhere, which is not over the threshold
    soft = masks.crop(masks.assemble(proto, coefficients), boxes)
    expected = [rle.encode(masks.to_original(one, height, width, 0.5)) for one in soft]
    assert list(masks.encode(proto, coefficients, boxes, height, width, 0.5)) == expected
    assert {rle.area(one) > 0 for one in expected} == {True, False}


def test_encode_of_masks_that_reach_the_last_pixel() -> None:
    proto, coefficients = np.full((4, 4, 1), 9.0, np.float32), np.ones((2, 1), np.float32)
    boxes = np.array([[0, 0, 1, 1], [0.75, 0, 1, 1]], np.float32)
    whole, right = (rle.decode(one) for one in masks.encode(proto, coefficients, boxes, 8, 8, 0.5))
    assert whole.all()
    assert right.sum(axis=0).tolist() == [0, 0, 0, 0, 8, 8, 8, 8]  # grown by one cell, half of whose edge fades
