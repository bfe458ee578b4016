"""Rules on ratios: from paired trials to a verdict, one small function a kind. Pure; no verdict is typed by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from experiments.analysis.statistics import SAME, within
from experiments.bench.statistics import Estimate
from experiments.claims import sides, words
from experiments.claims.sides import Found, Side, compare
from experiments.claims.types import (
    AGREES,
    HOLDS,
    LARGER,
    NO_DIFFERENCE,
    NOT_COMPARABLE,
    REVERSED,
    SMALLER,
    UNDECIDED,
    Evidence,
    Verdict,
)
from experiments.report.text import measured_text, percent_text, ratio_text
from experiments.shapes import Shape

OneSide = Annotated[Side, Field(description="a table of preset, cell or set, figure")]
_Paper = Annotated[
    list[float],
    Field(min_length=3, max_length=3, description="the least, the stated and the most of the paper's ratio"),
]


class RatioRule(Shape):
    """above takes `expect` the time (or whatever the figure is) of below.

    times: where the paper states no amount but speaks of something large: the ratio that its size is held against.
    """

    above: OneSide
    below: OneSide
    expect: Literal["less", "more", "not less", "same"]
    times: Annotated[float, Field(ge=1, description="a number of 1 or more")] = 1.0
    paper: _Paper | None = None


def ratio(rule: RatioRule, evidence: Evidence) -> Verdict:
    found = compare(rule.above, rule.below, evidence)
    if isinstance(found, Verdict):
        return found
    direction = _direction(found, rule.expect)
    said = f"{sides.over(rule.above, rule.below)}: {shown(found.ratio.estimate)}{_medians(rule, found, evidence)}"
    return Verdict(
        direction,
        f"{said}{_undecided(found.ratio.estimate) if direction == UNDECIDED else ''}.",
        size_of(found.ratio.estimate, rule.paper) if rule.times == 1 else _large(found.ratio.estimate, rule.times),
        found.ratio.estimate,
        "ratio",
        found.ratio.trials,
        sides.conditions(found, evidence),
    )


def _medians(rule: RatioRule, found: Found, evidence: Evidence) -> str:
    """The sides' own medians; why, where their quotient is none that the pairs allow, or on the other side of 1."""
    above, below = (sides.median_of(side, found.ratio, evidence) for side in (rule.above, rule.below))
    unit = words.of_figure(rule.above.figure).unit
    said = f"{measured_text(above)} {unit}".rstrip() + f" over {measured_text(below)} {unit}".rstrip()
    where = " in the block with most trials" if len(found.ratio.blocks) > 1 else ""
    one = found.ratio.estimate
    alike = below and one.low <= above / below <= one.high and (above / below - 1) * (one.value - 1) >= 0
    return (
        f", {said}{where}"
        if alike
        else f", the median of pairs of one round; over all rounds medians are {said}{where}"
    )


def _undecided(one: Estimate) -> str:
    """Why, where a reader may have expected a word."""
    return f"; the interval reaches beyond {percent_text(SAME)}" if not within(one) else "; it is within noise"


def _direction(found: Found, expect: str) -> str:
    seen, one = found.differs, found.ratio.estimate
    if expect in ("less", "more"):
        wanted = -1 if expect == "less" else 1
        return HOLDS if seen == wanted else REVERSED if seen else _nothing_seen([one])
    if expect == "not less":
        # Nothing seen is only worth something where a difference would have been.
        return {-1: REVERSED, 0: HOLDS if one.low >= 1 / (1 + SAME) else UNDECIDED, 1: HOLDS}[seen]
    if within(one):
        return HOLDS
    return REVERSED if seen and not _reaches(one) else UNDECIDED


def _nothing_seen(ratios: Sequence[Estimate]) -> str:
    """Of ratios of which none differs beyond noise: whether a difference would have been seen in each."""
    return NO_DIFFERENCE if all(map(within, ratios)) else UNDECIDED


def _reaches(one: Estimate) -> bool:
    """Whether some of the interval does."""
    return one.low <= 1 + SAME and one.high >= 1 / (1 + SAME)


def size_of(ours: Estimate, paper: Sequence[float] | None) -> str:
    """Our effect beside the paper's, both as distances from 1; they agree where their ranges overlap."""
    if paper is None:
        return NOT_COMPARABLE
    least, stated, most = paper
    if ours.low <= most and ours.high >= least:
        return AGREES
    # Measured along the paper's direction: an effect the other way round is smaller than none.
    along = math.copysign(1, math.log(stated))
    return LARGER if along * math.log(ours.value) > along * math.log(stated) else SMALLER


def _large(ours: Estimate, times: float) -> str:
    """As large as is asked for, within its uncertainty, or not."""
    return AGREES if ours.high >= times else SMALLER


class FastestRule(Shape):
    """Each winner takes less than each rival. paper: of the first winner's ratio over `over`, which it needs."""

    winners: Annotated[list[Side], Field(min_length=1, description="a list of sides")]
    rivals: Annotated[list[Side], Field(min_length=1, description="a list of sides")]
    over: OneSide | None = None
    paper: _Paper | None = None


def fastest(rule: FastestRule, evidence: Evidence) -> Verdict:
    pairs = [(winner, rival) for winner in rule.winners for rival in rule.rivals]
    compared = [(winner, rival, compare(winner, rival, evidence)) for winner, rival in pairs]
    missing = [found for _, _, found in compared if isinstance(found, Verdict)]
    if missing:
        return missing[0]
    whole = [(winner, rival, found) for winner, rival, found in compared if isinstance(found, Found)]
    seen = [found.differs for _, _, found in whole]
    ties = [found.ratio.estimate for _, _, found in whole if not found.differs]
    direction = REVERSED if 1 in seen else HOLDS if not ties else _nothing_seen(ties)
    against = compare(rule.winners[0], rule.over, evidence) if rule.over and rule.paper else None
    if isinstance(against, Verdict):
        return against
    said = "; ".join(f"{sides.over(winner, rival)}: {shown(found.ratio.estimate)}" for winner, rival, found in whole)
    trials = dict.fromkeys(trial for _, _, found in whole for trial in found.ratio.trials)
    # What decides is a rival that is faster, else one that may be, else the one that comes nearest.
    winner, rival, deciding = max(whole, key=lambda one: _against(one[2]))
    size = size_of(against.ratio.estimate, rule.paper) if against else NOT_COMPARABLE
    return Verdict(
        direction,
        f"{said}.",
        size,
        deciding.ratio.estimate,
        sides.over(winner, rival),
        tuple(trials),
        sides.conditions(deciding, evidence),
        f"{shown(against.ratio.estimate)} over {rule.over}" if against and rule.paper else "",
    )


def _against(found: Found) -> tuple[bool, bool, float]:
    """How much a comparison speaks against its winner."""
    one = found.ratio.estimate
    return found.differs > 0, not found.differs and not within(one), one.value


class TrendRule(Shape):
    """The figure falls or rises from side to side, in their order."""

    steps: Annotated[list[Side], Field(min_length=2, description="a list of sides")]
    expect: Literal["falls", "rises"]


def trend(rule: TrendRule, evidence: Evidence) -> Verdict:
    """Holds if the last is beyond noise from the first, and no step goes the other way beyond noise."""
    ends = compare(rule.steps[-1], rule.steps[0], evidence)
    if isinstance(ends, Verdict):
        return ends
    compared = [compare(right, left, evidence) for left, right in pairwise(rule.steps)]
    missing = [found for found in compared if isinstance(found, Verdict)]
    if missing:
        return missing[0]
    steps = [found for found in compared if isinstance(found, Found)]
    wanted = -1 if rule.expect == "falls" else 1
    back = any(found.differs == -wanted for found in steps)
    if ends.differs == wanted:
        direction = UNDECIDED if back else HOLDS
    else:
        direction = REVERSED if ends.differs else _nothing_seen([ends.ratio.estimate])
    named = ", ".join(
        f"{shown(found.ratio.estimate)} to {side.cells}" for found, side in zip(steps, rule.steps[1:], strict=True)
    )
    ours = ends.ratio.estimate
    said = f"{sides.over(rule.steps[-1], rule.steps[0])}: {shown(ours)}; by step {named}."
    trials = dict.fromkeys(trial for found in (ends, *steps) for trial in found.ratio.trials)
    return Verdict(direction, said, NOT_COMPARABLE, ours, "ratio", tuple(trials), sides.conditions(ends, evidence))


def shown(one: Estimate) -> str:
    """As sentences have it."""
    return f"{ratio_text(one.value)} (95 % interval {ratio_text(one.low)} to {ratio_text(one.high)})"
