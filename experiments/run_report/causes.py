"""What stops it: each trial's time by part, means by cell, and what grew from the fewest workers to the most. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.decomposition import (
    BY_WORK,
    PARTS,
    START_UP,
    THROTTLED,
    Decomposition,
    decompose,
    difference,
    mean_of,
    not_told,
    sentence,
)
from experiments.analysis.statistics import ENOUGH, NoEstimate, NoiseFloor, differs, ratio
from experiments.analysis.trials import Trial, observations, varied
from experiments.eventlog import TaskRow
from experiments.report.text import joined, measured_text, number_text
from experiments.run_report.cells import Comparison
from experiments.run_report.said import Said
from experiments.run_report.scaling import WALL, Scaled

# Parts that grew by less than this share of the whole are not named.
_WORTH_NAMING = 0.03
_MOST_NAMED = 3
# Parts whose name says nothing by itself.
_ALONE = {"other": "what tasks do beside their work (the start of Python, lazy reading)"}
# Cells of a comparison, for sentences on what differs between them.
_MOST_CHANGES = 12
Tasks = Callable[[Trial], Sequence[TaskRow] | None]


@dataclass(frozen=True)
class Part:
    """A cell's parts: means over n trials of the comparison's block, or why there are none."""

    cell: str
    parts: Decomposition | NoEstimate
    trials: tuple[str, ...]


def split(comparison: Comparison, tasks: Tasks) -> tuple[Part, ...]:
    """Of each cell, in order. tasks: reads a trial's tasks."""
    made = []
    for cell, trials in comparison.here.items():
        found = [(one.name, decompose(one, tasks(one))) for one in trials]
        whole = [(name, one) for name, one in found if isinstance(one, Decomposition)]
        reasons = [one for _, one in found if isinstance(one, NoEstimate)]
        parts = mean_of([one for _, one in whole]) if whole else reasons[0]
        made.append(Part(cell, parts, tuple(name for name, _ in whole)))
    return tuple(made)


def sentences(parts: Sequence[Part]) -> list[Said]:
    """What each cell's time is made of; what could not be split says why."""
    return [
        Said(sentence(one.cell, one.parts), one.trials)
        if isinstance(one.parts, Decomposition)
        else Said(f"{one.cell}: {one.parts.reason}.", ())
        for one in parts
    ]


def images(part: Part) -> int:
    """Of a cell that was split: those of each trial."""
    return part.parts.images if isinstance(part.parts, Decomposition) else 0


def largest(part: Part) -> list[str]:
    """Of a cell that was split: what most of its time goes to, the short sentence first."""
    assert isinstance(part.parts, Decomposition)
    seconds = part.parts.by_work
    named = sorted(BY_WORK, key=lambda name: -seconds[name])[:_MOST_NAMED]
    return [f"Of {part.cell}, above all {joined([_short(name) for name in named])}.", sentence(part.cell, part.parts)]


def changes(parts: Sequence[Part], comparison: Comparison, floor: NoiseFloor | None) -> list[Said]:
    """What changed from the first cell to each other one, by part; nothing where there are too many to be read, or
    where all cells have the same settings. floor: the A/A noise of whole jobs.
    """
    if not varied([trials[0] for trials in comparison.cells.values()]):
        return []
    known = [(one, one.parts) for one in parts if isinstance(one.parts, Decomposition)]
    if not 2 <= len(known) <= _MOST_CHANGES:
        return []
    (first, before), *others = known
    said = []
    for one, after in others:
        why = _not_told(comparison, one.cell, first.cell, floor)
        pair = (first.cell, before, one.cell, after)
        said.append(Said(not_told(*pair, why) if why else difference(*pair), (*first.trials, *one.trials)))
    return said


def _not_told(comparison: Comparison, one: str, other: str, floor: NoiseFloor | None) -> str:
    """Why the times of two cells do not differ as far as can be told; empty where they do."""
    found = ratio(*(observations(comparison.cells[cell], WALL) for cell in (one, other)))
    if isinstance(found, NoEstimate):
        return found.reason
    if found.few:
        return f"{found.estimate.n} pairs of trials; {ENOUGH} are needed"
    return "" if differs(found.estimate, floor) else "which is not beyond noise"


def stops(one: Scaled, parts: Sequence[Part]) -> list[str]:
    """What keeps the most workers from being as efficient as the least, in sentences, the short one first.

    By slot-seconds, which an image costs the same on any number of workers where nothing is lost: first of the job's
    stages, then with its start-up, which all slots wait for. What a quota stopped counts as what it stopped: more
    workers have the same quota each, and lose no more to it than they do more.
    """
    by_cell = _by_cell(parts)
    few, many = one.family.cells[one.least], one.family.cells[one.most]
    if few not in by_cell or many not in by_cell:
        missing = few if few not in by_cell else many
        reasons = [part.parts.reason for part in parts if part.cell == missing and isinstance(part.parts, NoEstimate)]
        return [f"Not known: {reasons[0] if reasons else f'{missing} was not measured'}."]
    first, last = ({part: _slot_seconds(by_cell[cell], part) for part in BY_WORK} for cell in (few, many))
    before, after = (sum(cost.values()) - cost[START_UP] for cost in (first, last))
    grown = {part: last[part] - first[part] for part in BY_WORK if part != START_UP}
    stopped = by_cell[many].seconds[THROTTLED] * by_cell[many].slots
    named = [part for part in sorted(grown, key=lambda part: -grown[part]) if grown[part] > _WORTH_NAMING * after]
    most, least = number_text(one.most), number_text(one.least)
    said = (
        f"Start-up left aside, an image costs {measured_text(after)} slot-seconds on {most} workers, "
        f"{measured_text(before)} on {least}"
    )
    start = (
        f"Start-up, which all workers wait for, adds {measured_text(last[START_UP])} and "
        f"{measured_text(first[START_UP])}: less with more images."
    )
    if after <= before or not named:
        return ["Nothing that adds up to a loss.", f"{said}.", start]
    listed = ", ".join(f"{part} {grown[part]:+.3f} ({PARTS[part]})" for part in named)
    quota = (
        f"For {measured_text(stopped)} of these {measured_text(after)} slot-seconds quotas stopped the nodes; they "
        "count with what they stopped."
    )
    return [
        f"Above all {joined([_short(name) for name in named[:_MOST_NAMED]])}.",
        f"{said}. What grew: {listed}.",
        *([quota] if stopped > _WORTH_NAMING * after else []),
        start,
    ]


def _short(part: str) -> str:
    """As the short answer names it, which stands by itself."""
    return _ALONE.get(part, part)


def _slot_seconds(one: Decomposition, part: str) -> float:
    return one.by_work[part] * one.slots


def _by_cell(parts: Sequence[Part]) -> Mapping[str, Decomposition]:
    return {one.cell: one.parts for one in parts if isinstance(one.parts, Decomposition)}
