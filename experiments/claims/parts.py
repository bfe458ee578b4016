"""The rule on parts: how much of a loss a part of the time makes, by each trial's own evidence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from experiments.analysis.decomposition import BY_WORK, START_UP, Decomposition
from experiments.analysis.statistics import ENOUGH, Numbers
from experiments.analysis.trials import Trial
from experiments.claims import shares, sides
from experiments.claims.rules import OneSide
from experiments.claims.sides import Side
from experiments.claims.types import NOT_COMPARABLE, OPEN, Evidence, Verdict
from experiments.report.text import joined
from experiments.shapes import Shape

# A loss of less than this share of the time is none.
A_LOSS = 0.02


def _known(name: str) -> str:
    if name not in BY_WORK:
        raise ValueError("unknown")
    return name


_Part = Annotated[str, AfterValidator(_known)]


class PartRule(Shape):
    """`above` takes longer than `below` over `times`, which would be its time if nothing were lost.

    times: how many times the cores of `below` it has. parts: what makes the loss, names of
    `experiments.analysis.decomposition.BY_WORK`: with the time in them for which a quota stopped their nodes, since
    nodes of twice the cores are stopped less, whatever they do.
    """

    above: OneSide
    below: OneSide
    times: Annotated[float, Field(ge=1, description="a number of 1 or more")] = 1.0
    parts: Annotated[list[_Part], Field(min_length=1, description=f"a list of {', '.join(BY_WORK)}")]


def part(rule: PartRule, evidence: Evidence) -> Verdict:
    """Supported where the parts make MOST_OF_IT of the loss at least, refuted where NEXT_TO_NOTHING at most, else open;
    open too where there is no loss beyond its own interval.
    """
    pairs, missing = _pairs(rule, evidence)
    if len(pairs) < ENOUGH:
        why = f"; {missing[0]}" if missing else ""
        return Verdict(
            OPEN, f"Not yet measured: {len(pairs)} pairs of trials could be split; {ENOUGH} are needed{why}."
        )
    whole = _lost(rule, pairs, [name for name in BY_WORK if name != START_UP])
    own = _lost(rule, pairs, rule.parts)
    time = np.array([above.total - above.by_work[START_UP] for (_, above), _ in pairs])
    blocks = [trial.block for (trial, _), _ in pairs]
    trials = tuple(dict.fromkeys(trial.name for pair in pairs for trial, _ in pair))
    conditions = sides.where([trial for pair in pairs for trial, _ in pair], evidence)
    lost = shares.share(whole, time, blocks)
    ideal = f"{rule.times:g} times the cores of {rule.below.cells}" if rule.times > 1 else rule.below.cells
    against = f"Start-up left aside, {rule.above.cells} loses {shares.shown(lost)} of its time against {ideal}"
    if lost.low <= A_LOSS:
        said = f"{against}: no loss that could be told from none."
        return Verdict(OPEN, said, trials=trials, conditions=conditions)
    share = shares.share(own, whole, blocks)
    made = f"{joined(rule.parts)} make{'s' if len(rule.parts) == 1 else ''} {shares.shown(share)} of that loss"
    said = f"{against}; {made}."
    return Verdict(shares.judged(share), said, NOT_COMPARABLE, share, "of the loss", trials, conditions)


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
            sum(above.by_work[name] - below.by_work[name] / rule.times for name in parts)
            for (_, above), (_, below) in pairs
        ]
    )
