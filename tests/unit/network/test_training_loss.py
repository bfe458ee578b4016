"""The loss, against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cluster_app.network.training import loss
from cluster_app.tasks.yolact.decode import decode

VARIANCES = (0.1, 0.2)
# Four priors of a quarter of the side each, in the corners of the unit square; cx, cy, w, h.
PRIORS = torch.tensor([[x, y, 0.25, 0.25] for y in (0.25, 0.75) for x in (0.25, 0.75)])


def corners(cx: float, cy: float, width: float, height: float) -> list[float]:
    return [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2]


def test_priors_are_matched_by_their_overlap() -> None:
    # In x the first box is shifted by 1/7 of the side: IoU (6/7) / (8/7) = 0.75. The second touches no prior well:
    # shifted by 4/9 both ways, IoU = (25/81) / (2 - 25/81) = 0.18, and still it is the best that it has.
    shift, far = 0.25 / 7, 0.25 * 4 / 9
    boxes = torch.tensor([corners(0.25 + shift, 0.25, 0.25, 0.25), corners(0.75 - far, 0.75 - far, 0.25, 0.25)])
    found = loss.match(boxes, torch.tensor([3, 5]), PRIORS)
    assert found.classes.tolist() == [3, 0, 0, 5]
    assert found.objects[[0, 3]].tolist() == [0, 1]


def test_between_the_thresholds_a_prior_is_neither() -> None:
    # Two boxes at one prior; what is left of the other one's overlap at the second prior is the IoU in question.
    for overlap, expected in ((0.45, -1), (0.39, 0), (0.51, 4)):
        side = 0.25
        shift = side * (1 - overlap) / (1 + overlap)
        near = torch.tensor([[0.25, 0.25, side, side], [0.25 + shift, 0.25, side, side]])
        found = loss.match(torch.tensor([corners(0.25, 0.25, side, side)]), torch.tensor([4]), near)
        assert found.classes.tolist() == [4, expected]


def test_an_image_without_objects_is_all_background() -> None:
    found = loss.match(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), PRIORS)
    assert found.classes.tolist() == [0, 0, 0, 0]


@given(st.lists(st.floats(0.05, 0.4), min_size=4, max_size=4), st.integers(0, 3))
def test_encoded_boxes_decode_to_themselves(numbers: list[float], prior: int) -> None:
    box = torch.tensor([[numbers[0], numbers[1], numbers[0] + numbers[2], numbers[1] + numbers[3]]])
    encoded = loss.encode(box, PRIORS[prior : prior + 1], VARIANCES)
    back = decode(encoded.numpy(), PRIORS[prior : prior + 1].numpy(), VARIANCES)
    np.testing.assert_allclose(back, box.numpy(), atol=1e-5)


def test_class_loss_takes_three_of_the_hardest_negatives_for_a_positive() -> None:
    # Foreground logits of 0 (positive), 3, 2, 1, -5 and one that is ignored though hardest of all.
    logits = torch.tensor([[[0.0, 0.0], [0.0, 3.0], [0.0, 2.0], [0.0, 1.0], [0.0, -5.0], [0.0, 9.0]]])
    classes = torch.tensor([[1, 0, 0, 0, 0, -1]])
    expected = math.log(2) + sum(math.log(1 + math.exp(x)) for x in (3, 2, 1))
    assert float(loss.class_loss(logits, classes)) == pytest.approx(expected, rel=1e-5)


def test_class_loss_of_an_image_without_positives_is_nothing() -> None:
    assert float(loss.class_loss(torch.randn(1, 5, 3), torch.zeros(1, 5, dtype=torch.int64))) == 0


def test_mask_loss_is_the_mean_inside_of_the_box() -> None:
    # A 4 x 4 grid, the box its upper left 2 x 2 cells. Logit 0 costs log 2; whatever is outside costs nothing.
    predicted = torch.full((4, 4, 1), 100.0)
    predicted[:2, :2] = 0.0
    predicted[0, 0] = math.log(3)  # probability 3/4
    mask = torch.zeros(1, 4, 4)
    mask[0, 0, 0] = 1.0
    box = torch.tensor([[0.0, 0.0, 0.5, 0.5]])
    expected = (-math.log(0.75) + 3 * math.log(2)) / 4
    assert float(loss.mask_loss(predicted, mask, box)) == pytest.approx(expected, rel=1e-5)


def test_mask_loss_counts_small_and_large_objects_alike() -> None:
    predicted = torch.zeros(8, 8, 2)
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.6, 0.6]])
    assert float(loss.mask_loss(predicted, torch.zeros(2, 8, 8), boxes)) == pytest.approx(2 * math.log(2), rel=1e-5)


def test_semantic_loss_is_nothing_where_the_classes_are_told_apart() -> None:
    masks = torch.zeros(2, 4, 4)
    masks[0, :2] = 1.0
    masks[1, 2:] = 1.0
    objects = loss.Objects(torch.rand(2, 4), torch.tensor([1, 3]), masks)
    logits = torch.full((1, 3, 2, 2), -50.0)
    logits[0, 0, 0] = logits[0, 2, 1] = 50.0
    assert float(loss.semantic_loss(logits, [objects])) == pytest.approx(0, abs=1e-6)
    assert float(loss.semantic_loss(torch.zeros(1, 3, 2, 2), [objects])) == pytest.approx(3 * math.log(2), rel=1e-5)


def test_a_perfect_prediction_costs_next_to_nothing_and_a_wrong_class_a_lot() -> None:
    side = 8
    mask = torch.zeros(1, side, side)
    mask[0, 1:3, 1:3] = 1.0
    box = torch.tensor([corners(0.25, 0.25, 0.25, 0.25)])
    one = loss.Objects(box, torch.tensor([2]), mask)
    logits = torch.tensor([[[0.0, 0.0, 60.0], [60.0, 0.0, 0.0], [60.0, 0.0, 0.0], [60.0, 0.0, 0.0]]])
    proto = (mask[0] * 200 - 100)[None, :, :, None]
    semantic = torch.stack([torch.full((side, side), -60.0), mask[0] * 120 - 60])[None]
    coefficients = torch.full((1, 4, 1), 20.0)
    raw = (torch.zeros(1, 4, 4), logits, coefficients, proto)
    parts = loss.loss(raw, semantic, [one], PRIORS, VARIANCES)
    assert parts.keys() == loss.WEIGHTS.keys()
    assert float(sum(parts.values())) == pytest.approx(0, abs=1e-4)
    wrong = (raw[0], logits.flip(2), coefficients, proto)
    assert float(loss.loss(wrong, semantic, [one], PRIORS, VARIANCES)["class"]) > 50


def test_a_batch_without_objects_has_a_loss_that_can_be_learned_from() -> None:
    with torch.enable_grad():
        raw = tuple(torch.randn(shape, requires_grad=True) for shape in ((1, 4, 4), (1, 4, 3), (1, 4, 2), (1, 8, 8, 2)))
        nothing = loss.Objects(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 8, 8))
        parts = loss.loss(raw, torch.zeros(1, 2, 4, 4), [nothing], PRIORS, VARIANCES)  # type: ignore[arg-type]
        torch.stack(list(parts.values())).sum().backward()
    assert float(parts["box"]) == float(parts["mask"]) == float(parts["class"]) == 0
