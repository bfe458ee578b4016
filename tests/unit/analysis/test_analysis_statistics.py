"""Medians, ratios, the noise floor and outliers, on values whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from analysis_material import seen

from experiments.analysis import statistics
from experiments.analysis.statistics import NoEstimate, NoiseFloor, Ratio
from experiments.bench import statistics as bench
from experiments.errors import RunFailed


def found_ratio(*sides: list[statistics.Observation]) -> Ratio:
    found = statistics.ratio(*sides)
    assert isinstance(found, Ratio)
    return found


def test_a_median_is_that_of_the_benchmarks() -> None:
    values = [1.0, 1.2, 1.1, 1.7, 1.3]
    found, same = statistics.summary(values), bench.median(values)
    assert isinstance(found, statistics.Summary)
    assert (found.value, found.low, found.high, found.n) == (same.value, same.low, same.high, same.n)
    assert not found.few


def test_one_value_has_no_interval_and_none_has_no_median() -> None:
    one = statistics.summary([0.0])
    assert one == statistics.Summary(0.0, None, None, 1)
    assert isinstance(statistics.summary([]), NoEstimate)
    with pytest.raises(RunFailed, match="nan"):
        statistics.summary([1.0, math.nan])


@pytest.mark.parametrize(("blocks", "largest"), [([3], 3), ([1, 2, 2], 2), ([2, 1, 2, 1], 1), ([10, 9, 9, 10, 9], 9)])
def test_the_largest_block_is_that_of_most_trials_and_the_first_of_several(blocks: list[int], largest: int) -> None:
    assert statistics.largest_block(iter(blocks)) == largest


def test_a_ratio_of_one_block_is_that_of_the_benchmarks() -> None:
    above, below = [2.0, 20.0, 9.0, 4.0], [1.0, 10.0, 3.0, 1.0]
    found, same = found_ratio(seen("a", above), seen("b", below)), bench.ratio(above, below)
    for name in ("value", "low", "high", "n"):
        assert getattr(found.estimate, name) == pytest.approx(getattr(same, name))
    assert found.trials[:2] == ("1-001-a", "1-001-b")
    assert found.few


def test_hosts_of_different_speed_do_not_mix() -> None:
    fast = seen("a", [2.0, 2.1, 1.9], 1), seen("b", [1.0, 1.05, 0.95], 1)
    slow = seen("a", [20.0, 21.0, 19.0], 2), seen("b", [10.0, 10.5, 9.5], 2)
    found = found_ratio([*fast[0], *slow[0]], [*fast[1], *slow[1]])
    assert found.estimate.value == pytest.approx(2.0)
    assert found.estimate.low == pytest.approx(2.0)
    assert set(found.blocks) == {1, 2}


def test_blocks_are_pooled_by_their_pairs_as_logarithms() -> None:
    above = [*seen("a", [4.0] * 6, 1), *seen("a", [1.0] * 2, 2)]
    below = [*seen("b", [1.0] * 6, 1), *seen("b", [1.0] * 2, 2)]
    assert found_ratio(above, below).estimate.value == pytest.approx(4 ** (6 / 8))
    assert found_ratio(below, above).estimate.value == pytest.approx(4 ** -(6 / 8))


def test_the_pooled_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    chance, covered = np.random.default_rng(3), 0
    for _ in range(60):
        sides: dict[str, list[statistics.Observation]] = {"a": [], "b": []}
        for block, speed in ((1, 1.0), (2, 3.0)):
            noise = chance.lognormal(0, 0.05, (2, 12)) * speed
            sides["a"] += seen("a", (1.5 * noise[0]).tolist(), block)
            sides["b"] += seen("b", noise[1].tolist(), block)
        estimate = found_ratio(sides["a"], sides["b"]).estimate
        covered += estimate.low <= 1.5 <= estimate.high
    assert 51 <= covered <= 60


def test_what_has_no_partner_is_named_not_dropped_in_silence() -> None:
    above = [*seen("a", [2.0, 2.0, 2.0]), *seen("a", [9.0], 2)]
    below = [*seen("b", [1.0, 1.0]), *seen("b", [1.0], 2)]
    found = found_ratio(above, below)
    assert found.alone == ("1-003-a",)
    assert (found.estimate.n, found.estimate.value, found.blocks) == (3, 2.0, (1, 2))


@pytest.mark.parametrize("rounds", [0, 1])
def test_without_two_pairs_there_is_no_ratio(rounds: int) -> None:
    found = statistics.ratio(seen("a", [1.0] * rounds), seen("b", [1.0, 2.0]))
    assert isinstance(found, NoEstimate)
    assert "needs 2" in found.reason


def test_bad_times_are_refused() -> None:
    with pytest.raises(RunFailed, match=r"1-002-b: 0\.0 is no positive number"):
        statistics.ratio(seen("a", [1.0, 1.0]), seen("b", [1.0, 0.0]))
    with pytest.raises(RunFailed, match="two trials in round 1 of block 1"):
        statistics.ratio([*seen("a", [1.0]), *seen("a", [1.0])], seen("b", [1.0]))


def test_the_noise_floor_is_the_far_end_of_the_interval() -> None:
    floor = statistics.noise_floor(seen("a", [1.0, 1.0, 1.1, 1.0, 1.0]), seen("b", [1.0] * 5))
    assert isinstance(floor, NoiseFloor)
    assert floor.share == pytest.approx(0.1)
    turned = statistics.noise_floor(seen("b", [1.0] * 5), seen("a", [1.0, 1.0, 1.1, 1.0, 1.0]))
    assert isinstance(turned, NoiseFloor)
    assert turned.share == pytest.approx(0.1)
    assert isinstance(statistics.noise_floor([], []), NoEstimate)


def test_an_effect_must_leave_its_interval_and_the_floor() -> None:
    ratio = found_ratio(seen("a", [1.0] * 5), seen("b", [1.0] * 5))
    wide, narrow = NoiseFloor(0.10, ratio), NoiseFloor(0.01, ratio)
    slower = bench.Estimate(1.05, 1.02, 1.08, 5)
    faster = bench.Estimate(0.95, 0.93, 0.98, 5)
    unsure = bench.Estimate(1.30, 0.99, 1.60, 5)
    assert [statistics.differs(slower, floor) for floor in (None, narrow, wide)] == [1, 1, 0]
    assert [statistics.differs(faster, floor) for floor in (None, narrow, wide)] == [-1, -1, 0]
    assert statistics.differs(unsure, narrow) == 0


def test_outliers_are_flagged_within_cell_and_block() -> None:
    fast, slow = seen("a", [1.0, 1.01, 0.99, 1.02, 5.0]), seen("a", [5.0, 5.01, 4.99, 5.02], 2)
    assert [one.trial for one in statistics.outliers([*fast, *slow])] == ["1-005-a"]
    assert statistics.outliers(seen("a", [1.0] * 5)) == ()
    assert [one.value for one in statistics.outliers(seen("a", [1.0] * 9 + [5.0]))] == [5.0]


def test_blocks_of_one_pair_are_resampled_together() -> None:
    above = [
        one for block, value in enumerate((2.0, 2.1, 1.9, 2.05, 4.0), start=1) for one in seen("a", [value], block)
    ]
    below = [one for block, value in enumerate((1.0, 1.0, 1.0, 1.0, 2.0), start=1) for one in seen("b", [value], block)]
    found = statistics.ratio(above, below)
    assert isinstance(found, Ratio)
    assert (found.estimate.n, found.alone, found.blocks) == (5, (), (1, 2, 3, 4, 5))
    assert found.estimate.low <= 2.0 <= found.estimate.high
    # Four pairs of one host and one of another, as a run leaves them that was cut before its last round.
    found = statistics.ratio([*seen("a", [2.0, 2.1, 1.9, 2.0]), *above[1:2]], [*seen("b", [1.0] * 4), *below[1:2]])
    assert isinstance(found, Ratio)
    assert (found.estimate.n, found.alone, found.few) == (5, (), False)
    assert found.blocks == (1, 2)
    # Not so where there is one pair in all.
    assert isinstance(statistics.ratio(above[:1], below[:1]), NoEstimate)
