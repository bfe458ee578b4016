"""The loop: rounds, visits, trials. Everything that it does to the world goes through the seam."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from traceback import format_exc
from typing import Any

from experiments.analysis.trials import present_contents
from experiments.cluster.interrupts import uninterrupted
from experiments.errors import ClusterbedError, HostError, UserError
from experiments.matrix.plan import Plan, PlannedCell
from experiments.runner import identity, progress
from experiments.runner.progress import Known
from experiments.runner.schedule import Visit, round_visits
from experiments.runner.seam import Facts, Laboratory, TimedOut, Watcher
from experiments.store import contents
from experiments.store.contents import Contents
from experiments.store.records import RECORDS, Writer, load, replace

_WARM_UP_TRIES = 2
# How many changes of a cell are told.
_TOLD = 5
# How the names of warm-ups and of second attempts end.
_TAKEN = re.compile(r"-(warm-up|again-\d+)$")
ENVIRONMENT, CLUSTERS = "environment.json", "clusters.jsonl"


@dataclass
class Run:
    """A run under way: its plan, its folder, and what is known by now."""

    plan: Plan
    folder: Path
    lab: Laboratory
    watcher: Watcher
    writer: Writer
    records: list[Mapping[str, Any]]
    clock: Callable[[], float]
    block: int = 0
    words: Mapping[str, str] = field(default_factory=dict)  # by cell: its name as files have it
    known: dict[str, Known] = field(default_factory=dict)
    faults: dict[str, Sequence[str]] = field(default_factory=dict)  # by cell: why its trials cannot begin
    contents: Contents = field(default_factory=Contents)
    up: str | None = None  # the cluster that is up, by name
    visits: int = 0  # how often one came up
    visit: Facts = field(default_factory=dict)  # the present one's number in the block, and how it came up
    warmed: set[str] = field(default_factory=set)  # cells, or clusters, that had their warm-ups


def run(
    plan: Plan, folder: Path, lab: Laboratory, watcher: Watcher, clock: Callable[[], float] = time.time
) -> list[Mapping[str, Any]]:
    """Makes the trials that are still to be made, and returns all records of the run.

    Whatever ends it, clusters are taken down and records are on disk; the next call goes on by whole rounds.
    """
    with Writer(folder, watcher.say) as writer:
        records: list[Mapping[str, Any]] = list(load(folder / RECORDS).records)
        state = Run(plan, folder, lab, watcher, writer, records, clock)
        try:
            lab.clear()
            environment = lab.environment()
            _learn(state)
            finished = _finished(state)
            watcher.begin(plan, left := _trials_left(state, finished))
            if not left:
                return state.records
            _begin_block(state, environment)
            _note_skipped(state)
            for number in range(1, plan.preset.repeats + 1):
                for visit in round_visits(_open(state, finished, number), plan.preset.seed, number):
                    _make(state, visit, number)
        finally:
            with uninterrupted():
                try:
                    _down(state)
                finally:
                    _clear(state)
        return state.records


def _learn(state: Run) -> None:
    """What the cells' figures depend on now."""
    state.block = progress.next_block(state.records)
    state.words = file_words([one.cell.name for one in state.plan.cells])
    for one in state.plan.runnable:
        try:
            state.known[one.cell.name] = _known(state.plan, state.lab, one)
        except (HostError, UserError):
            raise
        except ClusterbedError as error:
            state.lab.able()
            state.watcher.say(f"{one.cell.name}: cannot be made ready: {error.messages[0]}")
            state.faults[one.cell.name] = error.messages
            state.known[one.cell.name] = Known({}, "")
    before = contents.load(state.folder)
    # What a cell has a trial of as it is now counts, whatever was tried in between.
    tried = {(one["cell"], one["hash"]) for one in state.records if _counts(one)}
    now = {name: one.hash for name, one in state.known.items() if (name, one.hash) in tried}
    state.contents = Contents(
        {**before.by_hash, **{one.hash: one.content for one in state.known.values() if one.hash}},
        {**present_contents(state.records, before.present), **now},
    )
    if state.contents != before:
        contents.save(state.folder, state.contents)


def _counts(record: Mapping[str, Any]) -> bool:
    """Whether a record is of a trial that ended, of a content that is known."""
    return record["kind"] == progress.TRIAL and record["status"] in progress.ENDED and bool(record["hash"])


def _begin_block(state: Run, environment: Facts) -> None:
    """A block is what is made on one host without a break; its environment stands in a file of its own."""
    path = state.folder / ENVIRONMENT
    blocks = json.loads(path.read_text())["blocks"] if path.exists() else []
    blocks = [one for one in blocks if one["block"] < state.block]
    entry = {"block": state.block, "began": _date(state.clock()), **environment}
    replace(path, json.dumps({"schema": 1, "blocks": [*blocks, entry]}, indent=2) + "\n")


def _known(plan: Plan, lab: Laboratory, planned: PlannedCell) -> Known:
    content = {**identity.of_plan(planned), **lab.content(planned)}
    content |= {"warm_ups": plan.preset.warm_ups, "warm_up_each": plan.preset.warm_up_each}
    content |= {"fresh_cluster": True} if plan.preset.fresh_cluster else {}
    content = json.loads(json.dumps(content, default=dict))
    return Known(content, identity.digest(content))


def _finished(state: Run) -> set[progress.Round]:
    """The rounds that are done. Says what changed of those cells that are made again."""
    finished = progress.finished_rounds(state.records, state.plan.runnable, state.known)
    repeats = range(1, state.plan.preset.repeats + 1)
    again = {one.cell.name for number in repeats for one in _open(state, finished, number)}
    for name, changed in progress.changed_cells(state.records, state.known, state.contents.by_hash).items():
        if name in again:
            more = f"; and {len(changed) - _TOLD} more" if len(changed) > _TOLD else ""
            told = "; ".join(changed[:_TOLD]) + more
            state.watcher.say(f"{name}: changed since it was measured, its rounds are made again: {told}")
    return finished


def _note_skipped(state: Run) -> None:
    """A record for each cell that cannot run here, unless the last one has the same reasons."""
    before = {one["cell"]: one["reasons"] for one in state.records if one["status"] == progress.SKIPPED}
    for one in state.plan.cells:
        if one.skipped and before.get(one.cell.name) != list(one.skipped):
            _append(state, _head(state, one, 0, progress.TRIAL, progress.SKIPPED), {"reasons": list(one.skipped)})


def _open(state: Run, finished: set[progress.Round], number: int) -> list[PlannedCell]:
    return [one for one in state.plan.runnable if (one.cell.comparison, number) not in finished]


def _trials_left(state: Run, finished: set[progress.Round]) -> int:
    return sum(len(_open(state, finished, number)) for number in range(1, state.plan.preset.repeats + 1))


def _make(state: Run, visit: Visit, number: int) -> None:
    """The trials of a visit, warm-ups first where they are due.

    A warm-up that fails takes its cluster down, so that the next one is cold again: there is a second try.
    """
    for planned in visit.cells:
        for _ in range(_WARM_UP_TRIES):
            due = _warm_ups_due(state, planned)
            for _ in range(due):
                _attempt(state, planned, number, progress.WARM_UP)
            if not due or state.up == planned.cluster_name:
                break
        state.warmed.add(planned.cell.name)
        _attempt(state, planned, number, progress.TRIAL)


def _warm_ups_due(state: Run, planned: PlannedCell) -> int:
    """How many before the next trial: on a cluster that is still to come up, or of a cell that had none yet."""
    preset = state.plan.preset
    by_cluster = preset.warm_up_each == "cluster"
    cold = state.up != planned.cluster_name if by_cluster else planned.cell.name not in state.warmed
    return preset.warm_ups if cold else 0


def _attempt(state: Run, planned: PlannedCell, number: int, kind: str) -> None:
    """A trial, on its cluster; one whose cluster does not come up is a failed one."""
    fault = state.faults.get(planned.cell.name)
    if fault is None:
        if state.plan.preset.fresh_cluster:
            _down(state)
        problem = _ensure_up(state, planned)
        if problem is None:
            _trial(state, planned, number, kind)
            return
        fault = problem.messages
    if kind == progress.TRIAL:
        head = _head(state, planned, number, kind, progress.FAILED)
        _append(state, head, {"phase": "boot", "reasons": list(fault)})


def _ensure_up(state: Run, planned: PlannedCell) -> ClusterbedError | None:
    """Has the cell's cluster up, and no other; returns why it did not come up. What the host cannot do ends the run."""
    if state.up == planned.cluster_name:
        return None
    _down(state)
    if planned.cluster is None:
        state.up = planned.cluster_name
        return None
    state.watcher.phase(planned.cell.name, "", "cluster boot")
    try:
        state.visits += 1
        state.visit = {"visit": state.visits, **state.lab.up(planned)}
    except HostError:
        raise
    except ClusterbedError as error:
        state.lab.able()
        _clear(state)
        state.watcher.say(f"{planned.cluster_name}: did not come up: {error.messages[0]}")
        return error
    state.up = planned.cluster_name
    return None


def _trial(state: Run, planned: PlannedCell, number: int, kind: str) -> None:
    """One trial, from the look at the host to its record on disk."""
    name, lab = planned.cell.name, state.lab
    words = state.words[name]
    trial = _new_name(state, words, number, kind, progress.attempt(state.records, name, number, kind))
    state.watcher.phase(name, trial, "waiting for a quiet host")
    host = lab.steady()
    state.watcher.phase(name, trial, kind)
    begin, detail = state.clock(), dict[str, Any]()
    try:
        outcome = lab.run(planned, trial)
        reasons = [*outcome.invalid, *_unlike(state, planned, outcome.evidence)]
        status = progress.INVALID if reasons else progress.MEASURED
        detail = {"reasons": reasons, **outcome.evidence}
    except HostError:
        raise
    except TimedOut as error:
        status, detail = progress.TIMED_OUT, {"reasons": list(error.messages)}
    except ClusterbedError as error:
        status, detail = progress.FAILED, {"reasons": list(error.messages)}
    except Exception as error:  # of one trial: the others are still to be made, and its record says what it was
        status, detail = progress.FAILED, {"reasons": [f"{type(error).__name__}: {error}"], "traceback": format_exc()}
    if status in (progress.FAILED, progress.TIMED_OUT):
        lab.able()  # else it is no finding of the cell, and a resume makes it
    head = _head(state, planned, number, kind, status)
    times = {"trial": trial, "began": _date(begin), "seconds": round(state.clock() - begin, 3), "host": dict(host)}
    _append(state, head, {**times, "boot": dict(state.visit), **detail})
    if status in (progress.FAILED, progress.TIMED_OUT):
        _down(state)  # what made it fail may have left the cluster broken: the next trial gets a new one


def _unlike(state: Run, planned: PlannedCell, evidence: Facts) -> list[str]:
    """Where another number of objects was found in the same images by the same model on the same host: one is wrong."""
    found, content = evidence.get("detections"), state.known[planned.cell.name].hash
    before = next(
        (
            one
            for one in state.records
            if one["status"] == progress.MEASURED and (one["block"], one["hash"]) == (state.block, content)
        ),
        {},
    )
    known = before.get("detections")
    if found is None or known in (None, found):
        return []
    return [f"{found} objects found, and {known} in {before['trial']}: it did not compute the same"]


def _down(state: Run) -> None:
    """Takes the cluster down that is up. A fault in it is noted; what it leaves is cleared away, or ends the run: the
    next trial would be measured beside it.
    """
    if not state.up:
        state.up = None
        return
    name, state.up = state.up, None
    facts: dict[str, Any] = {"cluster": name, "block": state.block, **state.visit}
    try:
        facts |= state.lab.down()
    except ClusterbedError as error:
        facts["tear_down_problems"] = list(error.messages)
        state.watcher.say(f"{name}: tear-down: {error.messages[0]}")
    with (state.folder / CLUSTERS).open("a") as file:
        file.write(json.dumps({"schema": 1, **facts}, default=dict) + "\n")
    if "tear_down_problems" in facts:
        _clear(state)


def _clear(state: Run) -> None:
    """Takes down whatever cluster of this run there still is. Raises HostError where one stays."""
    try:
        state.lab.clear()
    except HostError:
        raise
    except ClusterbedError as error:
        raise HostError(
            f"a cluster of this run could not be taken down: {error.messages[0]}; nothing is measured beside it"
        ) from None


def _head(state: Run, planned: PlannedCell, number: int, kind: str, status: str) -> dict[str, Any]:
    known = state.known.get(planned.cell.name)
    return {
        "preset": state.plan.preset.name,
        "block": state.block,
        "comparison": planned.cell.comparison,
        "cell": planned.cell.name,
        "round": number,
        "kind": kind,
        "status": status,
        "cluster": planned.cluster_name,
        "core": planned.share,
        "hash": known.hash if known else "",
        "settings": dict(planned.cell.settings),
    }


def _append(state: Run, head: dict[str, Any], detail: Facts) -> None:
    with uninterrupted():
        record = state.writer.append(json.loads(json.dumps({**head, **detail}, default=dict)))
        state.records.append(record)
        if _counts(record) and state.contents.present.get(record["cell"]) != record["hash"]:
            present = {**state.contents.present, record["cell"]: record["hash"]}
            state.contents = Contents(state.contents.by_hash, present)
            contents.save(state.folder, state.contents)
    state.watcher.ended(record)


def file_words(cells: Sequence[str]) -> Mapping[str, str]:
    """By cell: its name as files have it, cut to 80 characters; with a digest where two would have the same, or one
    that of another's warm-up.
    """
    # No equals sign: readers of Parquet take a folder named key=value for a column.
    plain = {cell: re.sub(r"[^A-Za-z0-9.+-]+", "_", cell.replace("=", "-")).strip("_.")[:80] for cell in cells}
    count = Counter(plain.values())
    digests = {cell: hashlib.sha256(cell.encode()).hexdigest()[:8] for cell in cells}
    return {
        cell: words
        if words and count[words] == 1 and not _TAKEN.search(words)
        else f"{words[:71]}-{digests[cell]}".lstrip("-")
        for cell, words in plain.items()
    }


def _new_name(state: Run, words: str, number: int, kind: str, attempt: int) -> str:
    """A trial's name that no other has: of a cell that was renamed, one of the old name may have the same words."""
    taken = {one.get("trial") for one in state.records}
    return next(name for n in itertools.count(attempt) if (name := trial_name(words, number, kind, n)) not in taken)


def trial_name(words: str, number: int, kind: str, attempt: int) -> str:
    """A trial's name, which is also its folder's: round, the cell's words, and which attempt if not the first."""
    return "-".join([f"{number:03d}", words, *(["warm-up"] if kind == progress.WARM_UP else []), *_again(attempt)])


def _again(attempt: int) -> Sequence[str]:
    return [] if attempt == 1 else [f"again-{attempt - 1}"]


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")
