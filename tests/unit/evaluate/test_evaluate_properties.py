"""What holds for any masks and any lists of detections."""

from __future__ import annotations

import numpy as np
from coco_material import detection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cluster_app.evaluate.boundary import boundary, boundary_iou, distance
from cluster_app.evaluate.matching import mask_iou, match
from cluster_app.evaluate.order import balanced
from cluster_app.evaluate.video_benchmark import chosen_frames
from cluster_app.tasks import Bytes
from cluster_app.tasks.yolact import rle

SHAPE = (13, 17)
masks = arrays.arrays(np.uint8, SHAPE, elements=st.integers(0, 1))
detections = st.lists(st.builds(detection, masks, st.floats(0, 1), st.integers(1, 2)), max_size=6)


@given(masks, masks)
def test_iou_of_run_lengths_is_that_of_pixels(first: Bytes, second: Bytes) -> None:
    union = int((first | second).sum())
    expected = int((first & second).sum()) / union if union else 0.0
    assert mask_iou(rle.encode(first), rle.encode(second)) == expected


@given(detections, detections, st.floats(0, 1))
def test_matching_is_one_to_one(first: list, second: list, least: float) -> None:  # type: ignore[type-arg]
    found = match(first, second, least)
    used = [pair.first for pair in found.pairs], [pair.second for pair in found.pairs]
    assert sorted([*used[0], *found.only_first]) == list(range(len(first)))
    assert sorted([*used[1], *found.only_second]) == list(range(len(second)))
    for pair in found.pairs:
        assert pair.iou >= least
        assert first[pair.first].category_id == second[pair.second].category_id
    assert [pair.iou for pair in found.pairs] == sorted((pair.iou for pair in found.pairs), reverse=True)


@given(detections, detections)
def test_no_pair_is_left_that_could_match(first: list, second: list) -> None:  # type: ignore[type-arg]
    found = match(first, second, 0.5)
    for one in found.only_first:
        for other in found.only_second:
            same = first[one].category_id == second[other].category_id
            assert not (same and mask_iou(first[one].segmentation, second[other].segmentation) >= 0.5)


@given(masks, masks, st.sampled_from([0.005, 0.02, 0.08, 0.3]))
def test_boundary_iou_is_its_definition(first: Bytes, second: Bytes, ratio: float) -> None:
    width = distance(*SHAPE, ratio)
    one, other = boundary(first, width), boundary(second, width)
    union = np.count_nonzero(one | other)
    expected = np.count_nonzero(one & other) / union if union else 0.0
    found = boundary_iou(first, second, ratio)
    assert found == expected
    assert found == boundary_iou(second, first, ratio)
    assert 0 <= found <= 1


@given(masks, st.integers(1, 20))
def test_a_boundary_lies_in_its_mask_and_grows_to_it(mask: Bytes, width: int) -> None:
    assert (boundary(mask, width) <= mask).all()
    assert (boundary(mask, width) <= boundary(mask, width + 1)).all()
    np.testing.assert_array_equal(boundary(mask, max(SHAPE)), mask)


@given(st.integers(1, 9), st.integers(1, 30), st.integers(0, 1000))
def test_each_round_has_every_side_once(count: int, rounds: int, seed: int) -> None:
    sides = [f"side {index}" for index in range(count)]
    orders = balanced(sides, rounds, seed)
    assert len(orders) == rounds
    assert all(sorted(order) == sides for order in orders)
    for place in range(count):
        taken = [order[place] for order in orders[:count]]
        assert len(set(taken)) == len(taken)


@given(st.integers(1, 8), st.integers(1, 8), st.integers(100, 5000))
@settings(max_examples=50)
def test_rounds_share_out_frames_that_lie_evenly(rounds: int, each: int, total: int) -> None:
    frames = rounds * each
    taken = [chosen_frames(total, frames, rounds, number) for number in range(rounds)]
    assert all(len(one) == each for one in taken)
    whole = sorted(index for one in taken for index in one)
    assert len(set(whole)) == frames or total < frames
    assert 0 <= whole[0] <= whole[-1] < total
    gaps = np.diff(whole)
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1
