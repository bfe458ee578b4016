"""Advice from made curves: right where the answer is known, and doubtful outside of what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from analysis_material import seen

from experiments.analysis import advice, jobs
from experiments.analysis.advice import Choice, Wish
from experiments.analysis.jobs import Job, JobTimes
from experiments.analysis.scaling import AMDAHL, USL, Law
from experiments.analysis.statistics import NoEstimate

IMAGES = (48, 96)


def times(law: Law, *parameters: float, images: Sequence[int] = IMAGES, noise: float = 0.001) -> JobTimes:
    """20 s once, and half a second per image on one worker; five jobs of each kind."""
    made = [
        Job(workers, count, (20 + count * 0.5 * float(law.relative(workers, *parameters))) * (1 + noise * off), 1)
        for workers in (1, 2, 4, 6)
        for count in images
        for off in (-1, -0.5, 0, 0.5, 1)
    ]
    found = jobs.fit(made)
    assert isinstance(found, JobTimes)
    return found


def test_the_fewest_workers_that_keep_the_deadline() -> None:
    # 96 images: 20 s and 48 s of work. On 3 workers, 20 + 16 = 36; on 4, 32.
    found = advice.workers_for(Wish(96, deadline=38), times(AMDAHL, 0.0))
    assert found.workers == 3
    assert found.warnings == ()
    assert found.said.startswith("3 workers for 96 images within 38 s: 36 (")
    cost = found.costs[2]
    assert cost.worker_seconds.value == pytest.approx(108, rel=0.01)
    assert cost.seconds.low < cost.seconds.value < cost.seconds.high


def test_the_interval_decides_not_the_curve() -> None:
    # The curve says 36 s; a single job takes up to a twentieth more or less.
    assert advice.workers_for(Wish(96, deadline=36.2), times(AMDAHL, 0.0, noise=0.05)).workers == 4


def test_a_budget_alone_buys_the_fastest_that_it_pays() -> None:
    # Worker-seconds on n: 20 n + 48.
    assert advice.workers_for(Wish(96, budget=110), times(AMDAHL, 0.0)).workers == 3


def test_what_cannot_be_kept_is_said_with_how_near_one_comes() -> None:
    found = advice.workers_for(Wish(96, deadline=38, budget=90), times(AMDAHL, 0.0))
    assert found.workers is None
    assert found.said.startswith("No number of workers up to 12 does 96 images within 38 s and 90 worker-seconds")


def test_without_a_limit_the_fastest_of_the_measured_is_not_always_the_most() -> None:
    # By USL, times rise again beyond sqrt(0.9 / 0.05) = 4.2 workers.
    assert advice.workers_for(Wish(96), times(USL, 0.1, 0.05)).workers == 4
    # Three workers, which were not measured, would be the fastest: sqrt(0.9 / 0.1).
    assert advice.workers_for(Wish(96), times(USL, 0.1, 0.1)).workers in (2, 4)


def test_without_a_limit_the_fewest_that_are_nearly_as_fast_are_advised_beside_the_fastest() -> None:
    found = advice.workers_for(Wish(96), times(AMDAHL, 0.9))
    # 68 s on one worker, 64 s on six.
    assert found.workers == 1
    assert found.said.startswith(
        "1 worker for 96 images, the fewest measured that are shown to be within 10 % of the fastest: 68 ("
    )
    assert "; the fastest, 6: 64 (" in found.said
    # Where the times scatter, one worker is not shown to be within 10 %.
    scattered = advice.workers_for(Wish(96), times(AMDAHL, 0.9, noise=0.2)).workers
    assert scattered is not None
    assert scattered > 1


def test_where_only_the_fastest_is_shown_to_be_fast_it_is_not_called_the_fewest() -> None:
    found = advice.workers_for(Wish(96), times(AMDAHL, 0.0))
    assert found.workers == 6
    assert found.said.startswith("6 workers for 96 images, the fastest measured; of fewer none are shown to be within")


def test_few_jobs_of_a_kind_are_a_warning_and_each_cost_says_whether_it_was_measured() -> None:
    few = jobs.fit([Job(n, 48, 20 + 24 / n * s, 1) for n in (1, 2, 4, 6) for s in (0.99, 1.0, 1.01)])
    assert isinstance(few, JobTimes)
    found = advice.workers_for(Wish(48), few)
    assert found.warnings == ("it rests on 3 jobs of a kind; 5 are needed",)
    known = {one.workers: one.known for one in found.costs}
    assert (known[2], known[3], known[7]) == ("yes", "between", "beyond")


def test_one_number_of_images_says_nothing_of_another() -> None:
    found = advice.workers_for(Wish(5000), times(AMDAHL, 0.0, images=[48]))
    assert (found.workers, found.costs) == (None, ())
    assert found.said.startswith("No advice for 5000 images: all alike cells have 48 images")
    # 26 s on four workers, 24 s on six.
    assert advice.workers_for(Wish(48), times(AMDAHL, 0.0, images=[48])).workers == 4


def test_workers_that_were_measured_with_other_images_are_told_apart() -> None:
    known = {one.workers: one.known for one in advice.workers_for(Wish(1000), times(AMDAHL, 0.0)).costs}
    assert (known[2], known[7]) == ("with other images", "beyond")


def test_workers_that_an_answer_names_where_nothing_fits_are_warned_of_too() -> None:
    found = advice.workers_for(Wish(96, deadline=1), times(AMDAHL, 0.0))
    assert found.workers is None
    assert "the fastest, 12, takes" in found.said
    assert found.warnings == ("12 workers lie outside of what was measured, 1 to 6",)


def test_outside_of_what_was_measured_it_warns() -> None:
    found = advice.workers_for(Wish(1000, deadline=90), times(AMDAHL, 0.0))
    assert found.workers is not None
    assert found.workers > 6
    assert [text.split(" lie ")[0] for text in found.warnings] == [f"{found.workers} workers", "1000 images"]
    assert "48 to 96" in found.warnings[1]


def test_a_law_that_misses_its_jobs_is_a_warning() -> None:
    bad = jobs.fit(
        [Job(n, 48, 24 * t * s, 1) for n, t in ((1, 1.0), (2, 0.4), (4, 0.7), (6, 0.3)) for s in (0.99, 1.0, 1.01)]
    )
    assert isinstance(bad, JobTimes)
    assert any("the law misses the times at" in text for text in advice.workers_for(Wish(48), bad).warnings)


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


def test_four_pairs_are_no_choice_yet() -> None:
    found = advice.best_of({"1": seen("1", [1.0] * 4), "2": seen("2", [2.0] * 4)}, None)
    assert isinstance(found, Choice)
    assert (found.slower, found.unsure) == ({}, ("2: 4 pairs of trials; 5 are needed",))
