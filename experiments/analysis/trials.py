"""The trials of a run, from its records: which of them count, and one figure of each. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from experiments.errors import UserError

Value = str | int | float | bool | None
Record = Mapping[str, Any]

TRIAL, MEASURED = "trial", "measured"
SKIPPED = "skipped"
# Worker-seconds that an image costs: a worker is paid for from a job's submission on, and not for its stages alone.
PAID = "per_image.paid_worker_seconds"
# Cores that other work takes on average from which on a trial was not alone; the engine and the runner take some 0.05.
_ELSEWHERE = 0.2
# Why a trial is left out whose cell has changed since, or whose round was made again as a whole.
OLD, CUT = "of an older content", "of a round that was cut and made again"


@dataclass(frozen=True)
class Trial:
    """One measured trial. core: what a paper core was worth of a host core, None for a workload without a cluster.

    block and round say what it may be paired with; evidence is its whole record.
    """

    name: str
    preset: str
    comparison: str
    cell: str
    block: int
    round: int
    core: float | None
    settings: Mapping[str, Value]
    evidence: Record

    def figure(self, path: str) -> float | None:
        """The number at a path of the record, such as "per_image.stage_3"; None where the trial has none, or no finite.

        An entry of a list is found by its name or host; "*" adds up what all entries have. PAID, which records do
        not have, is their executors times the wall time of an image.
        """
        found = _number(self.evidence, path.split("."))
        if found is None and path == PAID:
            executors, wall = self.figure("executors"), self.figure("per_image.wall")
            return None if executors is None or wall is None else executors * wall
        return found


@dataclass(frozen=True)
class Trials:
    """A run's trials. counted: measured, and of their cell's present content; left_out: names of the others, by why.

    blocks: of several runs, each block's run and its number there.
    """

    counted: tuple[Trial, ...]
    left_out: Mapping[str, tuple[str, ...]]
    blocks: Mapping[int, tuple[str, int]] = field(default_factory=dict)

    def of(self, preset: str) -> tuple[Trial, ...]:
        return tuple(one for one in self.counted if one.preset == preset)


@dataclass(frozen=True)
class Observation:
    """One figure of one trial. trial: its name, by which the record is found."""

    preset: str
    cell: str
    block: int
    round: int
    trial: str
    value: float


def present_contents(records: Iterable[Record], present: Mapping[str, str] | None = None) -> dict[str, str]:
    """By cell: the hash of the content that counts. present: those that are known; else that of a cell's last trial."""
    last = {
        str(one.get("cell")): str(one["hash"])
        for one in records
        if one.get("kind") == TRIAL and one.get("status") != SKIPPED and one.get("hash")
    }
    return {**last, **(present or {})}


def read_trials(records: Iterable[Record], present: Mapping[str, str] | None = None) -> Trials:
    """The trials in records as `experiments.store` loads them; warm-ups are not among them.

    A cell whose content has changed since counts with its present content only (see `present_contents`), also where
    none of that was measured; a round that was cut, and made again in a later block, counts once. Raises UserError,
    which names record and key, where a record lacks what every record has.
    """
    kept, left_out = list[tuple[str, Trial]](), dict[str, list[str]]()
    records = tuple(records)
    now = present_contents(records, present)
    cut = _cut_rounds([one for one in records if one.get("hash") == now.get(str(one.get("cell")))])
    for number, record in enumerate(records, start=1):
        kind, status, cell = (_needed(record, key, number) for key in ("kind", "status", "cell"))
        if kind != TRIAL:
            continue
        if status == MEASURED:
            kept.append((_needed(record, "hash", number), _trial(record, number)))
        else:
            left_out.setdefault(str(status), []).append(str(record.get("trial", cell)))
    counted = []
    for content, trial in kept:
        if content != now.get(trial.cell):
            left_out.setdefault(OLD, []).append(trial.name)
        elif (trial.comparison, trial.round, trial.block) in cut:
            left_out.setdefault(CUT, []).append(trial.name)
        else:
            counted.append(trial)
    return Trials(tuple(counted), {why: tuple(names) for why, names in left_out.items()})


def _cut_rounds(records: Sequence[Record]) -> set[tuple[str, int, int]]:
    """(comparison, round, block) of rounds that lack a cell which the same round has in a later block."""
    cells: dict[tuple[str, int, int], set[str]] = {}
    for one in records:
        number, block = one.get("round"), one.get("block")
        if not isinstance(number, int) or not isinstance(block, int):
            continue  # refused with its place when the trial is read
        if one.get("kind") == TRIAL and one.get("status") != SKIPPED:
            cells.setdefault((str(one.get("comparison")), number, block), set()).add(str(one.get("cell")))
    return {
        (comparison, number, block)
        for (comparison, number, block), own in cells.items()
        for (other, same, later), whole in cells.items()
        if (other, same) == (comparison, number) and later > block and own < whole
    }


def pooled(runs: Mapping[str, Trials]) -> Trials:
    """Trials of several runs, by run id, as one: names begin with their run's, and blocks are numbered anew.

    A cell counts with the content that it has in the last run that holds it.
    """
    last = {(one.preset, one.cell): one.evidence.get("hash") for trials in runs.values() for one in trials.counted}
    blocks: dict[tuple[str, int], int] = {}
    counted, left_out = list[Trial](), dict[str, list[str]]()
    for run, trials in runs.items():
        for why, names in trials.left_out.items():
            left_out.setdefault(why, []).extend(f"{run}/{name}" for name in names)
        for one in trials.counted:
            name = f"{run}/{one.name}"
            if one.evidence.get("hash") != last[one.preset, one.cell]:
                left_out.setdefault(OLD, []).append(name)
                continue
            block = blocks.setdefault((run, one.block), len(blocks) + 1)
            counted.append(replace(one, name=name, block=block))
    numbered = {number: place for place, number in blocks.items()}
    return Trials(tuple(counted), {why: tuple(names) for why, names in left_out.items()}, numbered)


def disturbed(record: Record) -> bool:
    """Whether a trial was made on a host that was not steady, or that other work kept busy meanwhile."""
    host, sampler = record.get("host"), record.get("sampler")
    if isinstance(host, Mapping) and host.get("quiet") is False:
        return True
    # Where a node's own work could not be read, it counts as another's.
    whole = isinstance(sampler, Mapping) and not sampler.get("problems")
    return whole and (_number(record, ["cores_elsewhere"]) or 0.0) > _ELSEWHERE


def observations(trials: Iterable[Trial], figure: str) -> tuple[Observation, ...]:
    """The figure of each trial that has it."""
    found = ((one, one.figure(figure)) for one in trials)
    return tuple(
        Observation(one.preset, one.cell, one.block, one.round, one.name, value)
        for one, value in found
        if value is not None
    )


def _number(content: Any, path: Sequence[str]) -> float | None:
    if not path:
        known = isinstance(content, int | float) and not isinstance(content, bool) and math.isfinite(content)
        return float(content) if known else None
    step, *rest = path
    if isinstance(content, list | tuple):
        content = {one.get("name", one.get("host")): one for one in content if isinstance(one, Mapping)}
    if not isinstance(content, Mapping):
        return None
    if step != "*":
        return _number(content.get(step), rest)
    found = [number for one in content.values() if (number := _number(one, rest)) is not None]
    return sum(found) if found else None


def varied(trials: Sequence[Trial]) -> tuple[str, ...]:
    """The settings that are not the same in all of these trials, in alphabetical order."""
    keys = sorted({key for one in trials for key in one.settings})
    return tuple(key for key in keys if len({repr(one.settings.get(key)) for one in trials}) > 1)


# What a measured record's parts are, where it has them.
_TABLES = ("settings", "phases", "per_image", "per_frame", "hosts", "boot", "used", "result")
_WHOLE = ("block", "round")


def _trial(record: Record, number: int) -> Trial:
    for keys, kind, called in ((_TABLES, Mapping, "a table"), (_WHOLE, int, "a whole number")):
        for key in keys:
            if key in record and not isinstance(record[key], kind):
                found = json.dumps(record[key])[:40]
                raise UserError(f"records.jsonl: record {number}: {key} = {found}: is not {called}; restore the file")
    core = record.get("core")
    if core is not None and (isinstance(core, bool) or not isinstance(core, int | float)):
        raise UserError(
            f"records.jsonl: record {number}: core = {json.dumps(core)[:40]}: is not a number; restore the file"
        )
    return Trial(
        name=str(_needed(record, "trial", number)),
        preset=str(_needed(record, "preset", number)),
        comparison=str(_needed(record, "comparison", number)),
        cell=str(record["cell"]),
        block=_needed(record, "block", number),
        round=_needed(record, "round", number),
        core=core,
        settings=_needed(record, "settings", number),
        evidence=record,
    )


def _needed(record: Record, key: str, number: int) -> Any:
    if key not in record:
        raise UserError(f"records.jsonl: record {number} lacks {key!r}, which every record has; restore the file")
    return record[key]
