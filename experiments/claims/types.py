"""Frozen types: a claim, what verdicts rest on, and a verdict in the ledger's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.analysis.decomposition import Decomposition
from experiments.analysis.statistics import NoEstimate
from experiments.analysis.trials import Trial, Trials
from experiments.bench.statistics import Estimate

# Direction of a finding.
HOLDS, REVERSED, NO_DIFFERENCE = "holds", "reversed", "no difference beyond noise"
# Direction where the interval is too wide to say that something is the same.
UNDECIDED = "undecided"
# Verdict on a cause.
SUPPORTED, REFUTED, OPEN = "supported", "refuted", "open"
# Either.
NOT_TESTABLE, NOT_MEASURED = "not testable here", "not yet measured"
# Size: of an effect whose figure the paper states.
AGREES, SMALLER, LARGER = "agrees within both uncertainties", "smaller", "larger"
NOT_COMPARABLE = "not comparable"

DIRECTIONS = (HOLDS, REVERSED, NO_DIFFERENCE, UNDECIDED, NOT_TESTABLE, NOT_MEASURED)
CAUSES = (SUPPORTED, REFUTED, OPEN, NOT_TESTABLE, NOT_MEASURED)
SIZES = (AGREES, SMALLER, LARGER, NOT_COMPARABLE)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, in our words. where: its place in the paper; paper: the figure that its text states, "" for
    none; conditions: under which it was made; cause: whether it says why. rules: (kind, parameters), in order;
    together: whether it holds only where all of them do, else the first with something to say decides.
    """

    id: str
    says: str
    where: str
    paper: str
    conditions: str
    cause: bool
    rules: tuple[tuple[str, Mapping[str, Any]], ...]
    together: bool = False


@dataclass(frozen=True)
class Fact:
    """A number that no trial of a run holds: of a benchmark, of a built model. source: where it is from."""

    value: float
    source: str
    low: float | None = None
    high: float | None = None
    n: int = 1
    unit: str = ""


def _not_split(trial: Trial) -> NoEstimate:
    return NoEstimate(f"{trial.name}: its tasks are not looked at")


@dataclass(frozen=True)
class Evidence:
    """What rules look at. hosts: each block's host, in words; parts: splits a trial's time by what it went to."""

    trials: Trials
    facts: Mapping[str, Fact] = field(default_factory=dict)
    hosts: Mapping[int, str] = field(default_factory=dict)
    parts: Callable[[Trial], Decomposition | NoEstimate] = _not_split


@dataclass(frozen=True)
class Verdict:
    """What a rule says. ours: the figure that it rests on, in `unit`; trials: those it rests on, by name.

    sized: the figure whose size was held against the paper's, in words, where that is another one; conditions: what it
    holds under, and what else was seen.
    """

    direction: str
    said: str
    size: str = NOT_COMPARABLE
    ours: Estimate | None = None
    unit: str = ""
    trials: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    sized: str = ""


@dataclass(frozen=True)
class Entry:
    """A line of the ledger."""

    claim: Claim
    verdict: Verdict
