"""Made trials for a rule: such that it is met, or that the opposite is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.analysis.decomposition import PARTS, Decomposition
from experiments.analysis.statistics import NoEstimate
from experiments.analysis.trials import Trial, Trials
from experiments.claims.sides import Side
from experiments.claims.types import Evidence, Fact

ROUNDS = 5
# What a host's noise does to a trial of each round: the same to all cells of a round, as blocks of rounds make it.
NOISE = (1.0, 1.01, 0.99, 1.02, 0.98)


def side(**keys: Any) -> Side:
    return Side.model_validate({"preset": "made", **keys})


def trials(one: Side, *values: float, block: int = 1, rounds: int = ROUNDS, **settings: Any) -> list[Trial]:
    """One a round; values are repeated, each with its round's noise unless there is one value a round."""
    cell = one.cell or " ".join(f"{key}={value}" for key, value in one.set.items())
    given = values if len(values) > 1 else [values[0] * NOISE[number % len(NOISE)] for number in range(rounds)]
    return [
        Trial(
            name=f"{one.preset}-{block}-{number:03d}-{cell}",
            preset=one.preset,
            comparison=one.preset,
            cell=cell,
            block=block,
            round=number,
            core=0.25,
            settings={**one.set, **settings},
            evidence=nested(one.figure, value),
        )
        for number, value in enumerate(given, start=1)
    ]


def nested(path: str, value: float) -> dict[str, Any]:
    """A record that holds the value at that path; "*" is some host."""
    content: Any = value
    for step in reversed(path.split(".")):
        content = {"worker-1" if step == "*" else step: content}
    assert isinstance(content, dict)
    return content


def merged(*groups: list[Trial]) -> tuple[Trial, ...]:
    """Trials of the same name, from sides that read several figures of one cell, become one."""
    found: dict[str, Trial] = {}
    for trial in (one for group in groups for one in group):
        before = found.get(trial.name)
        record = _joined(before.evidence, trial.evidence) if before else trial.evidence
        found[trial.name] = Trial(**{**vars(trial), "evidence": record})
    return tuple(found.values())


def evidence(
    *groups: list[Trial],
    facts: Mapping[str, Fact] | None = None,
    parts: Mapping[str, Mapping[str, float]] | None = None,
) -> Evidence:
    """parts: by cell, seconds an image of some of its parts."""

    def split(trial: Trial) -> Decomposition | NoEstimate:
        known = (parts or {}).get(trial.cell)
        if known is None:
            return NoEstimate(f"{trial.name}: has no tasks")
        return Decomposition({name: known.get(name, 0.0) for name in PARTS}, 48, 2)

    return Evidence(Trials(merged(*groups), {}), facts or {}, {1: "a made host"}, split)


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {**one, **{key: _joined(one[key], value) if key in one else value for key, value in other.items()}}
    return other
