"""Rules on causes, and those for what cannot be judged yet or at all. Pure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from experiments.analysis.statistics import ENOUGH, within
from experiments.analysis.trials import varied
from experiments.bench.statistics import Estimate
from experiments.claims import shares, sides
from experiments.claims.rules import OneSide, shown
from experiments.claims.sides import Side, compare
from experiments.claims.types import (
    NOT_COMPARABLE,
    NOT_MEASURED,
    NOT_TESTABLE,
    OPEN,
    REFUTED,
    SUPPORTED,
    Evidence,
    Verdict,
)
from experiments.report.text import ratio_text
from experiments.shapes import Shape, Text


class CauseRule(Shape):
    """Sides that differ in this cause alone: `varies` are the settings that may differ.

    expect "more": the claim is that this makes `present` take more. "none": that something else does; where this alone
    makes a difference it is refuted, and where it makes none it stays open, since what else there is was not varied.
    explains: the ratio that would be all of what is to be explained. A cause that makes less than MOST_OF_IT of its
    logarithm, since causes multiply, is a part of the answer and not the answer; NEXT_TO_NOTHING of it is no cause.
    whole: a side that has this cause and the others: then its ratio over `absent` is what is to be explained.
    means: of each verdict that is reached, what follows from it for the claim, where the sides alone do not say that.
    """

    present: OneSide
    absent: OneSide
    varies: Annotated[list[Text], Field(min_length=1, description="a list of settings", examples=[["link"]])]
    expect: Literal["more", "none"]
    explains: Annotated[float | None, Field(gt=1, description="a ratio of more than 1")] = None
    whole: OneSide | None = None
    means: dict[Literal["supported", "refuted"], Text] = Field({}, description="sentences, by verdict")


def cause(rule: CauseRule, evidence: Evidence) -> Verdict:
    """Supported where the difference is beyond noise and MOST_OF_IT of what is to be explained; refuted where it is
    NEXT_TO_NOTHING of that or goes the other way; without something to be explained where none is seen and the whole
    interval lies within SAME; else open.
    """
    found = compare(rule.present, rule.absent, evidence)
    if isinstance(found, Verdict):
        said = f"Not yet measured: {found.said}" if found.direction == NOT_MEASURED else found.said
        return replace(found, direction=OPEN, said=said)
    said = f"{sides.over(rule.present, rule.absent)}: {shown(found.ratio.estimate)}"
    other = [key for key in varied(found.trials) if key not in rule.varies]
    if other:
        return Verdict(OPEN, f"{said}; but {', '.join(other)} differed too, so no cause can be told.")
    if rule.whole is not None:
        return _of_whole(rule, rule.whole, said, evidence)
    yes, no = (SUPPORTED, REFUTED) if rule.expect == "more" else (REFUTED, OPEN)
    one = found.ratio.estimate
    direction = yes if found.differs > 0 else no if found.differs < 0 or within(one) else OPEN
    if found.differs >= 0 and rule.explains is not None:
        value, low, high = (math.log(end) / math.log(rule.explains) for end in (one.value, one.low, one.high))
        of_it = Estimate(value, low, high, one.n)
        said += f", by logarithms {shares.shown(of_it)} of the {ratio_text(rule.explains)} to be explained"
        direction = shares.judged(of_it, yes if found.differs else OPEN, no)
    trials, conditions = found.ratio.trials, sides.conditions(found, evidence)
    said += f": {rule.means[direction]}" if direction in rule.means else ""
    return Verdict(direction, f"{said}.", NOT_COMPARABLE, one, "ratio", trials, conditions)


def _of_whole(rule: CauseRule, whole: Side, said: str, evidence: Evidence) -> Verdict:
    """By how much of the whole this cause makes alone, in rounds that have all three sides."""
    seen = [
        {(one.block, one.round): one for one in sides.values_of(side, evidence)}
        for side in (rule.present, rule.absent, whole)
    ]
    places = sorted(seen[0].keys() & seen[1].keys() & seen[2].keys())
    if len(places) < ENOUGH:
        return Verdict(OPEN, f"Not yet measured: {len(places)} rounds have {whole.cells} too; {ENOUGH} are needed.")
    present, absent, every = (np.log([one[place].value for place in places]) for one in seen)
    names = tuple(dict.fromkeys(one[place].trial for place in places for one in seen))
    trials = [one for side in (rule.present, rule.absent, whole) for one in sides.trials_of(side, evidence)]
    conditions = sides.where([one for one in trials if one.name in names], evidence)
    lost = compare(whole, rule.absent, evidence)
    if isinstance(lost, Verdict) or lost.differs <= 0:
        return Verdict(OPEN, f"{said}; {whole.cells} is not slower, so there is nothing to explain.", trials=names)
    found = shares.share(present - absent, every - absent, [block for block, _ in places])
    direction = shares.judged(found)
    said += f", by logarithms {shares.shown(found)} of {whole.cells} over it, {shown(lost.ratio.estimate)}"
    return Verdict(direction, f"{said}.", NOT_COMPARABLE, found, "of the difference", names, conditions)


class WhyRule(Shape):
    why: Text


def later(rule: WhyRule, _: Evidence) -> Verdict:
    return Verdict(NOT_MEASURED, rule.why)


def not_testable(rule: WhyRule, _: Evidence) -> Verdict:
    return Verdict(NOT_TESTABLE, rule.why)


def still_open(rule: WhyRule, _: Evidence) -> Verdict:
    return Verdict(OPEN, rule.why)
