"""The law of whole jobs: what it was made with lies in its intervals, and what jobs do not tell is not told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from experiments.analysis import jobs
from experiments.analysis.jobs import Job, JobTimes
from experiments.analysis.scaling import NoFit
from experiments.errors import RunFailed

WORKERS, IMAGES = (1, 2, 3, 6), (48, 144)
DRAWS = 200


def true_seconds(workers: float, images: int) -> float:
    """93 s and 13 s shared once; an image takes 0.08 s and 0.27 s shared: what a small cluster was seen to take."""
    return 93 + 13 / workers + images * (0.08 + 0.27 / workers)


def made(
    seed: int, noise: float = 0.04, repeats: int = 5, workers: Sequence[int] = WORKERS, images: Sequence[int] = IMAGES
) -> list[Job]:
    """Half of the noise is of the round, and the same for all its jobs."""
    chance = np.random.default_rng(seed)
    common = chance.standard_normal(repeats)
    return [
        Job(
            n,
            count,
            true_seconds(n, count) * (1 + noise * (common[number] + chance.standard_normal()) / 2**0.5),
            number,
        )
        for n in workers
        for count in images
        for number in range(repeats)
    ]


def fitted(found: list[Job]) -> JobTimes:
    times = jobs.fit(found)
    assert isinstance(times, JobTimes), times
    return times


def test_without_noise_the_coefficients_come_back() -> None:
    found = fitted(made(0, noise=0.0)).coefficients
    wanted = {"once": 93, "shared": 13, "serial": 0.08, "parallel": 0.27, "coherency": 0}
    assert dict(found) == {name: pytest.approx(value, abs=1e-6) for name, value in wanted.items()}


def test_coherency_comes_back_too() -> None:
    found = fitted(
        [Job(n, count, 50 + count * (0.5 / n + 0.02 * n), 1) for n in WORKERS for count in IMAGES for _ in "ab"]
    )
    assert found.coefficients["coherency"] == pytest.approx(0.02)


def test_jobs_to_come_lie_within_the_interval_and_it_is_no_wider_than_their_noise_asks() -> None:
    inside = {count: 0 for count in (144, 1000)}
    for seed in range(DRAWS):
        times = fitted(made(seed))
        chance = np.random.default_rng(10_000 + seed)
        for count in inside:
            job, seen = true_seconds(6, count) * (1 + 0.04 * float(chance.standard_normal())), times.seconds(6, count)
            inside[count] += seen.low <= job <= seen.high
            if count == 144:
                assert seen.low > 0.8 * true_seconds(6, count)
                assert seen.high < 1.2 * true_seconds(6, count)
    assert min(inside.values()) >= 0.88 * DRAWS


def test_what_is_taken_once_and_what_an_image_takes_lie_in_their_intervals() -> None:
    once = each = 0
    for seed in range(DRAWS):
        times = fitted(made(seed))
        once += times.once(6).low <= 93 + 13 / 6 <= times.once(6).high
        each += times.each(6).low <= 0.08 + 0.27 / 6 <= times.each(6).high
    assert min(once, each) >= 0.85 * DRAWS


def test_very_many_images_gain_what_an_image_gains() -> None:
    times = fitted(made(0, noise=0.0))
    assert times.gain(1, 6).value == pytest.approx(0.35 / 0.125)
    assert times.over(6, 1, 48).value == pytest.approx(true_seconds(6, 48) / true_seconds(1, 48))


def test_one_number_of_images_does_not_tell_what_is_taken_once() -> None:
    times = fitted(made(0, images=[48]))
    assert not times.tells_apart
    assert times.seconds(3, 48).value == pytest.approx(true_seconds(3, 48), rel=0.05)


def test_images_that_cost_less_than_their_noise_are_no_refusal() -> None:
    # The longer job was the shorter one in some rounds: it is not said that it took less time.
    noisy = [
        Job(n, count, 98 + noise + 0.01 * count, noise) for n in WORKERS for count in IMAGES for noise in (-3, 0, 3)
    ]
    times = fitted(noisy)
    assert times.each(6).low <= 0.01 <= times.each(6).high
    assert times.seconds(6, 144).low > 80


def test_two_numbers_of_workers_are_no_law_and_neither_are_too_few_jobs() -> None:
    found = jobs.fit(made(0, workers=[1, 6]))
    assert isinstance(found, NoFit)
    assert found.reason == "a law needs 3 different numbers of workers; there are 2"
    found = jobs.fit(made(0, workers=[1, 2, 3], images=[48], repeats=1)[:2] + made(0, workers=[3], repeats=1)[:1])
    assert isinstance(found, JobTimes)
    found = jobs.fit([Job(1, 48, 10.0, 1), Job(2, 96, 9.0, 1), Job(3, 144, 8.0, 1)])
    assert isinstance(found, NoFit)
    assert "leave nothing to check the law by" in found.reason


def test_a_law_that_the_jobs_do_not_follow_is_told_from_one_that_they_do() -> None:
    assert fitted(made(1)).check.holds
    bent = [replace(one, seconds=one.seconds * (1.3 if one.workers == 3 else 1)) for one in made(1, noise=0.01)]
    check = fitted(bent).check
    assert not check.holds
    assert check.at == 3


def test_the_same_jobs_give_the_same_numbers() -> None:
    assert fitted(made(3)).seconds(6, 5000) == fitted(made(3)).seconds(6, 5000)


@pytest.mark.parametrize(
    "job", [Job(0.5, 48, 1.0, 1), Job(1, 0, 1.0, 1), Job(1, 48, 0.0, 1), Job(1, 48, float("inf"), 1)]
)
def test_what_is_no_job_is_refused(job: Job) -> None:
    with pytest.raises(RunFailed, match="no such job"):
        jobs.fit([job])


def test_the_limit_is_what_no_worker_takes_away() -> None:
    found = fitted(made(0, noise=0.0))
    least = 93 + 48 * 0.08
    assert found.limit(1, 48).value == pytest.approx(true_seconds(1, 48) / least)
    assert found.repeats == 5
