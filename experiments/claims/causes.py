"""Rules on causes, and those for what cannot be judged yet or at all. Pure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from experiments.analysis.statistics import within
from experiments.analysis.trials import varied
from experiments.claims import sides
from experiments.claims.rules import OneSide, shown
from experiments.claims.sides import compare
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
from experiments.report.text import percent_text, ratio_text
from experiments.shapes import Shape, Text

# A cause explains something where it makes this share of it at least, and does not where it makes that one at most.
MOST_OF_IT, NEXT_TO_NOTHING = 0.5, 0.1


class CauseRule(Shape):
    """Sides that differ in this cause alone: `varies` are the settings that may differ.

    expect "more": the claim is that this makes `present` take more. "none": that something else does; where this alone
    makes a difference it is refuted, and where it makes none it stays open, since what else there is was not varied.
    explains: the ratio that would be all of what is to be explained. A cause that makes less than MOST_OF_IT of its
    logarithm, since causes multiply, is a part of the answer and not the answer; NEXT_TO_NOTHING of it is no cause.
    """

    present: OneSide
    absent: OneSide
    varies: Annotated[list[Text], Field(min_length=1, description="a list of settings", examples=[["link"]])]
    expect: Literal["more", "none"]
    explains: Annotated[float | None, Field(gt=1, description="a ratio of more than 1")] = None


def cause(rule: CauseRule, evidence: Evidence) -> Verdict:
    """Supported where the difference is beyond noise and MOST_OF_IT of what is to be explained; refuted where it is
    NEXT_TO_NOTHING of that, goes the other way, or none is seen and the whole interval lies within SAME; else open.
    """
    found = compare(rule.present, rule.absent, evidence)
    if isinstance(found, Verdict):
        said = f"Not yet measured: {found.said}" if found.direction == NOT_MEASURED else found.said
        return replace(found, direction=OPEN, said=said)
    said = f"{rule.present} over {rule.absent}: {shown(found.ratio.estimate)}"
    other = [key for key in varied(found.trials) if key not in rule.varies]
    if other:
        return Verdict(OPEN, f"{said}; but {', '.join(other)} differed too, so no cause can be told.")
    yes, no = (SUPPORTED, REFUTED) if rule.expect == "more" else (REFUTED, OPEN)
    one = found.ratio.estimate
    direction = yes if found.differs > 0 else no if within(one) or found.differs < 0 else OPEN
    if found.differs > 0 and rule.explains is not None:
        value, low, high = (math.log(end) / math.log(rule.explains) for end in (one.value, one.low, one.high))
        shares = f"{percent_text(value)} ({percent_text(low)} to {percent_text(high)})"
        said += f", by logarithms {shares} of the {ratio_text(rule.explains)} to be explained"
        direction = yes if low >= MOST_OF_IT else no if high <= NEXT_TO_NOTHING else OPEN
    trials, conditions = found.ratio.trials, sides.conditions(found, evidence)
    return Verdict(direction, f"{said}.", NOT_COMPARABLE, one, "ratio", trials, conditions)


class WhyRule(Shape):
    why: Text


def later(rule: WhyRule, _: Evidence) -> Verdict:
    return Verdict(NOT_MEASURED, rule.why)


def not_testable(rule: WhyRule, _: Evidence) -> Verdict:
    return Verdict(NOT_TESTABLE, rule.why)


def still_open(rule: WhyRule, _: Evidence) -> Verdict:
    return Verdict(OPEN, rule.why)
