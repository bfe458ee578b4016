"""Which priors become detections."""

from __future__ import annotations

import numpy as np
import pytest

from cluster_app.tasks import PostprocessOptions
from cluster_app.tasks.yolact import YolactConfig
from cluster_app.tasks.yolact.nms import fast_nms, iou_matrix, select, traditional_nms

# Each overlaps with its neighbour by IoU 0.6, the first and the last by 1/3 only.
CHAIN = np.array([[0.0, 0, 1.0, 1], [0.25, 0, 1.25, 1], [0.5, 0, 1.5, 1]], np.float32)
FALLING = np.array([0.9, 0.8, 0.7], np.float32)


def test_iou_by_hand() -> None:
    np.testing.assert_allclose(iou_matrix(CHAIN, CHAIN), [[1, 0.6, 1 / 3], [0.6, 1, 0.6], [1 / 3, 0.6, 1]], rtol=1e-6)


def test_iou_of_boxes_without_area_is_zero() -> None:
    point = np.zeros((1, 4), np.float32)
    assert iou_matrix(point, point).tolist() == [[0.0]]


def test_fast_nms_lets_a_suppressed_box_suppress() -> None:
    assert fast_nms(CHAIN, FALLING, 0.5, 200).tolist() == [0]


def test_traditional_nms_does_not() -> None:
    assert traditional_nms(CHAIN * 100, FALLING, 0.5).tolist() == [0, 2]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_survivors_come_by_falling_score_whatever_the_input_order(order: tuple[int, ...]) -> None:
    boxes = np.array([[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5]], np.float32)
    index = np.array(order)
    best_first = np.argsort(index).tolist()
    assert fast_nms(boxes[index], FALLING[index], 0.5, 200).tolist() == best_first
    assert traditional_nms(boxes[index] * 100, FALLING[index], 0.5).tolist() == best_first


def test_fast_nms_looks_at_the_best_of_a_class_only() -> None:
    boxes = np.array([[i, 0, i + 1, 1] for i in range(5)], np.float32)
    scores = np.array([0.1, 0.5, 0.2, 0.4, 0.3], np.float32)
    assert fast_nms(boxes, scores, 0.5, 2).tolist() == [1, 3]


def test_an_overlap_of_exactly_the_threshold_survives() -> None:
    boxes = np.array([[0, 0, 2, 1], [0, 0, 1, 1]], np.float32)
    assert iou_matrix(boxes, boxes)[0, 1] == 0.5
    assert fast_nms(boxes, FALLING[:2], 0.5, 200).tolist() == [0, 1]


@pytest.mark.parametrize(("right", "kept"), [(8, [0, 1]), (9, [0])])
def test_traditional_nms_counts_pixels_and_suppresses_at_the_threshold(right: int, kept: list[int]) -> None:
    """Boxes from pixel 0 to pixel 19 and to `right`, ends included: 20 columns, of which 9 or 10 are shared."""
    boxes = np.array([[0, 0, 19, 9], [0, 0, right, 9]], np.float32)
    assert traditional_nms(boxes, FALLING[:2], 0.5).tolist() == kept


def _select(conf: list[list[float]], boxes: np.ndarray, **options: object) -> list[tuple[int, int, float]]:
    found = select(np.array(conf, np.float32), boxes, YolactConfig(), PostprocessOptions(**options))  # type: ignore[arg-type]
    rows = zip(found.prior, found.class_index, found.score, strict=True)
    return [(int(prior), int(class_index), round(float(score), 3)) for prior, class_index, score in rows]


APART = np.array([[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5]], np.float32)


def test_a_prior_over_the_threshold_counts_for_every_class() -> None:
    conf = [[0.5, 0.4, 0.02], [0.98, 0.01, 0.04], [0.9, 0.03, 0.06]]
    # The second prior's best foreground score is under 0.05, whatever its background score is.
    assert _select(conf, APART) == [(0, 0, 0.4), (2, 1, 0.06), (2, 0, 0.03), (0, 1, 0.02)]


def test_a_score_of_exactly_the_threshold_is_not_over_it() -> None:
    conf = [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]
    assert _select(conf, APART, score_threshold=0.5) == []
    assert len(_select(conf, APART, score_threshold=0.49)) == 6


def test_traditional_keeps_to_the_threshold_in_each_class() -> None:
    conf = [[0.5, 0.4, 0.02], [0.98, 0.01, 0.04], [0.9, 0.03, 0.06]]
    assert _select(conf, APART, nms="traditional") == [(0, 0, 0.4), (2, 1, 0.06)]


def test_top_k_keeps_the_best_of_all_classes() -> None:
    conf = [[0.2, 0.7, 0.1], [0.2, 0.2, 0.6], [0.4, 0.3, 0.3]]
    assert _select(conf, APART, top_k=2) == [(0, 0, 0.7), (1, 1, 0.6)]


def test_no_candidate_gives_an_empty_selection() -> None:
    assert _select([[1.0, 0.0, 0.0]] * 3, APART) == []


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("score_threshold", 1.1, "0 to 1"),
        ("score_threshold", -0.1, "0 to 1"),
        ("score_threshold", float("nan"), "0 to 1"),
        ("mask_threshold", -0.1, "0 to 1"),
        ("top_k", 0, "1 or more"),
        ("nms", "soft", "fast, traditional"),
    ],
)
def test_options_are_checked(field: str, value: object, allowed: str) -> None:
    with pytest.raises(ValueError, match=f"{field} is .*allowed: {allowed}"):
        PostprocessOptions(**{field: value})  # type: ignore[arg-type]
