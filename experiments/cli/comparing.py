"""What `compare` and `claims` print of stored runs."""

from __future__ import annotations

from collections import Counter
from functools import partial

from experiments import comparison
from experiments.analysis.statistics import NoiseFloor
from experiments.claims import ledger, sides
from experiments.claims.types import Entry, Evidence
from experiments.cli.output import as_json, progress, table
from experiments.comparison import Comparison, Difference, floor_of, seen
from experiments.report.text import count_text, percent_text, seconds_text
from experiments.run_report.facts import evidence_of
from experiments.run_report.reading import Runs, home, read_runs

_BEYOND = {-1: "less", 0: "", 1: "more"}


def print_comparison(first: str, second: str, json: bool) -> None:
    """Two runs beside each other. Raises UserError where they cannot be compared."""
    before, after = read_runs([first]), read_runs([second])
    floor = floor_of(_noise(before), _noise(after))
    found = comparison.compare((first, second), seen(before), seen(after), floor)
    if json:
        as_json(comparison.as_json(found))
        return
    _notes(found)
    shown = [one for one in found.differences if one.beyond or one.figure.startswith("per_")]
    table(("cell", "figure", first, second, "second over first", "beyond noise"), [_row(one) for one in shown])
    print(_summary(found))


def print_claims(run: str, json: bool) -> None:
    """The verdict on each of the paper's claims, and the answers to its open questions."""
    runs = read_runs([run])
    evidence = evidence_of(runs, home(run).resolve())
    entries, questions = ledger.ledger(evidence), ledger.ledger(evidence, ledger.load_claims(ledger.QUESTIONS))
    if json:
        as_json(ledger.as_json(entries, questions))
        return
    table(("claim", "what it says", "the paper", "verdict", "size", "why"), [_claim_row(one) for one in entries])
    table(("left open by the paper", "what it says", "answer", "why"), [_question_row(one) for one in questions])
    print(_claims_summary(run, entries))


def _noise(runs: Runs) -> partial[NoiseFloor | None]:
    return partial(sides.noise_floor, evidence=Evidence(runs.trials))


def _notes(found: Comparison) -> None:
    for line in found.code:
        progress(f"code: {line}")
    for cell, fields in found.refused.items():
        progress(f"{cell}: not comparable: {'; '.join(fields)}")
    for name, cells in found.alone.items():
        if cells:
            progress(f"only in {name}: {', '.join(cells)}")
    if found.left_out:
        progress(f"{count_text(found.left_out, 'trial')} on hosts that the other run was not made on: not used")
    for text in found.speeds:
        progress(f"the hosts differ in speed, whatever the code: {text}")
    least = min(one.floor for one in found.differences)
    progress(f"made at different hours: no difference is one under {percent_text(least)}, or the A/A noise if larger")


def _row(one: Difference) -> tuple[object, ...]:
    if one.ratio is None:
        ratio = "fewer than two trials, or a time of 0"
    else:
        ratio = f"{one.ratio.value:.3f} ({one.ratio.low:.3f} to {one.ratio.high:.3f})"
    noise = f" (floor {percent_text(one.floor)})" if one.beyond else ""
    beyond = "too few trials to say" if one.few else f"{_BEYOND[one.beyond]}{noise}"
    return (one.cell, one.figure, seconds_text(one.before), seconds_text(one.after), ratio, beyond)


def _summary(found: Comparison) -> str:
    number = len(found.differences)
    counts = f"{count_text(len(found.cells), 'cell')}, {count_text(number, 'figure')}, {len(found.beyond)} beyond noise"
    chance = f"at 95 % each, about {max(1, round(number / 20))} would be by chance"
    return f"compare: {counts} ({chance}), {count_text(len(found.refused), 'cell')} not comparable"


def _claim_row(entry: Entry) -> tuple[object, ...]:
    claim, verdict = entry.claim, entry.verdict
    size = "" if claim.cause else verdict.size
    return (claim.id, claim.says, claim.paper or "not stated", verdict.direction, size, verdict.said)


def _question_row(entry: Entry) -> tuple[object, ...]:
    return (entry.claim.id, entry.claim.says, entry.verdict.direction, entry.verdict.said)


def _claims_summary(run: str, entries: tuple[Entry, ...]) -> str:
    counts = Counter(entry.verdict.direction for entry in entries)
    said = ", ".join(f"{number} {direction}" for direction, number in counts.most_common())
    return f"claims: {len(entries)} of {run}: {said}"
