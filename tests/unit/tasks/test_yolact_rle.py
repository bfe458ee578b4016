"""COCO's run-length encoding, against strings worked out by hand, round trips, and COCO's own code."""

from __future__ import annotations

import numpy as np
import pytest

from cluster_app.tasks.yolact import rle

# 16 needs a sixth bit for its sign; 100000 = 3 * 32**3 + 1 * 32**2 + 21 * 32 + 0.
BY_HAND = [
    ([1], "1"),
    ([0, 1], "01"),
    ([15], "?"),
    ([16], "`0"),
    ([31, 32], "o0P1"),
    ([100_000], "PeQ3"),
    ([5, 4, 3, 2, 1], "543NN"),  # the fourth and fifth are stored as -2
    ([0, 3, 40, 43, 40], "03X1X10"),
]


@pytest.mark.parametrize(("counts", "text"), BY_HAND)
def test_strings_by_hand(counts: list[int], text: str) -> None:
    assert rle.compress(np.array(counts)) == text
    assert rle.decompress(text).tolist() == counts


def test_runs_go_down_the_columns_and_begin_with_zeros() -> None:
    mask = np.array([[1, 0, 0], [1, 1, 0]], np.uint8)
    assert rle.run_lengths(mask).tolist() == [0, 2, 1, 1, 2]
    assert rle.encode(mask) == {"size": [2, 3], "counts": rle.compress(np.array([0, 2, 1, 1, 2]))}


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (17, 31), (480, 640)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_round_trip(shape: tuple[int, int], share: float, order: str) -> None:
    rng = np.random.default_rng(1)
    mask = (rng.random(shape) < share).astype(np.uint8)
    encoded = rle.encode(np.asarray(mask, order=order))  # type: ignore[call-overload]
    np.testing.assert_array_equal(rle.decode(encoded), mask)
    assert rle.area(encoded) == mask.sum()


def test_does_not_change_what_it_is_given() -> None:
    counts = np.array([5, 4, 3, 2, 1])
    rle.compress(counts)
    assert counts.tolist() == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("size", "counts", "message"),
    [
        ([2, 3], "5", "cover 5 pixels; size is 2 x 3 = 6"),
        ([2, 3], "", "cover 0 pixels"),
        ([2, 3], "3N5", "cover 6 pixels"),  # 3, -2, 5
        ([2, 3], "6`", "cut off"),
        ([2, 3], "6 0", "character at 1"),
        ([2, 3], "o" * 9 + "0", "10 characters"),
    ],
    ids=["too few", "empty", "negative", "cut off", "space", "too long"],
)
def test_refuses_what_is_no_rle_of_that_size(size: list[int], counts: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rle.decode({"size": size, "counts": counts})


def test_agrees_with_cocos_own_code() -> None:
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is an optional oracle")
    rng = np.random.default_rng(2)
    for share in (0.0, 0.001, 0.1, 0.5, 0.999, 1.0):
        mask = np.asfortranarray((rng.random((427, 640)) < share).astype(np.uint8))
        mask[100:300, 200:500] = 1
        ours = rle.encode(mask)
        assert ours["counts"] == coco.encode(mask)["counts"].decode("ascii")
        np.testing.assert_array_equal(coco.decode(ours), mask)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [((0, 20), (0, 30)), ((5, 15), (7, 20)), ((0, 10), (0, 30)), ((5, 20), (29, 30)), ((3, 3), (4, 4))],
    ids=["all", "inside", "at the top", "at the corner", "nothing"],
)
def test_runs_of_a_part_are_those_of_the_whole(rows: tuple[int, int], columns: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    for share in (0.0, 0.3, 1.0):
        whole = np.zeros((20, 30), np.uint8)
        part = whole[slice(*rows), slice(*columns)]
        part[...] = rng.random(part.shape) < share
        # Where the part does not reach the upper or lower edge, it ends with zeros there.
        part[: int(rows[0] > 0)] = 0
        part[len(part) - int(rows[1] < 20) :] = 0
        found = rle.run_lengths_around(part, whole.shape, (rows[0], columns[0]))
        assert found.tolist() == rle.run_lengths(whole).tolist()
        np.testing.assert_array_equal(rle.decode({"size": [20, 30], "counts": rle.compress(found)}), whole)


def test_several_masks_are_written_each_by_itself() -> None:
    masks = [np.array(counts, np.int64) for counts in ([5, 4, 3, 2, 1], [], [6], [0, 1000000, 3, 9, 70000, 1])]
    assert rle.compress_all(masks) == [rle.compress(one) for one in masks]
    assert rle.compress_all([]) == []
