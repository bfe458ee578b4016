"""Scaling laws against closed forms, and against draws with known parameters."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from experiments.analysis import scaling
from experiments.analysis.scaling import AMDAHL, GUSTAFSON, USL, Fit, Law, NoFit, Point
from experiments.bench.statistics import Estimate
from experiments.errors import RunFailed

WORKERS = (1, 2, 3, 4, 5, 6)


def points(law: Law, *parameters: float, noise: float = 0.0, seed: int = 0, repeats: int = 5) -> list[Point]:
    """Two host blocks, the second three times as slow."""
    chance = np.random.default_rng(seed)
    return [
        Point(workers, float(scale * law.relative(workers, *parameters) * chance.lognormal(0, noise)), block)
        for block, scale in ((1, 0.5), (2, 1.5))
        for workers in WORKERS
        for _ in range(repeats)
    ]


def fitted(law: Law, made: list[Point]) -> Fit:
    found = scaling.fit(law, made)
    assert isinstance(found, Fit), found
    return found


@pytest.mark.parametrize(("law", "parameters"), [(AMDAHL, (0.1,)), (USL, (0.05, 0.01)), (GUSTAFSON, (0.2,))])
def test_exact_points_give_the_parameters_back(law: Law, parameters: tuple[float, ...]) -> None:
    found = fitted(law, points(law, *parameters))
    assert [one.value for one in found.parameters.values()] == pytest.approx(parameters, abs=1e-6)
    assert found.one_worker[1].value == pytest.approx(0.5)
    assert found.seconds(6, 2) == pytest.approx(1.5 * law.relative(6, *parameters))
    assert found.check.holds
    assert (found.least, found.most, found.n) == (1, 6, 60)


@pytest.mark.parametrize(("law", "parameters"), [(AMDAHL, (0.08,)), (USL, (0.05, 0.01)), (GUSTAFSON, (0.15,))])
def test_the_truth_lies_in_the_interval_in_nine_of_ten_draws(law: Law, parameters: tuple[float, ...]) -> None:
    inside = [0] * len(parameters)
    for seed in range(200):
        found = fitted(law, points(law, *parameters, noise=0.03, seed=seed))
        for place, (one, truth) in enumerate(zip(found.parameters.values(), parameters, strict=True)):
            inside[place] += one.low <= truth <= one.high
    assert all(180 <= count <= 199 for count in inside), inside


def test_no_serial_part_is_in_the_interval_too() -> None:
    inside = 0
    for seed in range(200):
        serial = fitted(AMDAHL, points(AMDAHL, 0.0, noise=0.03, seed=seed)).parameters["serial"]
        inside += serial.low <= 0.0 + 1e-9
    assert inside >= 180


def test_a_band_holds_the_curve_and_widens_with_the_noise() -> None:
    quiet, loud = (fitted(AMDAHL, points(AMDAHL, 0.1, noise=noise)) for noise in (0.01, 0.1))
    one, other = quiet.band(6, 1), loud.band(6, 1)
    assert one.low < quiet.seconds(6, 1) < one.high
    assert other.high - other.low > 3 * (one.high - one.low)


def test_a_law_that_does_not_hold_is_found_out() -> None:
    found = fitted(AMDAHL, points(USL, 0.02, 0.05, noise=0.01))
    assert not found.check.holds
    assert found.check.largest > 0.05
    assert fitted(USL, points(USL, 0.02, 0.05, noise=0.01)).check.holds


def test_the_check_is_a_test_of_size_one_in_twenty() -> None:
    rejected = 0
    for seed in range(200):
        chance = fitted(AMDAHL, points(AMDAHL, 0.1, noise=0.03, seed=seed)).check.chance
        assert chance is not None
        rejected += chance < scaling.CHANCE
    assert 2 <= rejected <= 20


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ([], "needs 3 different numbers of workers; there are 0"),
        ([Point(1, 1.0), Point(2, 0.6), Point(2, 0.61)], "there are 2"),
        ([Point(1, 1.0, 1), Point(2, 0.6, 2), Point(3, 0.5, 3)], "leave nothing to check it by"),
    ],
)
def test_too_few_points_give_no_curve(made: list[Point], why: str) -> None:
    found = scaling.fit(AMDAHL, made)
    assert isinstance(found, NoFit)
    assert why in found.reason


@pytest.mark.parametrize("point", [Point(0, 1.0), Point(1, 0.0), Point(1, math.nan), Point(math.inf, 1.0)])
def test_points_that_are_none_are_refused(point: Point) -> None:
    with pytest.raises(RunFailed, match="no point of a scaling curve"):
        scaling.fit(AMDAHL, [point])


def test_the_fastest_number_of_workers() -> None:
    found = scaling.fastest_workers(fitted(USL, points(USL, 0.05, 0.01, noise=0.01)))
    assert found is not None
    assert found.low < math.sqrt(0.95 / 0.01) < found.high
    assert found.low < found.value < found.high


def test_where_no_worker_adds_anything_the_fastest_number_may_be_one() -> None:
    found = scaling.fastest_workers(fitted(USL, points(USL, 0.97, 0.001, noise=0.05)))
    assert found is None or (1 <= found.low <= found.high and 1 <= found.value < math.inf)
    flat = replace(fitted(USL, points(USL, 0.97, 0.001)), covariance=tuple(map(tuple, np.eye(4) * 0.01)))
    found = scaling.fastest_workers(flat)
    assert found is not None
    assert found.low == 1
    assert not math.isnan(found.high)


def test_karp_and_flatt() -> None:
    # Speed-ups of Amdahl's law give its fraction back, whatever the number of processors: their point.
    for workers in (2, 4, 8):
        assert scaling.karp_flatt(1 / AMDAHL.relative(workers, 0.1), workers) == pytest.approx(0.1)
    assert scaling.karp_flatt(4.0, 4) == 0
    assert scaling.karp_flatt(4.4, 4) < 0
    assert scaling.karp_flatt(1.96, 2) == pytest.approx(0.0204, abs=1e-4)
    turned = scaling.karp_flatt_of(Estimate(3.0, 2.5, 3.5, 5), 4)
    assert turned.value == pytest.approx(1 / 9)
    assert turned.low < turned.value < turned.high
    with pytest.raises(RunFailed, match="more than one"):
        scaling.karp_flatt(1.0, 1)


def test_gustafson_on_his_own_figures() -> None:
    # 1,024 processors with serial fractions of 0.4 to 0.8 % (Gustafson 1988) do about 1,016 to 1,020 times the work.
    assert scaling.scaled_speedup(0.004, 1024) == pytest.approx(1019.9, abs=0.1)
    assert scaling.scaled_speedup(0.0, 6) == 6
    assert 6 / GUSTAFSON.relative(6, 0.3) == pytest.approx(scaling.scaled_speedup(0.3, 6))


def test_efficiency() -> None:
    assert scaling.efficiency(Estimate(4.5, 4.2, 4.8, 5), 6).value == pytest.approx(0.75)
