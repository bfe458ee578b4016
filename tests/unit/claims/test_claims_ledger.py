"""The ledger: whole, its rules about cells that there are, and each claim's own rules both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from claims_material import evidence, side, trials

from cluster_app.contract.result import SCHEDULINGS
from experiments.analysis.trials import Trial
from experiments.claims import ledger, sources
from experiments.claims.kinds import RULES
from experiments.claims.ledger import load_claims
from experiments.claims.sides import Side
from experiments.claims.types import (
    HOLDS,
    NO_DIFFERENCE,
    NOT_MEASURED,
    NOT_TESTABLE,
    OPEN,
    REFUTED,
    REVERSED,
    SUPPORTED,
    Claim,
    Evidence,
    Fact,
)
from experiments.errors import UserError
from experiments.matrix.expansion import expand
from experiments.matrix.preset import load_preset, shipped_presets
from experiments.shapes import parse

IDS = {
    *(f"M{number}" for number in range(1, 8)),
    *(f"V{number}" for number in range(1, 6)),
    *("L1", "S1", "S2", "S3", "S4"),
    *(f"Y{number}" for number in range(1, 9)),
    *(f"D{number}" for number in range(1, 13)),
    *("F1", "F2"),
}
CLAIMS = load_claims()
QUESTIONS = load_claims(ledger.QUESTIONS)
RULES_OF_CLAIMS = [
    pytest.param(claim, number, id=f"{claim.id}-{number}")
    for claim in (*CLAIMS.values(), *QUESTIONS.values())
    for number, (kind, _) in enumerate(claim.rules)
    if kind not in ("later", "not testable", "open")
]
# Where a record holds what a rule may ask for.
PLACES = (
    "per_image",
    "per_frame",
    "phases",
    "hosts",
    "partition_images",
    "result",
    "images",
    "executors",
    "seconds",
    "used",
)


def test_every_claim_of_the_paper_is_in_the_ledger() -> None:
    assert set(CLAIMS) == IDS
    assert {id_ for id_, claim in CLAIMS.items() if claim.cause} == {"S3", "Y5", "Y7"}


def test_without_any_measurement_each_claim_still_has_a_verdict() -> None:
    entries = ledger.ledger(evidence())
    assert {entry.claim.id for entry in entries} == IDS
    by_id = {entry.claim.id: entry.verdict for entry in entries}
    assert by_id["D6"].direction == NOT_MEASURED
    assert by_id["S3"].direction == OPEN
    assert all(entry.verdict.said.endswith(".") for entry in entries)


def sides_of(parameters: Any) -> Iterator[Mapping[str, Any]]:
    """Every side in a rule's parameters, at any depth."""
    if isinstance(parameters, Mapping):
        if "preset" in parameters:
            yield parameters
        for value in parameters.values():
            yield from sides_of(value)
    elif isinstance(parameters, list):
        for value in parameters:
            yield from sides_of(value)


@pytest.mark.parametrize(("claim", "number"), RULES_OF_CLAIMS)
def test_a_rules_sides_are_one_cell_each_of_a_shipped_preset(claim: Claim, number: int) -> None:
    for given in sides_of(claim.rules[number][1]):
        one = parse(Side, given, claim.id)
        if one.preset == sources.SYNCHRONY:
            assert one.cell in {f"{mode}{end}" for mode in SCHEDULINGS for end in ("", sources.FAILED)}
            continue
        assert one.figure.split(".")[0] in PLACES
        assert one.preset in shipped_presets()
        matching = [
            cell.name
            for cell in expand(load_preset(one.preset))
            if one.cell in (None, cell.name) and all(cell.settings.get(key) == value for key, value in one.set.items())
        ]
        assert len(matching) == 1, f"{claim.id}: {one}: {matching}"


@pytest.mark.parametrize(("claim", "number"), RULES_OF_CLAIMS)
def test_each_rule_of_each_claim_both_ways(claim: Claim, number: int) -> None:
    kind, parameters = claim.rules[number]
    shape, rule = RULES[kind]
    good, bad = (SUPPORTED, REFUTED) if claim.cause else (HOLDS, REVERSED)
    parsed = parse(shape, parameters, claim.id)
    if getattr(parsed, "expect", "") == "none":
        good = OPEN  # that one cause is excluded supports none of the others
    assert rule(parsed, made(kind, parsed, True)).direction == good
    assert rule(parsed, made(kind, parsed, False)).direction == bad


def made(kind: str, rule: Any, met: bool) -> Evidence:
    """Evidence under which a rule of that kind is met, or its opposite."""
    groups: list[list[Trial]] = []
    facts: dict[str, Fact] = {}
    if kind == "ratio":
        factor = {"less": 0.5, "more": 2.0, "not less": 2.0, "same": 1.0}[rule.expect]
        against = {"less": 2.0, "more": 0.5, "not less": 0.5, "same": 2.0}[rule.expect]
        groups = [trials(rule.above, factor if met else against), trials(rule.below, 1.0)]
    elif kind == "fastest":
        groups = [
            *(trials(one, 0.5 if met else 2.0) for one in rule.winners),
            *(trials(one, 1.0) for one in rule.rivals),
        ]
    elif kind == "trend":
        falls = (rule.expect == "falls") == met
        ordered = list(reversed(rule.steps)) if falls else list(rule.steps)
        groups = [trials(one, float(place)) for place, one in enumerate(ordered, start=1)]
    elif kind == "bounds":
        for bound in rule.bounds:
            if bound.at_least is bound.at_most is None:
                groups.append(trials(bound.side, 1.0))
                continue
            inside = bound.at_least if bound.at_least is not None else bound.at_most
            outside = bound.at_most + 1 if bound.at_most is not None else bound.at_least - 1
            groups.append(trials(bound.side, *[inside if met else outside] * 5))
            if bound.per:
                groups.append(trials(bound.side.model_copy(update={"figure": bound.per}), *[1.0] * 5))
    elif kind == "part":
        # A second of the loss is of the parts, or of none of them.
        groups = [trials(rule.above, 1.0), trials(rule.below, 1.0)]
        other = next(name for name in ("compile", "reading") if name not in rule.parts)
        own = {rule.parts[0]: 1.0} if met else {other: 1.0}
        cells = [group[0].cell for group in groups]
        return evidence(
            *groups, parts={cells[0]: {"compute": 1.0, **own}, cells[1]: {"compute": rule.times, "start-up": 9.0}}
        )
    elif kind == "fact":
        inside = rule.at_least if rule.at_least is not None else rule.at_most
        outside = rule.at_most * 2 if rule.at_most is not None else rule.at_least / 2
        facts = {name: Fact(inside if met else outside, "made") for name in rule.facts}
    else:
        larger = (rule.expect == "more") == met
        most = max(2.0, rule.explains or 0.0)
        groups = [trials(rule.present, most if larger else 1.0), trials(rule.absent, 1.0)]
        groups += [trials(rule.whole, most)] if rule.whole else []
    return evidence(*groups, facts=facts)


def test_of_several_rules_the_first_that_speaks_decides_and_the_others_are_told() -> None:
    claim = CLAIMS["L1"]
    first, wall, _ = (parse(RULES[kind][0], parameters, "L1") for kind, parameters in claim.rules)
    wall_only = evidence(trials(wall.above, 2.0), trials(wall.below, 1.0))
    assert ledger.judge(claim, wall_only).direction == REVERSED
    both = evidence(
        trials(first.above, 0.88), trials(first.below, 1.0), trials(wall.above, 2.0), trials(wall.below, 1.0)
    )
    found = ledger.judge(claim, both)
    assert (found.direction, found.size) == (HOLDS, "agrees within both uncertainties")
    assert [
        text
        for text in found.conditions
        if text.startswith("also: reversed: time per image from submission to the last row, table-2")
    ]


def test_where_no_rule_decides_the_one_that_saw_something_is_told() -> None:
    claim = QUESTIONS["cores-threads"]
    _, two = (parse(RULES[kind][0], parameters, claim.id) for kind, parameters in claim.rules)
    found = ledger.judge(claim, evidence(trials(two.present, 1.061), trials(two.absent, 1.0)))
    assert found.direction == OPEN
    assert "10 % (95 % interval 10 % to 10 %) of the 1.76 to be explained" in found.said


@pytest.mark.parametrize(
    ("first", "second", "direction"),
    [
        (0.5, 0.5, HOLDS),
        (0.5, 2.0, REVERSED),
        (2.0, 0.5, REVERSED),
        (0.5, 1.0, NO_DIFFERENCE),
        (0.5, None, NOT_MEASURED),
    ],
)
def test_rules_that_must_hold_together_are_as_good_as_the_worst(
    first: float, second: float | None, direction: str
) -> None:
    claim, groups = CLAIMS["V5"], list[list[Trial]]()
    assert claim.together
    for (kind, parameters), factor in zip(claim.rules, (first, second), strict=True):
        rule = parse(RULES[kind][0], parameters, "V5")
        if factor is not None:
            groups += [*(trials(one, factor) for one in rule.winners), *(trials(one, 1.0) for one in rule.rivals)]
    found = ledger.judge(claim, evidence(*groups))
    assert found.direction == direction
    assert any(text.startswith("also: ") for text in found.conditions)


def test_partitions_of_8_images_each_are_not_those_of_the_paper() -> None:
    claim = CLAIMS["D4"]
    (rule,) = (parse(RULES[kind][0], parameters, "D4") for kind, parameters in claim.rules)
    number, least, most = (bound.side for bound in rule.bounds)
    for few, many, direction in ((7, 9, HOLDS), (8, 8, REVERSED)):
        made = evidence(trials(number, *[8.0] * 5), trials(least, *[few] * 5), trials(most, *[many] * 5))
        assert ledger.judge(claim, made).direction == direction


def test_one_spoilt_claim_spoils_no_other() -> None:
    rules = {id_: parse(RULES["ratio"][0], CLAIMS[id_].rules[0][1], id_) for id_ in ("D2", "D6", "D8")}
    two = side(preset="table-2", set={"cores": 4, "timing": "paper"})
    made = evidence(
        trials(rules["D2"].above, 1.0),
        trials(rules["D2"].below, *[0.0] * 5),
        trials(rules["D6"].above, 6.0),
        trials(rules["D6"].below, 1.0),
        trials(two, 1.0, images=8),
        trials(side(preset="table-2", cell="mine", set=two.set), 1.0),
    )
    by_id = {entry.claim.id: entry.verdict for entry in ledger.ledger(made)}
    assert by_id["D6"].direction == HOLDS
    assert (by_id["D2"].direction, by_id["L1"].direction) == (NOT_MEASURED, NOT_MEASURED)
    assert "0.0 is no positive number" in by_id["D2"].said
    assert "several cells" in by_id["L1"].said


def test_the_open_questions_are_all_causes() -> None:
    assert QUESTIONS
    assert all(one.cause for one in QUESTIONS.values())
    answers = {entry.claim.id: entry.verdict.direction for entry in ledger.ledger(evidence(), QUESTIONS)}
    assert set(answers.values()) == {OPEN, NOT_TESTABLE}


def test_hosts_in_words() -> None:
    blocks = [{"block": 1, "host": {"cores": 2, "cpu_model": "made"}}, {"block": 2}]
    assert sources.hosts_of({"blocks": blocks}) == {1: "2 cores of made"}
    assert sources.hosts_of({}) == {}


def test_the_ledger_as_json() -> None:
    rule = parse(RULES["ratio"][0], CLAIMS["D6"].rules[0][1], "D6")
    entries = ledger.ledger(evidence(trials(rule.above, 6.0), trials(rule.below, 1.0)))
    content = json.loads(json.dumps(ledger.as_json(entries, ledger.ledger(evidence(), QUESTIONS))))
    assert set(content["claims"]) == IDS
    assert set(content["questions"]) == set(QUESTIONS)
    d6 = content["claims"]["D6"]
    assert (d6["direction"], d6["size"]) == (HOLDS, "smaller")
    assert d6["ours"]["value"] == pytest.approx(6.0)
    assert d6["ours"]["unit"] == "ratio"
    assert len(d6["trials"]) == 10
    assert content["claims"]["S3"]["size"] is None


GOOD = """
schema = 1
[claims.X1]
says = "a"
where = "b"
[[claims.X1.rules]]
kind = "later"
why = "c"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "later"', 'kind = "latter"', r"claims.X1.rules\[0\].kind = 'latter': did you mean 'later'"),
        ('why = "c"', "", r"claims.X1.rules\[0\]: why is missing"),
        ('why = "c"', 'why = "c"\nwho = "d"', r"who = \"d\": unknown key"),
        ('says = "a"', "", "claims.X1.says is missing"),
        ("schema = 1", "schema = 2", "schema = 2: must be 1"),
        ('kind = "later"\nwhy = "c"', 'kind = "ratio"\nexpect = "less"', "above is missing"),
    ],
)
def test_a_malformed_ledger_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(GOOD)
    assert set(load_claims(path)) == {"X1"}
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(UserError, match=message):
        load_claims(path)


def test_a_rule_whose_words_are_not_for_this_claim_is_refused() -> None:
    claim = Claim("X1", "a", "b", "", "", True, (("ratio", CLAIMS["D8"].rules[0][1]),))
    rule = parse(RULES["ratio"][0], CLAIMS["D8"].rules[0][1], "X1")
    with pytest.raises(UserError, match="X1: its rule says 'holds', allowed for it: supported"):
        ledger.judge(claim, evidence(trials(rule.above, 0.5), trials(rule.below, 1.0)))
