"""Advice from made curves: right where the answer is known, and doubtful outside of what was measured."""

from __future__ import annotations

import pytest
from analysis_material import seen

from experiments.analysis import advice, scaling
from experiments.analysis.advice import Choice, Job, Wish
from experiments.analysis.scaling import AMDAHL, USL, Fit, Law, Point
from experiments.analysis.statistics import NoEstimate

FIXED = [19.0, 20.0, 21.0]
MEASURED = [48, 96]


def curve(law: Law, *parameters: float) -> Fit:
    """Half a second per image on one worker, within a thousandth."""
    made = [
        Point(workers, 0.5 * float(law.relative(workers, *parameters)) * noise)
        for workers in (1, 2, 4, 6)
        for noise in (0.999, 1.0, 1.001)
    ]
    found = scaling.fit(law, made)
    assert isinstance(found, Fit)
    return found


def test_the_fewest_workers_that_keep_the_deadline() -> None:
    # 96 images: 20 s and 48 s of work. On 3 workers, 20 + 16 = 36; on 4, 32.
    found = advice.workers_for(Wish(96, deadline=38), curve(AMDAHL, 0.0), FIXED, MEASURED, 1)
    assert found.workers == 3
    assert found.warnings == ()
    assert found.said.startswith("3 workers for 96 images within 38 s: 36 (35.5 to 36.5)")
    cost = found.costs[2]
    assert cost.worker_seconds.value == pytest.approx(108, rel=0.01)
    assert cost.seconds.low < cost.seconds.value < cost.seconds.high


def test_the_interval_decides_not_the_curve() -> None:
    # The curve says 36 s; what a job takes once is not known better than by half a second.
    assert advice.workers_for(Wish(96, deadline=36.2), curve(AMDAHL, 0.0), FIXED, MEASURED, 1).workers == 4


def test_a_budget_alone_buys_the_fastest_that_it_pays() -> None:
    # Worker-seconds on n: 20 n + 48.
    found = advice.workers_for(Wish(96, budget=129), curve(AMDAHL, 0.0), FIXED, MEASURED, 1)
    assert found.workers == 3


def test_what_cannot_be_kept_is_said_with_how_near_one_comes() -> None:
    found = advice.workers_for(Wish(96, deadline=38, budget=90), curve(AMDAHL, 0.0), FIXED, MEASURED, 1)
    assert found.workers is None
    assert found.said.startswith("No number of workers up to 12 does 96 images within 38 s and 90 worker-seconds")


def test_without_a_limit_the_fastest_is_not_always_the_most() -> None:
    # By USL, times rise again beyond sqrt(0.9 / 0.05) = 4.2 workers.
    assert advice.workers_for(Wish(48), curve(USL, 0.1, 0.05), [], MEASURED, 1).workers == 4


def test_what_a_job_takes_once_is_told_from_two_numbers_of_images() -> None:
    jobs = [
        Job(workers, images, 20 + images * 0.5 / workers, number)
        for number in (1, 2)
        for workers in (1, 6)
        for images in (48, 96, 144)
    ]
    assert advice.fixed_seconds(jobs) == pytest.approx([20.0] * 4)
    assert advice.fixed_seconds(job for job in jobs if job.images == 48 or job.round == 3) == ()
    assert advice.fixed_seconds([jobs[0], jobs[-1]]) == ()


def test_one_number_of_images_says_nothing_of_another() -> None:
    found = advice.workers_for(Wish(5000), curve(AMDAHL, 0.0), [], [48], 1)
    assert (found.workers, found.costs) == (None, ())
    assert found.said.startswith("No advice for 5000 images: all alike cells have 48 images")
    assert advice.workers_for(Wish(48), curve(AMDAHL, 0.0), [], [48], 1).workers == 6


def test_outside_of_what_was_measured_it_warns() -> None:
    found = advice.workers_for(Wish(1000, deadline=90), curve(AMDAHL, 0.0), FIXED, MEASURED, 1)
    assert found.workers is not None
    assert found.workers > 6
    assert [text.split(" lie ")[0] for text in found.warnings] == [f"{found.workers} workers", "1000 images"]
    assert "48 to 96" in found.warnings[1]


def test_a_curve_that_misses_its_points_is_a_warning() -> None:
    bad = scaling.fit(
        AMDAHL, [Point(n, 0.5 * t * s) for n, t in ((1, 1), (2, 0.5), (4, 0.4), (6, 0.6)) for s in (0.99, 1.0)]
    )
    assert isinstance(bad, Fit)
    found = advice.workers_for(Wish(48), bad, FIXED, MEASURED, 1)
    assert any("Amdahl misses the times at" in text for text in found.warnings)


def test_the_best_setting_and_those_as_good() -> None:
    times = {
        "1": [2.0, 2.1, 2.2, 1.9, 2.0],
        "4": [1.0, 1.1, 1.2, 0.9, 1.0],
        "8": [1.02, 1.08, 1.21, 0.9, 1.0],
        "16": [],
    }
    found = advice.best_of({name: seen(name, values) for name, values in times.items()}, None)
    assert isinstance(found, Choice)
    assert (found.best, found.as_good, set(found.slower), found.unsure) == ("4", ("8",), {"1"}, ())
    assert found.slower["1"].value == pytest.approx(2.0, rel=0.1)


def test_one_value_is_no_choice_and_one_trial_is_unsure() -> None:
    assert isinstance(advice.best_of({"1": seen("1", [1.0])}, None), NoEstimate)
    found = advice.best_of({"1": seen("1", [1.0, 1.0]), "2": seen("2", [2.0])}, None)
    assert isinstance(found, Choice)
    assert "needs 2" in found.unsure[0]
