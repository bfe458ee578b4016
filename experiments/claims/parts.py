"""The rule on parts: how much of a loss a part of the time makes, by each trial's own evidence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from experiments.analysis import statistics
from experiments.analysis.decomposition import PARTS, Decomposition
from experiments.analysis.statistics import ENOUGH, Numbers
from experiments.analysis.trials import Trial
from experiments.bench.statistics import Estimate
from experiments.claims import sides
from experiments.claims.rules import OneSide
from experiments.claims.sides import Side
from experiments.claims.types import NOT_COMPARABLE, OPEN, REFUTED, SUPPORTED, Evidence, Verdict
from experiments.report.text import joined, measured_text, percent_text
from experiments.shapes import Shape, Text

# A part explains a loss from this share of it on, and does not up to that one.
MOST_OF_IT, NEXT_TO_NOTHING = 0.5, 0.1
# What lies before a job's work is no part of what is to be explained.
START_UP = "start-up"
# A loss of less than this share of the whole is none.
_A_LOSS = 0.02


class PartRule(Shape):
    """`above` takes longer than `below` over `times`, which would be its time if nothing were lost.

    times: how many times the cores of `below` it has. parts: what makes the loss, names of
    `experiments.analysis.decomposition.PARTS`.
    """

    above: OneSide
    below: OneSide
    times: Annotated[float, Field(ge=1, description="a number of 1 or more")] = 1.0
    parts: Annotated[list[Text], Field(min_length=1, description=f"a list of {', '.join(PARTS)}")]


def part(rule: PartRule, evidence: Evidence) -> Verdict:
    """Supported where the parts make half of the loss at least, refuted where a tenth at most, else open."""
    unknown = [name for name in rule.parts if name not in PARTS]
    if unknown:
        raise sides.Unclear(f"parts: {', '.join(unknown)}: there are {', '.join(PARTS)}.")
    pairs, missing = _pairs(rule, evidence)
    if len(pairs) < ENOUGH:
        why = f"; {missing[0]}" if missing else ""
        return Verdict(
            OPEN, f"Not yet measured: {len(pairs)} pairs of trials could be split; {ENOUGH} are needed{why}."
        )
    whole, own = _lost(rule, pairs, [name for name in PARTS if name != START_UP]), _lost(rule, pairs, rule.parts)
    trials = tuple(dict.fromkeys(trial.name for pair in pairs for trial, _ in pair))
    conditions = sides.where([trial for pair in pairs for trial, _ in pair], evidence)
    named, ideal = joined(rule.parts), f"{rule.below}" + (f", over {rule.times:g}" if rule.times > 1 else "")
    loss = float(np.median(whole))
    if loss <= _A_LOSS * _time(pairs[0][0][1]):
        return Verdict(OPEN, f"{rule.above} loses nothing against {ideal}.", trials=trials, conditions=conditions)
    share = _share(own, whole)
    direction = SUPPORTED if share.low >= MOST_OF_IT else REFUTED if share.high <= NEXT_TO_NOTHING else OPEN
    said = (
        f"{named}: {percent_text(share.value)} (95 % interval {percent_text(share.low)} to {percent_text(share.high)}) "
        f"of the {measured_text(loss)} s an image that {rule.above} takes longer than {ideal}, start-up left aside."
    )
    return Verdict(direction, said, NOT_COMPARABLE, share, "of the loss", trials, conditions)


_Split = tuple[Trial, Decomposition]


def _pairs(rule: PartRule, evidence: Evidence) -> tuple[list[tuple[_Split, _Split]], list[str]]:
    """Trials of the same round that could be split, and why others could not."""
    (above, wrong), (below, also) = (_split(side, rule.parts, evidence) for side in (rule.above, rule.below))
    return [(above[place], below[place]) for place in sorted(above.keys() & below.keys())], [*wrong, *also]


def _split(side: Side, parts: Sequence[str], evidence: Evidence) -> tuple[dict[tuple[int, int], _Split], list[str]]:
    found, missing = dict[tuple[int, int], _Split](), list[str]()
    for trial in sides.trials_of(side, evidence):
        one = evidence.parts(trial)
        if not isinstance(one, Decomposition):
            missing.append(one.reason)
        elif unmeasured := sorted(set(parts) & set(one.unmeasured)):
            missing.append(f"{trial.name}: not measured: {', '.join(unmeasured)}")
        else:
            found[trial.block, trial.round] = trial, one
    return found, missing


def _lost(rule: PartRule, pairs: Sequence[tuple[_Split, _Split]], parts: Sequence[str]) -> Numbers:
    """Seconds an image that these parts take more, by pair."""
    return np.array(
        [
            sum(above.seconds[name] - below.seconds[name] / rule.times for name in parts)
            for (_, above), (_, below) in pairs
        ]
    )


def _time(one: Decomposition) -> float:
    return one.total - one.seconds[START_UP]


def _share(own: Numbers, whole: Numbers) -> Estimate:
    """Of the sums over pairs, which are resampled whole."""

    def share(places: Numbers, axis: int) -> Any:
        chosen = places.astype(np.int64)
        return own[chosen].sum(axis=axis) / whole[chosen].sum(axis=axis)

    return statistics.interval([np.arange(len(own), dtype=np.float64)], share)
