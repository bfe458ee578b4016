"""claims.toml -> claims; claims and evidence -> the ledger: one verdict for each claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field

from experiments.claims.kinds import RULES
from experiments.claims.sides import Unclear
from experiments.claims.types import (
    CAUSES,
    DIRECTIONS,
    HOLDS,
    NO_DIFFERENCE,
    NOT_COMPARABLE,
    NOT_MEASURED,
    NOT_TESTABLE,
    OPEN,
    REFUTED,
    REVERSED,
    SUPPORTED,
    UNDECIDED,
    Claim,
    Entry,
    Evidence,
    Verdict,
)
from experiments.errors import RunFailed, UserError
from experiments.shapes import Schema, Shape, Text, parse, read_toml, unknown

CLAIMS = Path(__file__).with_name("claims.toml")
# The paper's open questions: candidates for a cause, judged by the same rules.
QUESTIONS = Path(__file__).with_name("questions.toml")
# Of rules that must all hold, the one that is worst off gives it.
_WORST_FIRST = (REVERSED, REFUTED, NOT_TESTABLE, NOT_MEASURED, OPEN, UNDECIDED, NO_DIFFERENCE, HOLDS, SUPPORTED)


class _ClaimTable(Shape):
    says: Text
    where: Text
    paper: str = Field("", description="the figure that the paper states, as text")
    conditions: str = Field("", description="a text")
    cause: bool = Field(False, description="true or false")
    together: bool = Field(False, description="true or false: whether all rules must hold")
    rules: Annotated[list[dict[str, Any]], Field(min_length=1, description="tables [[ID.rules]]")]


class _File(Shape):
    schema_: Schema = Field(alias="schema")
    claims: dict[str, _ClaimTable] = Field(description="a table by id")


def load_claims(path: Path = CLAIMS) -> Mapping[str, Claim]:
    """The claims by id, in the file's order. Raises UserError with all that is wrong with the file."""
    file = parse(_File, read_toml(path), str(path))
    claims, problems = {}, list[str]()
    for id_, table in file.claims.items():
        rules = []
        for number, rule in enumerate(table.rules):
            where = f"{path}: claims.{id_}.rules[{number}]"
            kind = str(rule.get("kind"))
            if kind not in RULES:
                problems.append(f"{where}.kind = {kind!r}: {unknown(kind, RULES)}")
                continue
            parameters = {key: value for key, value in rule.items() if key != "kind"}
            try:
                parse(RULES[kind][0], parameters, where)
            except UserError as error:
                problems += error.messages
            rules.append((kind, parameters))
        claims[id_] = Claim(
            id_, table.says, table.where, table.paper, table.conditions, table.cause, tuple(rules), table.together
        )
    if problems:
        raise UserError(*problems)
    return claims


def judge(claim: Claim, evidence: Evidence) -> Verdict:
    """By the claim's rules in their order, or all together; what the others say besides goes into the conditions."""
    found = [_judged(kind, parameters, evidence, claim.id) for kind, parameters in claim.rules]
    if claim.together:
        telling = sorted(found, key=lambda one: _WORST_FIRST.index(one.direction))
    else:
        telling = [one for one in found if not _silent(one)]
        # Of those that decide nothing, what was seen says more than what was not measured.
        telling = telling or [one for one in found if one.trials] or found[:1]
    first, others = telling[0], telling[1:]
    also = tuple(f"also: {_short(one)}: {one.said.removesuffix('.')}" for one in others)
    # A cause that was not looked into is open, whatever its rule calls that.
    direction = OPEN if claim.cause and first.direction == NOT_MEASURED else first.direction
    allowed = CAUSES if claim.cause else DIRECTIONS
    if direction not in allowed:
        raise UserError(
            f"{claim.id}: its rule says {direction!r}, allowed for it: {', '.join(allowed)}; change the rule"
        )
    trials = first.trials
    if claim.together:
        trials = tuple(dict.fromkeys(trial for one in found for trial in one.trials))
    return replace(first, direction=direction, conditions=(*first.conditions, *also), trials=trials)


def _silent(verdict: Verdict) -> bool:
    """Whether it says nothing, so that the next rule may. What stays open with a figure does say something."""
    return verdict.direction == NOT_MEASURED or (verdict.direction == OPEN and verdict.ours is None)


def _short(verdict: Verdict) -> str:
    size = "" if verdict.size == NOT_COMPARABLE else f", size: {verdict.size}"
    return f"{verdict.direction}{size}"


def ledger(evidence: Evidence, claims: Mapping[str, Claim] | None = None) -> tuple[Entry, ...]:
    """A line for each claim, in the file's order."""
    return tuple(Entry(one, judge(one, evidence)) for one in (claims or load_claims()).values())


def as_json(entries: Iterable[Entry], questions: Iterable[Entry]) -> dict[str, Any]:
    """The ledger as `clusterbed claims --json` prints it, and beside it what the paper leaves open."""
    return {
        "schema": 1,
        "claims": {entry.claim.id: _entry_json(entry) for entry in entries},
        "questions": {entry.claim.id: _entry_json(entry) for entry in questions},
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    claim, verdict = entry.claim, entry.verdict
    ours = verdict.ours
    return {
        "says": claim.says,
        "where": claim.where,
        "paper": claim.paper or None,
        "paper_conditions": claim.conditions or None,
        "cause": claim.cause,
        "direction": verdict.direction,
        "size": None if claim.cause else verdict.size,
        "size_of": verdict.sized or None,
        "said": verdict.said,
        "ours": {"value": ours.value, "low": ours.low, "high": ours.high, "n": ours.n, "unit": verdict.unit}
        if ours
        else None,
        "conditions": list(verdict.conditions),
        "trials": list(verdict.trials),
    }


def _judged(kind: str, parameters: Mapping[str, Any], evidence: Evidence, id_: str) -> Verdict:
    shape, rule = RULES[kind]
    parsed = cast(Any, parse(shape, parameters, f"claims.{id_}"))
    try:
        return rule(parsed, evidence)
    except Unclear as error:
        return Verdict(NOT_MEASURED, str(error))
    except RunFailed as error:
        # A trial whose figure cannot be compared, such as a time of zero, spoils this claim and no other.
        return Verdict(NOT_MEASURED, f"{error.messages[0]}.")
