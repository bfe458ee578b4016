"""Ratios and their intervals on records whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.bench import statistics
from experiments.errors import RunFailed


def test_the_ratio_is_the_median_of_pairs_not_the_ratio_of_medians() -> None:
    found = statistics.ratio([2.0, 20.0, 9.0], [1.0, 10.0, 3.0])
    assert found.value == 2.0  # the medians' ratio would be 3
    assert found.n == 3


def test_a_disturbance_of_both_sides_of_a_pair_cancels() -> None:
    rng = np.random.default_rng(0)
    slower = rng.uniform(1, 3, 40)
    found = statistics.ratio((1.5 * slower).tolist(), slower.tolist())
    assert found.value == pytest.approx(1.5)
    assert found.low == pytest.approx(1.5)
    assert found.high == pytest.approx(1.5)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(60):
        found = statistics.median(rng.lognormal(0.0, 0.2, 30).tolist())
        covered += found.low <= 1.0 <= found.high
        assert found.low < found.value < found.high
    assert 51 <= covered <= 60


def test_the_same_records_give_the_same_interval() -> None:
    values = np.random.default_rng(2).uniform(1, 2, 15).tolist()
    assert statistics.median(values) == statistics.median(values)


@pytest.mark.parametrize(
    ("above", "below", "message"),
    [
        ([1.0, 2.0], [1.0], "2 values against 1"),
        ([1.0], [1.0], "at least 2"),
        ([], [], "at least 2"),
        ([1.0, 0.0], [1.0, 1.0], "positive"),
        ([1.0, 1.0], [1.0, float("nan")], "positive.*nan"),
        ([1.0, 1.0], [1.0, float("inf")], "positive.*inf"),
    ],
)
def test_refuses_what_has_no_ratio(above: list[float], below: list[float], message: str) -> None:
    with pytest.raises(RunFailed, match=message):
        statistics.ratio(above, below)


def test_sides_are_paired_by_round_whatever_the_order_of_the_lines() -> None:
    records = [
        {"sides": {}},
        {"round": 1, "side": "b", "seconds": 4.0},
        {"round": 0, "side": "a", "seconds": 1.0},
        {"round": 1, "side": "a", "seconds": 2.0},
        {"round": 0, "side": "b", "seconds": 3.0},
        {"round": 0, "side": "other", "seconds": 9.0},
    ]
    assert statistics.paired(records, "a", "b") == ([1.0, 2.0], [3.0, 4.0])


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "no time of either"),
        ([{"round": 0, "side": "a", "seconds": 1.0}], "no time of b in round 0"),
        ([{"round": 0, "side": side, "seconds": 1.0} for side in "aab"], "two times in round 0"),
    ],
)
def test_rounds_must_be_whole(records: list[dict[str, object]], message: str) -> None:
    with pytest.raises(RunFailed, match=message):
        statistics.paired(records, "a", "b")
