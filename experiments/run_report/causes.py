"""What stops it: each trial's time by part, means by cell, and what grew from the fewest workers to the most. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.analysis.decomposition import (
    BY_WORK,
    PARTS,
    START_UP,
    THROTTLED,
    Decomposition,
    decompose,
    difference,
    mean_of,
    not_judged,
    not_told,
    sentence,
)
from experiments.analysis.executors import Use, use_of
from experiments.analysis.statistics import ENOUGH, NoEstimate, NoiseFloor, differs, interval, ratio
from experiments.analysis.trials import Trial, observations, varied
from experiments.claims.shares import MOST_OF_IT
from experiments.eventlog import TaskRow
from experiments.report.text import joined, measured_text, number_text, percent_text, range_text
from experiments.run_report.cells import Comparison, given
from experiments.run_report.said import Said
from experiments.run_report.scaling import WALL, Scaled

# Parts that grew by less than this share of the whole are not named.
_WORTH_NAMING = 0.03
_MOST_NAMED = 3
# Parts whose name says nothing by itself; and one that is another thing where stages are lazy.
_ALONE = {"other": "the start of Python in tasks", START_UP: "start-up (which all workers wait for)"}
_LAZY = {"other": "what is done lazily in tasks and the start of Python, not told apart (reading, preprocessing)"}
# Cells of a comparison, for sentences on what differs between them.
_MOST_CHANGES = 12
Tasks = Callable[[Trial], Sequence[TaskRow] | None]


@dataclass(frozen=True)
class Part:
    """A cell's parts: means over trials of the comparison's block, or why there are none; rounds: those of each."""

    cell: str
    parts: Decomposition | NoEstimate
    trials: tuple[str, ...]
    rounds: Mapping[int, Decomposition]


def split(comparison: Comparison, tasks: Tasks) -> tuple[Part, ...]:
    """Of each cell, in order. tasks: reads a trial's tasks."""
    made = []
    for cell, trials in comparison.here.items():
        found = [(one, decompose(one, tasks(one))) for one in trials]
        whole = [(trial, one) for trial, one in found if isinstance(one, Decomposition)]
        reasons = [one for _, one in found if isinstance(one, NoEstimate)]
        parts = mean_of([one for _, one in whole]) if whole else reasons[0]
        rounds = {trial.round: one for trial, one in whole}
        made.append(Part(cell, parts, tuple(trial.name for trial, _ in whole), rounds))
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
    short = [_short(name, part.parts) for name in named]
    return [f"Of {part.cell}, above all {joined(short)}.", sentence(part.cell, part.parts)]


def changes(parts: Sequence[Part], comparison: Comparison, floor: NoiseFloor | None) -> list[Said]:
    """What changed from the first cell to each other one that is given the same, by part; nothing where there are too
    many to be read, or where all cells have the same settings. floor: the A/A noise of whole jobs.
    """
    if not varied([trials[0] for trials in comparison.cells.values()]):
        return []
    known = [(one, one.parts) for one in parts if isinstance(one.parts, Decomposition)]
    if not 2 <= len(known) <= _MOST_CHANGES:
        return []
    groups: dict[tuple[str, ...], list[_Split]] = {}
    for one in known:
        groups.setdefault(given(comparison.cells[one[0].cell][0]), []).append(one)
    return [_change(comparison, first, one, floor) for first, *others in groups.values() for one in others]


_Split = tuple[Part, Decomposition]


def _change(comparison: Comparison, first: _Split, one: _Split, floor: NoiseFloor | None) -> Said:
    """From the first to the other; or why nothing can be said. It rests on the trials that were split, and on all pairs
    that the two are judged by.
    """
    split = (*first[0].trials, *one[0].trials)
    pair = (first[0].cell, first[1], one[0].cell, one[1])
    found = ratio(*(observations(comparison.cells[part.cell], WALL) for part, _ in (one, first)))
    if isinstance(found, NoEstimate):
        return Said(not_judged(*pair, found.reason), split)
    trials = tuple(dict.fromkeys((*split, *found.trials)))
    if found.few:
        return Said(not_judged(*pair, f"{found.estimate.n} pairs of trials; {ENOUGH} are needed"), trials)
    if differs(found.estimate, floor):
        return Said(difference(*pair, found.estimate), trials)
    return Said(not_told(*pair, "which is not beyond noise"), trials)


def stops(one: Scaled, parts: Sequence[Part]) -> list[str]:
    """What keeps the most workers from being as efficient as the least, in sentences, the short one first.

    By slot-seconds, which an image costs the same on any number of workers where nothing is lost. What a quota stopped
    counts as what it stopped: more workers have the same quota each, and lose no more to it than they do more.
    """
    split = {part.cell: (part, part.parts) for part in parts if isinstance(part.parts, Decomposition)}
    few, many = one.family.cells[one.least], one.family.cells[one.most]
    if few not in split or many not in split:
        missing = few if few not in split else many
        reasons = [part.parts.reason for part in parts if part.cell == missing and isinstance(part.parts, NoEstimate)]
        return [f"Not known: {reasons[0] if reasons else f'{missing} was not measured'}."]
    (on_few, first), (on_many, last) = split[few], split[many]
    before, after = first.total * first.slots, last.total * last.slots
    grown = {part: _slot_seconds(last, part) - _slot_seconds(first, part) for part in BY_WORK}
    named = [part for part in sorted(grown, key=lambda part: -grown[part]) if grown[part] > _WORTH_NAMING * after]
    said = (
        f"An image costs {measured_text(after)} slot-seconds on {number_text(one.most)} workers, "
        f"{measured_text(before)} on {number_text(one.least)}"
    )
    if after <= before or not named:
        return ["Nothing that adds up to a loss.", f"{said}."]
    listed = ", ".join(f"{part} {_growth(on_few, on_many, part)} ({PARTS[part]})" for part in named)
    stopped = last.seconds[THROTTLED] * last.slots
    quota = (
        f"For {measured_text(stopped)} of these {measured_text(after)} slot-seconds quotas stopped the nodes: into "
        "which work a stop fell is not known, and each part is taken to have its share."
    )
    short, once = joined([_short(name, last) for name in named[:_MOST_NAMED]]), _paid_once(one)
    return [
        *([*once, f"By what was done, above all {short}."] if once else [f"Above all {short}."]),
        f"{said}. What grew (95 % intervals): {listed}.",
        *([quota] if stopped > _WORTH_NAMING * after else []),
    ]


def _growth(few: Part, many: Part, part: str) -> str:
    """How many more slot-seconds an image takes of a part: the mean over rounds that have both."""
    rounds = sorted(few.rounds.keys() & many.rounds.keys())
    more = np.array([_slot_seconds(many.rounds[at], part) - _slot_seconds(few.rounds[at], part) for at in rounds])
    if len(more) < 2:
        return ", ".join(f"{value:+.2f}" for value in more)
    found = interval([more], np.mean)
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def _paid_once(one: Scaled) -> list[str]:
    """What each worker uses of its core whatever it computes, where that is known, and most of what is used."""
    found = use_of([trial for trial in one.family.trials if trial.block == one.curve.block])
    if isinstance(found, NoEstimate) or found.each.low <= 0:
        return []
    of_many, of_few = (_once_share(found, one.family.images / workers) for workers in (one.most, one.least))
    if of_many < MOST_OF_IT:
        return []
    most, least = number_text(one.most), number_text(one.least)
    return [
        f"Above all what each worker uses whatever it computes, {range_text(found.once)} CPU-seconds, which more "
        f"workers multiply: {percent_text(of_many)} of what {most} workers use, {percent_text(of_few)} on {least}.",
        f"Each image takes {range_text(found.each)} CPU-seconds more, wherever it is computed: with more images the "
        "former weighs less.",
    ]


def _once_share(found: Use, images: float) -> float:
    return found.once.value / (found.once.value + images * found.each.value)


def _short(part: str, of: Decomposition) -> str:
    """As the short answer names it, which stands by itself."""
    lazy = "reading" in of.unmeasured
    return (_LAZY.get(part) if lazy else None) or _ALONE.get(part, part)


def _slot_seconds(one: Decomposition, part: str) -> float:
    return one.by_work[part] * one.slots
