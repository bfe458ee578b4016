"""What of a run is finished, from its records: whole rounds of a comparison, in one block. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.matrix.plan import PlannedCell
from experiments.runner import identity
from experiments.runner.identity import Content

TRIAL, WARM_UP = "trial", "warm-up"
MEASURED, FAILED, INVALID, TIMED_OUT, SKIPPED = "measured", "failed", "invalid", "timed-out", "skipped"
# States that end a trial. A failed one is a finding, and is not made again by a resume.
ENDED = (MEASURED, FAILED, INVALID, TIMED_OUT)

Record = Mapping[str, Any]
Round = tuple[str, int]  # comparison, number


@dataclass(frozen=True)
class Known:
    """A cell's content as it is now, and its hash."""

    content: Content
    hash: str


def finished_rounds(records: Iterable[Record], cells: Sequence[PlannedCell], known: Mapping[str, Known]) -> set[Round]:
    """Rounds in which every cell of the comparison has an ended trial of its present content, all in one block.

    A round that was interrupted, or of which a cell has changed since, is made again as a whole; a cell that cannot be
    made ready now, which has no hash, makes no other's round again.
    """
    every: dict[str, set[str]] = {}
    for one in cells:
        every.setdefault(one.cell.comparison, set()).add(one.cell.name)
    # Of a comparison of which no cell can be made ready all count: what failed is not tried again and again.
    wanted = {name: {cell for cell in own if known[cell].hash} or own for name, own in every.items()}
    seen: dict[tuple[Round, str], set[str]] = {}
    for record in records:
        name = record["cell"]
        ended = record["kind"] == TRIAL and record["status"] in ENDED
        if ended and name in known and record["hash"] == known[name].hash:
            seen.setdefault(((record["comparison"], record["round"]), record["block"]), set()).add(name)
    return {place for (place, _), names in seen.items() if names >= wanted.get(place[0], {""})}


def changed_cells(
    records: Iterable[Record], known: Mapping[str, Known], contents: Mapping[str, Content]
) -> dict[str, list[str]]:
    """By cell: what changed since its last record, where something did. contents: those of before, by hash."""
    last = {record["cell"]: record["hash"] for record in records if record["status"] in ENDED and record["hash"]}
    return {
        name: identity.changes(contents.get(last[name], {}), now.content)
        for name, now in known.items()
        if name in last and now.hash not in ("", last[name])
    }


def next_block(records: Iterable[Record]) -> int:
    """The number of a new block."""
    return max((int(record["block"]) for record in records), default=0) + 1


def attempt(records: Iterable[Record], cell: str, number: int, kind: str) -> int:
    """How many trials of this cell, round and kind there are, plus this one."""
    same = [one for one in records if (one["cell"], one["round"], one["kind"]) == (cell, number, kind)]
    return len(same) + 1
