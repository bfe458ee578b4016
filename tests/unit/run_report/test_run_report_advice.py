"""Advice on made trials: how many workers, which cell, and what a job takes once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from parts_material import compared, trials

from experiments.analysis.advice import Wish
from experiments.run_report import advising, answer, scaling
from experiments.run_report.drawings import Setting
from experiments.run_report.made import seconds_per_image
from experiments.run_report.reading import RunFolder
from experiments.run_report.study import Study


def test_advice_without_a_limit_stays_within_what_was_measured() -> None:
    comparison = compared(*[trials(f"{n}", seconds_per_image(n, 0.1), n) for n in (1, 2, 3, 6)])
    (one,) = scaling.scaled(comparison)
    free, short = advising.advise(advising.jobs_of(one), [Wish(48), Wish(48, deadline=25.0)])
    assert free.advice.workers == 6
    assert "the fastest measured; of fewer none are shown to be within 10 % of the fastest" in free.advice.said
    assert "the cheapest, 1: " in free.advice.said
    # 20 s of start-up and 48 images: 5 s are left, at 0.104 s an image.
    assert short.advice.workers is not None
    assert short.advice.workers > 6
    assert "outside of what was measured" in short.advice.warnings[0]


def test_five_thousand_images_take_what_the_few_say() -> None:
    # A stage of 7 s and 0.06 s an image: alone, neither 24 nor 96 images tell the time of 5,000.
    cells_ = [
        trials(f"{workers}-{images}", 7 / images + 0.36 / workers, workers, images)
        for images in (24, 96)
        for workers in (1, 2, 3, 6)
    ]
    found = scaling.best(scaling.scaled(compared(*cells_)))
    assert found is not None
    assert found.family.images == 96
    wishes = advising.default_wishes(found, advising.jobs_of(found))
    assert [wish.images for wish in wishes] == [96, 5000]
    cost = advising.advise(advising.jobs_of(found), wishes)[1].advice.costs[5].seconds
    assert cost.value == pytest.approx(27 + 5000 * 0.06, rel=0.03)
    assert cost.low < 327 < cost.high


def test_a_family_with_too_few_rounds_answers_after_one_with_enough() -> None:
    cut = [one for n in (1, 2, 3, 6) for one in trials(f"{n}", 0.5 / n, n) if one.round < 5]
    whole = [one for n in (1, 6) for one in trials(f"bigdl {n}", 1 / n, n, engine="bigdl")]
    found = scaling.best(scaling.scaled(compared(cut, whole)))
    assert found is not None
    assert found.engine == "bigdl"
    # Where none has enough, the one of most numbers of workers answers.
    found = scaling.best(scaling.scaled(compared(cut, [one for one in whole if one.round < 5])))
    assert found is not None
    assert found.engine != "bigdl"


def test_what_a_job_takes_once_is_in_the_answer_where_it_is_known() -> None:
    cells_ = [
        trials(f"{n}-{images}", 7 / images + 0.36 / n, n, images, engine="fused")
        for images in (24, 96)
        for n in (1, 2, 3, 6)
    ]
    comparison = compared(*cells_)
    setting = Setting(comparison, "made", "2 made cores", scaling.scaled(comparison), (), None, {})
    found = scaling.best(setting.scaled)
    assert found is not None
    run = RunFolder("made", Path(), "made", "made", "", 5, (), {}, {}, ())
    told, stops, _ = answer.answers([Study(run, setting, (), (), None, advising.jobs_of(found), ())])
    # 20 s of start-up and a stage of 7 s; an image takes 0.36 s on one worker.
    once = next(text for text in told.said if text.startswith("A job takes"))
    assert re.match(
        r"A job takes 2[678]\S* .* s once, whatever its images, and 0\.06\S* .* on 6 workers, 0\.3[56]", once
    )
    assert re.search(r"the nearer it comes to (5\.\d+|6(\.\d+)?) \(", once)
    assert any(text.startswith("Of the stage, in jobs of 96 images: Amdahl") for text in told.said)
    assert re.search(
        r"Of the 3\d\S* s of a job of 96 images on 6 workers 8\d % \(8\d % to 8\d %\) are taken once", stops.said[-1]
    )


def test_a_wish_for_another_number_of_images_is_answered_by_a_reason() -> None:
    (one,) = scaling.scaled(compared(*[trials(f"{n}", seconds_per_image(n, 0.1), n) for n in (1, 2, 3, 6)]))
    assert [wish.images for wish in advising.default_wishes(one, advising.jobs_of(one))] == [48]
    (told,) = advising.advise(advising.jobs_of(one), [Wish(2000, deadline=600)])
    assert told.advice.said.startswith("No advice for 2000 images")
    (one,) = scaling.scaled(compared(trials("1", 0.5, 1), trials("3", 0.2, 3)))
    (told,) = advising.advise(advising.jobs_of(one), [Wish(48)])
    assert "a law needs 3 different numbers of workers" in told.advice.said


def test_the_best_cell_is_sought_among_those_with_as_many_images() -> None:
    comparison = compared(
        trials("slow", 0.5, 2, engine="bigdl"), trials("fast", 0.2, 2), trials("few", 0.1, 2, images=6)
    )
    found = advising.best_cell(comparison, None)
    assert found is not None
    assert "fast is the fastest from submission to the last row; slow takes 1.25 times as long" in found.said
    assert "few" not in found.said
    assert found.gain == pytest.approx(1.25, abs=0.01)


def test_among_cells_that_are_as_fast_the_one_that_costs_least_is_named() -> None:
    found = advising.best_cell(compared(trials("3", 0.101, 3), trials("6", 0.1, 6)), None)
    assert found is not None
    assert (
        "6 is by its median the fastest from submission to the last row; 3 not shown to be slower. Of these 3 costs "
        "least" in found.said
    )
    found = advising.best_cell(compared(trials("1", 9.0, 1), trials("6", 0.1, 6)), None)
    assert found is not None
    assert "costs least" not in found.said


def test_where_the_stage_alone_tells_cells_apart_otherwise_that_is_said() -> None:
    # A second of start-up an image hides a tenth of the stage.
    found = advising.best_cell(compared(trials("1", 0.10, 2, cores=1), trials("2", 0.11, 2, cores=2)), None)
    assert found is not None
    assert "1 is by its median the fastest from submission to the last row; 2 not shown to be slower" in found.said
    assert (
        "By the stage alone, what comes before and after it left aside: 1 is the fastest; 2 takes 1.1 times"
        in found.said
    )
    found = advising.best_cell(compared(trials("1", 0.1, 2, engine="a"), trials("2", 0.11, 2, engine="b")), None)
    assert found is not None
    assert "By the stage alone" not in found.said


def test_between_cells_of_the_same_settings_there_is_nothing_to_choose() -> None:
    assert advising.best_cell(compared(trials("a", 0.5, 2), trials("b", 0.2, 2)), None) is None


def test_cells_with_another_input_are_no_choice() -> None:
    found = advising.best_cell(
        compared(
            trials("workers-1", 0.5, 1),
            trials("workers-6", 0.2, 6),
            trials("small", 0.1, 6, image_side=160),
            trials("linked", 0.1, 6, link="26mbit"),
        ),
        None,
    )
    assert found is not None
    assert "workers-6 is the fastest" in found.said
    assert advising.best_cell(compared(trials("a", 0.5, 2, limit="quota"), trials("b", 0.2, 2)), None) is None


def test_a_choice_of_precision_says_that_accuracy_is_another_matter() -> None:
    found = advising.best_cell(compared(trials("a", 0.5, 2, weights="FP32"), trials("b", 0.2, 2, weights="INT8")), None)
    assert found is not None
    assert "accuracy is another figure" in found.said


def test_choices_come_in_the_order_of_what_they_gain() -> None:
    slower = (0.21, 2.0, 0.5)
    made = [compared(trials("slow", seconds, 2, engine="bigdl"), trials("fast", 0.2, 2)) for seconds in slower]
    bests = [best for one in made if (best := advising.best_cell(one, None))]
    gains = [one.gain for one in advising.by_gain(bests)]
    assert len(gains) == 3
    assert gains == sorted(gains, reverse=True) != [one.gain for one in bests]
