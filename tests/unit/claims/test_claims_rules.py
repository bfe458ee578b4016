"""Each kind of rule both ways, and where nothing can be said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from claims_material import evidence, side, trials
from pydantic import ValidationError

from experiments.bench.statistics import Estimate
from experiments.claims import causes, levels, rules
from experiments.claims.causes import CauseRule
from experiments.claims.ledger import judge
from experiments.claims.levels import Bound, BoundsRule, FactRule
from experiments.claims.rules import FastestRule, RatioRule, TrendRule
from experiments.claims.sides import Unclear
from experiments.claims.types import (
    AGREES,
    HOLDS,
    LARGER,
    NO_DIFFERENCE,
    NOT_COMPARABLE,
    NOT_MEASURED,
    OPEN,
    REVERSED,
    SMALLER,
    SUPPORTED,
    UNDECIDED,
    Claim,
    Fact,
)

A, B, C = (side(cell=name) for name in "abc")
WIDE = (0.5, 2.0, 0.6, 1.7, 1.0)
FLAT = (1.0, 1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("expect", "above", "direction"),
    [
        ("less", (0.8,), HOLDS),
        ("less", (1.2,), REVERSED),
        # However often it comes again: no A/A says that the same thing started twice would not differ as much.
        ("less", (1.015,), NO_DIFFERENCE),
        ("less", WIDE, UNDECIDED),
        ("more", (1.2,), HOLDS),
        ("more", (0.8,), REVERSED),
        ("more", (1.0,), NO_DIFFERENCE),
        ("more", WIDE, UNDECIDED),
        ("not less", (1.2,), HOLDS),
        ("not less", (0.95,), REVERSED),
        ("not less", (0.99,), HOLDS),
        ("not less", (0.97, 1.0, 1.02, 1.03, 0.99), HOLDS),
        ("not less", WIDE, UNDECIDED),
        ("same", (1.03,), HOLDS),
        ("same", (1.3,), REVERSED),
        ("same", (0.7,), REVERSED),
        ("same", WIDE, UNDECIDED),
    ],
)
def test_a_ratio(expect: str, above: tuple[float, ...], direction: str) -> None:
    rule = RatioRule.model_validate({"above": A, "below": B, "expect": expect})
    below = (1.0,) if len(above) == 1 else FLAT
    verdict = rules.ratio(rule, evidence(trials(A, *above), trials(B, *below)))
    assert verdict.direction == direction
    assert verdict.size == NOT_COMPARABLE
    assert verdict.ours is not None
    assert len(verdict.trials) == 10
    assert "5 pairs of trials in 1 host block (a made host)" in verdict.conditions
    assert "a paper core is 0.25 of a host core" in verdict.conditions


def test_a_difference_below_the_noise_of_the_host_is_none() -> None:
    rule = RatioRule.model_validate({"above": A, "below": B, "expect": "less"})
    sides = trials(A, 0.95), trials(B, 1.0)
    one, same = (side(preset="aa", cell=name) for name in "ab")
    quiet = evidence(*sides, trials(one, 1.0), trials(same, 1.0))
    loud = evidence(*sides, trials(one, 1.0, 1.0, 1.1, 1.0, 1.1), trials(same, *FLAT))
    assert rules.ratio(rule, evidence(*sides)).direction == HOLDS
    assert any("no A/A of this figure" in text for text in rules.ratio(rule, evidence(*sides)).conditions)
    assert rules.ratio(rule, quiet).direction == HOLDS
    assert rules.ratio(rule, loud).direction == NO_DIFFERENCE
    assert "noise floor 10.0 % (A/A)" in rules.ratio(rule, loud).conditions
    fused = evidence(*sides, trials(one, 1.0, engine="fused"), trials(same, 1.0, engine="fused"))
    assert "noise floor 0.0 % (A/A: engine fused)" in rules.ratio(rule, fused).conditions
    # An A/A of four pairs tells no floor, and one without noise makes no difference of 1 % one.
    few = evidence(*sides, trials(one, 1.0, rounds=4), trials(same, 1.1, rounds=4))
    assert any("no A/A of this figure" in text for text in rules.ratio(rule, few).conditions)
    near = trials(A, 0.99), trials(B, 1.0), trials(one, 1.0), trials(same, 1.0)
    assert rules.ratio(rule, evidence(*near)).direction == NO_DIFFERENCE


ALONE = {"host": {"quiet": True}, "cores_elsewhere": 0.05, "sampler": {"problems": {}}}


@pytest.mark.parametrize(
    ("busy", "told"),
    [
        ({"host": {"quiet": False}}, True),
        ({**ALONE, "cores_elsewhere": 0.9}, True),
        # A node whose own work could not be read is taken for another's.
        ({**ALONE, "cores_elsewhere": 0.9, "sampler": {"problems": {"worker-1": "gone"}}}, False),
        (ALONE, False),
        ({}, False),
    ],
)
def test_trials_on_a_host_that_did_other_work_are_told(busy: dict[str, Any], told: bool) -> None:
    rule = RatioRule.model_validate({"above": A, "below": B, "expect": "less"})
    made = trials(A, 0.8)
    some = [replace(one, evidence={**one.evidence, **(busy if one.round < 3 else ALONE)}) for one in made]
    conditions = rules.ratio(rule, evidence(some, trials(B, 1.0))).conditions
    text = "2 of these trials were made on a host that was not steady, or did other work"
    assert (text in conditions) == told


@pytest.mark.parametrize(
    ("ours", "paper", "size"),
    [
        (Estimate(0.80, 0.78, 0.83, 5), [0.815, 0.82, 0.825], AGREES),
        (Estimate(0.90, 0.88, 0.92, 5), [0.815, 0.82, 0.825], SMALLER),
        (Estimate(1.10, 1.05, 1.15, 5), [0.815, 0.82, 0.825], SMALLER),
        (Estimate(0.50, 0.48, 0.52, 5), [0.815, 0.82, 0.825], LARGER),
        (Estimate(6.00, 5.50, 6.20, 5), [29, 33, 38], SMALLER),
        (Estimate(0.50, 0.48, 0.52, 5), [29, 33, 38], SMALLER),
        (Estimate(50.0, 48.0, 52.0, 5), [29, 33, 38], LARGER),
        (Estimate(50.0, 48.0, 52.0, 5), None, NOT_COMPARABLE),
    ],
)
def test_sizes_are_compared_along_the_papers_direction(ours: Estimate, paper: list[float] | None, size: str) -> None:
    assert rules.size_of(ours, paper) == size


def test_what_is_missing_is_said() -> None:
    rule = RatioRule.model_validate({"above": A, "below": B, "expect": "less"})
    nothing = rules.ratio(rule, evidence(trials(A, 1.0)))
    assert (nothing.direction, nothing.said) == (NOT_MEASURED, "No trial of made: b, time of the stage per image.")
    single = rules.ratio(rule, evidence(trials(A, 1.0, rounds=1), trials(B, 1.0, rounds=1)))
    assert single.direction == NOT_MEASURED
    assert "an interval needs 2" in single.said


def test_settings_that_two_cells_have_are_refused() -> None:
    both = side(set={"cores": 4})
    cells = trials(both, 1.0, timing="paper"), trials(side(set={"cores": 4, "timing": "x"}), 1.0)
    rule = RatioRule.model_validate({"above": both, "below": B, "expect": "less"})
    with pytest.raises(Unclear, match=r"several cells \(cores=4, cores=4 timing=x\)"):
        rules.ratio(rule, evidence(*cells, trials(B, 1.0)))


@pytest.mark.parametrize(
    ("times", "direction"),
    [
        ((0.8, 1.0, 1.1), HOLDS),
        ((1.0, 0.8, 1.1), REVERSED),
        ((1.2, 1.0, 1.0), REVERSED),
        ((0.8, 0.8, 1.0), NO_DIFFERENCE),
    ],
)
def test_the_fastest(times: tuple[float, float, float], direction: str) -> None:
    rule = FastestRule.model_validate({"winners": [A], "rivals": [B, C], "over": C, "paper": [0.70, 0.73, 0.75]})
    seen = zip((A, B, C), times, strict=True)
    verdict = rules.fastest(rule, evidence(*(trials(one, value) for one, value in seen)))
    assert verdict.direction == direction
    assert verdict.ours is not None
    assert verdict.ours.value == pytest.approx(times[0] / min(times[1:])), "the nearest rival decides"
    assert verdict.unit == f"time of the stage per image, made: a over made: {'b' if times[1] <= times[2] else 'c'}"
    assert verdict.size == rules.size_of(
        Estimate(times[0] / times[2], times[0] / times[2], times[0] / times[2], 5), [0.70, 0.73, 0.75]
    )
    assert len(verdict.trials) == 15
    assert verdict.sized.endswith("over made: c, time of the stage per image")


def test_the_fastest_among_times_that_scatter_is_undecided_and_shows_what_decides() -> None:
    rule = FastestRule.model_validate({"winners": [A], "rivals": [B, C]})
    scatter = rules.fastest(rule, evidence(trials(A, *WIDE), trials(B, *FLAT), trials(C, 9.0)))
    assert (scatter.direction, scatter.unit) == (UNDECIDED, "time of the stage per image, made: a over made: b")
    # A rival that is faster decides, also beside one that might be faster still.
    beaten = rules.fastest(rule, evidence(trials(A, *FLAT), trials(B, 0.8), trials(C, 0.1, 9.0, 0.2, 8.0, 0.7)))
    assert (beaten.direction, beaten.unit) == (REVERSED, "time of the stage per image, made: a over made: b")


def test_the_fastest_needs_all_its_rivals() -> None:
    rule = FastestRule.model_validate({"winners": [A], "rivals": [B, C]})
    assert rules.fastest(rule, evidence(trials(A, 0.8), trials(B, 1.0))).direction == NOT_MEASURED


@pytest.mark.parametrize(
    ("expect", "values", "direction"),
    [
        ("falls", (3.0, 2.0, 1.0), HOLDS),
        ("falls", (1.0, 2.0, 3.0), REVERSED),
        ("falls", (3.0, 1.0, 2.0), UNDECIDED),
        ("falls", (2.0, 2.0, 2.0), NO_DIFFERENCE),
        ("rises", (1.0, 2.0, 3.0), HOLDS),
        ("rises", (3.0, 2.0, 1.0), REVERSED),
    ],
)
def test_a_trend(expect: str, values: tuple[float, ...], direction: str) -> None:
    rule = TrendRule.model_validate({"steps": [A, B, C], "expect": expect})
    seen = zip((A, B, C), values, strict=True)
    assert rules.trend(rule, evidence(*(trials(one, value) for one, value in seen))).direction == direction


def test_a_trend_whose_ends_scatter_is_undecided() -> None:
    rule = TrendRule.model_validate({"steps": [A, B], "expect": "falls"})
    assert rules.trend(rule, evidence(trials(A, *FLAT), trials(B, *WIDE))).direction == UNDECIDED


@pytest.mark.parametrize(
    ("one", "other", "direction"),
    [
        ((1.0,) * 5, (3.0,) * 5, HOLDS),
        ((2.0,) * 5, (3.0,) * 5, REVERSED),
        ((1.0, 1.0, 2.0, 1.0, 1.0), (3.0,) * 5, UNDECIDED),
    ],
)
def test_bounds(one: tuple[float, ...], other: tuple[float, ...], direction: str) -> None:
    rule = BoundsRule(bounds=[Bound(side=A, at_most=1), Bound(side=B, at_least=2)])
    verdict = levels.bounds(rule, evidence(trials(A, *one), trials(B, *other)))
    assert verdict.direction == direction
    assert len(verdict.trials) == 10
    assert levels.bounds(rule, evidence(trials(A, *one))).direction == NOT_MEASURED


@pytest.mark.parametrize(("compiles", "direction"), [(3.0, HOLDS), (12.0, REVERSED)])
def test_a_bound_on_a_share(compiles: float, direction: str) -> None:
    one, executors = side(cell="a", figure="result.workers.*.compiles"), side(cell="a", figure="executors")
    rule = BoundsRule(bounds=[Bound(side=one, per="executors", at_most=1)])
    made = evidence(trials(one, *(compiles,) * 5), trials(executors, *(3.0,) * 5))
    assert levels.bounds(rule, made).direction == direction


@pytest.mark.parametrize(
    ("fact", "direction"),
    [
        (Fact(0.99, "bench", 0.97, 1.0, 100), HOLDS),
        (Fact(0.90, "bench", 0.88, 0.92, 100), REVERSED),
        (Fact(0.96, "bench", 0.90, 0.99, 100), UNDECIDED),
        (Fact(0.96, "manifest"), HOLDS),
        (Fact(0.94, "manifest"), REVERSED),
    ],
)
def test_facts(fact: Fact, direction: str) -> None:
    rule = FactRule(facts=["good", "this"], at_least=0.95)
    facts = {"good": Fact(1.0, "manifest"), "this": fact}
    verdict = levels.fact(rule, evidence(facts=facts))
    assert verdict.direction == direction
    assert fact.source in verdict.conditions
    assert levels.fact(rule, evidence(facts={"this": fact})).direction == NOT_MEASURED


def test_fewer_pairs_than_an_interval_needs_decide_nothing() -> None:
    rule = RatioRule.model_validate({"above": A, "below": B, "expect": "more"})
    few = evidence(trials(A, 2.0, rounds=4), trials(B, 1.0, rounds=4))
    verdict = rules.ratio(rule, few)
    assert verdict.direction == UNDECIDED
    assert "4 pairs of trials; 5 are needed" in verdict.said
    cause = CauseRule.model_validate({"present": A, "absent": B, "varies": ["link"], "expect": "more"})
    assert causes.cause(cause, few).direction == OPEN


@pytest.mark.parametrize(
    ("value", "direction", "size"),
    [(2.5, HOLDS, AGREES), (2.0, HOLDS, AGREES), (1.5, HOLDS, SMALLER), (0.5, REVERSED, SMALLER)],
)
def test_what_is_said_to_be_large_is_held_against_an_amount(value: float, direction: str, size: str) -> None:
    rule = RatioRule.model_validate({"above": A, "below": B, "expect": "more", "times": 2.0})
    spread = [value * one for one in (0.9, 0.95, 1.0, 1.05, 1.1)]
    found = rules.ratio(rule, evidence(trials(A, *spread), trials(B, *[1.0] * 5)))
    assert (found.direction, found.size) == (direction, size)


def test_a_ratio_says_what_it_is_of() -> None:
    rule = RatioRule.model_validate({"above": A, "below": B, "expect": "less"})
    on_one = rules.ratio(rule, evidence(trials(A, *[1.2] * 5), trials(B, *[2.4] * 5))).said
    assert on_one.endswith("(95 % interval 0.5 to 0.5), 1.20 s over 2.40 s.")
    # Seconds of two hosts have no common median.
    both = [trials(one, *[value] * 5, block=block) for one, value in ((A, 1.2), (B, 2.4)) for block in (1, 2)]
    assert rules.ratio(rule, evidence(*both)).said.endswith(", 1.20 s over 2.40 s in the block with most trials.")


def test_medians_that_pairs_contradict_are_said_to_be_no_pairs() -> None:
    rule = RatioRule.model_validate({"above": A, "below": B, "expect": "less"})
    plain = rules.ratio(rule, evidence(trials(A, *[1.1] * 5), trials(B, *[1.0] * 5))).said
    assert "the median of pairs" not in plain
    # By pairs the first takes a tenth longer in most rounds; its median over all rounds is the smaller one.
    apart = trials(A, 1.0, 1.0, 1.0, 5.0, 5.0), trials(B, 0.9, 0.9, 1.2, 4.5, 6.0)
    said = rules.ratio(rule, evidence(*apart)).said
    assert "1.11" in said
    assert "the median of pairs of one round; over all rounds medians are 1.00 s over 1.20 s" in said


def test_an_undecided_ratio_says_why() -> None:
    rule = RatioRule.model_validate({"above": A, "below": B, "expect": "same"})
    wide = rules.ratio(rule, evidence(trials(A, 1.0, 1.1, 1.2, 1.3, 1.4), trials(B, *[1.0] * 5)))
    assert wide.direction == UNDECIDED
    assert wide.said.endswith("; the interval reaches beyond 10 %.")


def test_conditions_are_those_of_the_job_where_an_engine_setting_chose_them() -> None:
    rule = RatioRule.model_validate({"above": A, "below": B, "expect": "less"})
    jobs = {
        "a": {"engine": "fused", "timing": "materialised", "batch_size": 1, "model": "file:/srv/in/fp32.xml"},
        "b": {"engine": "bigdl", "timing": "paper", "batch_size": 4, "model": "file:/srv/in/fp32.xml"},
    }
    made = [
        [
            replace(one, evidence={**one.evidence, "job": jobs[one.cell]})
            for one in trials(side_, 1.0, engine="bigdl", model="small")
        ]
        for side_ in (A, B)
    ]
    told = rules.ratio(rule, evidence(*made)).conditions
    assert {"engine fused and bigdl", "timing paper", "batch_size 4", "model small"} <= set(told)


def test_a_figure_without_bounds_is_told_beside_the_others() -> None:
    beside = side(cell="a", figure="phases.read")
    rule = BoundsRule(bounds=[Bound(side=beside), Bound(side=A, at_most=1)])
    verdict = levels.bounds(rule, evidence(trials(beside, *[7.0] * 5), trials(A, *[1.0] * 5)))
    assert verdict.direction == HOLDS
    assert verdict.said == (
        "made: a, time of read: 7 s; made: a, time of the stage per image: 1 s (asked: at most 1; so in 5 of 5 trials)."
    )


def test_seconds_that_are_told_beside_are_of_one_host() -> None:
    beside = side(cell="a", figure="phases.read")
    rule = BoundsRule(bounds=[Bound(side=beside), Bound(side=A, at_most=1)])
    both = [*trials(beside, *[7.0] * 5), *trials(beside, *[70.0] * 3, block=2)]
    verdict = levels.bounds(rule, evidence(both, [*trials(A, *[1.0] * 5), *trials(A, *[0.9] * 3, block=2)]))
    assert verdict.direction == HOLDS
    assert "time of read: 7 s, in the block with most trials; " in verdict.said
    assert "0.9 to 1 s (asked: at most 1; so in 8 of 8 trials)" in verdict.said


def test_a_rule_that_asks_nothing_is_refused_and_one_thing_told_beside_may_be_missing() -> None:
    with pytest.raises(ValidationError, match="bounds"):
        BoundsRule(bounds=[Bound(side=A)])
    rule = BoundsRule(bounds=[Bound(side=side(cell="a", figure="phases.read")), Bound(side=A, at_most=1)])
    verdict = levels.bounds(rule, evidence(trials(A, *[1.0] * 5)))
    assert (verdict.direction, verdict.said) == (
        HOLDS,
        "made: a, time of the stage per image: 1 s (asked: at most 1; so in 5 of 5 trials).",
    )


def test_too_few_pairs_leave_the_word_to_the_next_rule() -> None:
    on, off = side(set={"link": "26mbit"}), side(set={"link": "none"})
    names = {"varies": ["link"], "expect": "more"}
    few = {"present": A.model_dump(), "absent": B.model_dump(), **names}
    enough = {"present": on.model_dump(), "absent": off.model_dump(), **names}
    claim = Claim("X", "x", "y", "", "", True, (("cause", few), ("cause", enough)))
    made = [trials(A, 2.0, rounds=3), trials(B, 1.0, rounds=3)]
    assert "3 pairs" in judge(claim, evidence(*made)).said
    assert judge(claim, evidence(*made, trials(on, 1.5), trials(off, 1.0))).direction == SUPPORTED


def test_what_was_looked_into_and_stays_open_is_not_overruled() -> None:
    rule = {"kind": "part", "above": A.model_dump(), "below": B.model_dump(), "times": 2, "parts": ["driver"]}
    other = rule | {"above": side(cell="c").model_dump(), "below": side(cell="d").model_dump()}
    claim = Claim(
        "X",
        "x",
        "y",
        "",
        "",
        True,
        tuple(("part", {key: value for key, value in one.items() if key != "kind"}) for one in (rule, other)),
    )
    parts = {
        "a": {"compute": 1.7, "driver": 0.3},
        "b": {"compute": 2.0},
        "c": {"compute": 1.1, "driver": 0.9},
        "d": {"compute": 2.0},
    }
    sides = [trials(side(cell=name), 1.0) for name in "abcd"]
    assert judge(claim, evidence(*sides, parts=parts)).direction == OPEN
    assert judge(claim, evidence(*sides[2:], parts=parts)).direction == SUPPORTED
