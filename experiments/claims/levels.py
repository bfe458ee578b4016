"""Rules on levels: a figure of each trial, or a fact of no trial, lies within bounds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from experiments.analysis.statistics import ENOUGH, largest_block
from experiments.analysis.trials import Observation, Trial
from experiments.bench.statistics import Estimate
from experiments.claims import sides, words
from experiments.claims.rules import OneSide
from experiments.claims.sides import Side
from experiments.claims.types import HOLDS, NOT_MEASURED, REVERSED, UNDECIDED, Evidence, Verdict
from experiments.report.text import figure_text
from experiments.shapes import Shape, Text

_Bound = Annotated[float | None, Field(description="a number")]


class Bound(Shape):
    """A figure of a side, over another one of the same trial where `per` names it, lies within bounds.

    Without bounds it is told beside the others, and nothing is asked of it.
    """

    side: OneSide
    per: Text | None = Field(None, description="a path in a record", examples=["executors"])
    at_least: _Bound = None
    at_most: _Bound = None

    @property
    def asked(self) -> bool:
        return self.at_least is not None or self.at_most is not None


def _some_asked(bounds: list[Bound]) -> list[Bound]:
    if not any(one.asked for one in bounds):
        raise ValueError("nothing is asked")
    return bounds


class BoundsRule(Shape):
    """All bounds hold in every trial."""

    bounds: Annotated[
        list[Bound],
        AfterValidator(_some_asked),
        Field(min_length=1, description="a list of bounds, of which one has at_least or at_most"),
    ]


def bounds(rule: BoundsRule, evidence: Evidence) -> Verdict:
    """Holds if every trial of every side is within, reversed if no trial of one side is, else undecided; undecided
    also where a side has fewer trials than a verdict needs.
    """
    kept, said, trials, seen_trials, least = list[float](), list[str](), list[str](), list[Trial](), ENOUGH
    for one in rule.bounds:
        unit = words.of_figure(one.side.figure).unit
        observed, where = sides.values_of(one.side, evidence), ""
        if unit and not one.asked and len({seen.block for seen in observed}) > 1:
            observed, where = _of_one_host(observed), ", in the block with most trials"
        values = [(seen.trial, seen.value) for seen in observed]
        if one.per:
            below = {seen.trial: seen.value for seen in sides.values_of(_figure(one.side, one.per), evidence)}
            values = [(trial, value / below[trial]) for trial, value in values if below.get(trial)]
        if not values and not one.asked:
            continue
        if not values:
            return Verdict(NOT_MEASURED, f"No trial of {one.side} has the figure.")
        inside = [_inside(value, one.at_least, one.at_most) for _, value in values]
        if one.asked:
            kept.append(sum(inside) / len(inside))
            least = min(least, len(values))
        trials += [trial for trial, _ in values]
        seen_trials += sides.trials_of(one.side, evidence)
        seen = sorted({value for _, value in values})
        per = f" per {words.of_figure(one.per).name}" if one.per else ""
        range_ = " to ".join(dict.fromkeys(figure_text(value) for value in (seen[0], seen[-1])))
        told = f"{one.side}{per}: {range_} {unit}{where}".rstrip()
        bound = f"asked: {_bound_text(one.at_least, one.at_most)}; so in {sum(inside)} of {len(inside)} trials"
        said.append(f"{told} ({bound})" if one.asked else told)
    direction = HOLDS if min(kept) == 1 else REVERSED if min(kept) == 0 else UNDECIDED
    if least < ENOUGH:
        direction = UNDECIDED
        said.append(f"{least} trials; {ENOUGH} are needed")
    names = tuple(dict.fromkeys(trials))
    found = [one for one in seen_trials if one.name in names]
    return Verdict(direction, f"{'; '.join(said)}.", trials=names, conditions=sides.where(found, evidence))


def _of_one_host(observed: Sequence[Observation]) -> tuple[Observation, ...]:
    largest = largest_block(one.block for one in observed)
    return tuple(one for one in observed if one.block == largest)


class FactRule(Shape):
    """Facts (see experiments.claims.sources) lie within bounds, with their intervals where they have one."""

    facts: Annotated[list[Text], Field(min_length=1, description="a list of facts", examples=[["model_opset"]])]
    at_least: _Bound = None
    at_most: _Bound = None


def fact(rule: FactRule, evidence: Evidence) -> Verdict:
    missing = [name for name in rule.facts if name not in evidence.facts]
    if missing:
        return Verdict(NOT_MEASURED, f"No figure {', '.join(missing)}.")
    found = {name: evidence.facts[name] for name in rule.facts}
    clear, said = list[bool | None](), list[str]()
    for name, one in found.items():
        ends = {_inside(end, rule.at_least, rule.at_most) for end in (one.value, one.low, one.high) if end is not None}
        clear.append(ends.pop() if len(ends) == 1 else None)
        range_ = "" if one.low is None or one.high is None else f" ({figure_text(one.low)} to {figure_text(one.high)})"
        said.append(f"{words.of_fact(name)} {figure_text(one.value)}{range_} {one.unit}".rstrip())
    direction = HOLDS if all(clear) else REVERSED if False in clear else UNDECIDED
    first = found[rule.facts[0]]
    ours = None if first.low is None or first.high is None else Estimate(first.value, first.low, first.high, first.n)
    conditions = tuple(dict.fromkeys(one.source for one in found.values()))
    text = f"{'; '.join(said)}: {_bound_text(rule.at_least, rule.at_most)} is asked for."
    return Verdict(direction, text, ours=ours, unit=first.unit, conditions=conditions)


def _figure(side: Side, figure: str) -> Side:
    return side.model_copy(update={"figure": figure})


def _inside(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _bound_text(least: float | None, most: float | None) -> str:
    if least is not None and least == most:
        return figure_text(least)
    bounds = (("at least", least), ("at most", most))
    return " and ".join(f"{word} {figure_text(bound)}" for word, bound in bounds if bound is not None)
