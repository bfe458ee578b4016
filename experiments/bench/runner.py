"""Runs a group: its steps one after another, each kept as soon as it is complete; then figures, and latest.json."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from experiments.bench import store
from experiments.bench.gate import Load, wait_for_quiet
from experiments.bench.types import CALIBRATION, Bench, Figure, Group, Lost, Measured, Provenance, Record, Step
from experiments.errors import ClusterbedError, RunFailed

BUSY = "the host was not quiet"


Gate = Callable[[Callable[[str], None]], Load]


@dataclass(frozen=True)
class Outcome:
    """The figures of the steps that succeeded, and a message for each way in which one failed."""

    figures: Sequence[Figure]
    failures: Sequence[str]


@dataclass(frozen=True)
class _Done:
    """A measured step: what was noted when it ran, and its figures."""

    step: Step
    head: Record
    measured: Sequence[Measured]


def run(
    group: Group,
    now: Provenance,
    bench: Bench,
    *,
    fresh: bool,
    folder: Path = store.BENCH,
    gate: Gate = wait_for_quiet,
) -> Outcome:
    """Measures what is not there yet, and merges the group's figures, after each step: an interrupted run loses none.

    A step that fails does not stop the others. Raises UserError at once if latest.json is damaged.
    """
    store.read_latest(folder)
    session = store.session(group.name, now, fresh=fresh, bench=folder)
    bench.say(f"{group.name}: {len(group.steps)} steps, about {group.estimate / 60:.0f} minutes; {session.folder}")
    done: list[_Done] = []
    figures: list[Figure] = []
    failures: list[str] = []
    for number, step in enumerate(group.steps, 1):
        place = f"{group.name} {number}/{len(group.steps)} {step.name}"
        try:
            head, *records = _records(step, session, bench, place, gate)
            found = step.figures(records)
            done.append(_Done(step, head, [one for one in found if isinstance(one, Measured)]))
            figures = _figures(group, session, done)
            store.merge(figures, folder)
            why = [f"{place}: {one.name}: {one.why}" for one in found if isinstance(one, Lost)]
        except ClusterbedError as error:
            why = [f"{place}: failed: {message}" for message in error.messages]
        for line in why:
            bench.say(line)
        failures += why
    return Outcome(figures, failures)


def _records(step: Step, session: store.Session, bench: Bench, place: str, gate: Gate) -> list[Record]:
    """The step's records, after a first one that says how it went: those of before, or measured now."""
    kept = session.load(step.name)
    if kept:
        bench.say(f"{place}: kept from {session.date(step.name)}")
        return kept
    load = asdict(gate(bench.say)) if step.timed and not bench.quick else None
    bench.say(f"{place}: about {step.estimate:.0f} s")
    begin = time.monotonic()
    records = list(step.measure(replace(bench, journal=session.journal(step.name))))
    if not records:
        raise RunFailed("it left no record")
    seconds = time.monotonic() - begin
    head: Record = {"step": step.name, "seconds": round(seconds, 1), "load": load}
    session.save(step.name, [head, *records])
    bench.say(f"{place}: done in {seconds:.0f} s")
    return [head, *records]


def _figures(group: Group, session: store.Session, done: Sequence[_Done]) -> list[Figure]:
    calibration = next((one.value for each in done for one in each.measured if one.name == CALIBRATION), None)
    return [
        Figure(
            name=one.name,
            value=one.value,
            low=one.low,
            high=one.high,
            n=one.n,
            unit=one.unit,
            note=_note(one, each.head, calibration),
            group=group.name,
            commit=session.provenance.commit,
            host=session.provenance.host,
            date=session.date(each.step.name),
            records=session.records(each.step.name),
            code=session.provenance.code,
        )
        for each in done
        for one in each.measured
    ]


def _note(one: Measured, head: Record, calibration: float | None) -> str:
    parts = [one.note]
    if one.absolute and one.name != CALIBRATION:
        beside = f"{calibration:.3f}" if calibration is not None else "not measured"
        parts.append(f"absolute; {CALIBRATION} {beside}")
    elif one.absolute:
        parts.append("absolute")
    load = head["load"]
    if load and not load["quiet"]:
        parts.append(f"{BUSY}: {load['busy']:.0%} busy")
    return "; ".join(part for part in parts if part)
