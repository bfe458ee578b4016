"""The counted trials by comparison and cell, and families of cells that differ in the number of workers alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.statistics import largest_block
from experiments.analysis.trials import Trial, Value, varied
from experiments.report.text import number_text

# The workload of Table 1, whose trials have times per frame instead of per image.
PER_FRAME = "per_frame"
GIVEN = ("images", "image_side", "link", "limit", "timing", "model", "image_size")


@dataclass(frozen=True)
class Comparison:
    """Cells that were compared: one scale, common rounds. block: that with most trials, whose times figures show."""

    preset: str
    name: str
    block: int
    cells: Mapping[str, tuple[Trial, ...]]

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(one for own in self.cells.values() for one in own)

    @property
    def here(self) -> Mapping[str, tuple[Trial, ...]]:
        """The cells' trials of that block."""
        found = {cell: tuple(one for one in own if one.block == self.block) for cell, own in self.cells.items()}
        return {cell: own for cell, own in found.items() if own}

    @property
    def core(self) -> float | None:
        return self.trials[0].core

    @property
    def video(self) -> bool:
        return PER_FRAME in self.trials[0].evidence


@dataclass(frozen=True)
class Family:
    """Cells that differ in nothing but the number of workers; by that number. name: what they have in common."""

    name: str
    comparison: Comparison
    cells: Mapping[float, str]

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(one for cell in self.cells.values() for one in self.comparison.cells[cell])

    def of(self, workers: float) -> tuple[Trial, ...]:
        return self.comparison.cells[self.cells[workers]]

    @property
    def images(self) -> int:
        return int(self.trials[0].figure("images") or 0)


def comparisons(trials: Iterable[Trial], planned: Sequence[tuple[str, str]] = ()) -> tuple[Comparison, ...]:
    """By preset and comparison, in the order of their first trials.

    Cells come in the order of `planned`, (preset, cell); those that are not in it after them, as they were measured:
    rounds begin with another cell each.
    """
    places = {place: number for number, place in enumerate(planned)}
    groups: dict[tuple[str, str], dict[str, list[Trial]]] = {}
    for one in sorted(trials, key=lambda one: places.get((one.preset, one.cell), len(places))):
        groups.setdefault((one.preset, one.comparison), {}).setdefault(one.cell, []).append(one)
    return tuple(_comparison(preset, name, cells) for (preset, name), cells in groups.items())


def families(comparison: Comparison) -> tuple[Family, ...]:
    """Families with two numbers of workers or more, those of most numbers first."""
    return _families(comparison, {"workers"}, lambda _: None)


def weak_families(comparison: Comparison) -> tuple[Family, ...]:
    """The same where the images grow with the workers: as many for each at every number."""

    def each(one: Trial) -> object:
        workers = one.figure("executors")
        return (one.figure("images") or 0) / workers if workers else None

    found = _families(comparison, {"workers", "images"}, each)
    return tuple(one for one in found if len({trial.figure("images") for trial in one.trials}) == len(one.cells))


def _families(comparison: Comparison, free: set[str], key: Callable[[Trial], object]) -> tuple[Family, ...]:
    groups: dict[object, dict[float, str]] = {}
    for cell, trials in comparison.cells.items():
        one = trials[0]
        workers = one.figure("executors")
        if workers is not None:
            fixed = tuple((name, repr(value)) for name, value in sorted(one.settings.items()) if name not in free)
            groups.setdefault((fixed, key(one)), {}).setdefault(workers, cell)
    kept = [dict(sorted(cells.items())) for cells in groups.values() if len(cells) > 1]
    firsts = [comparison.cells[next(iter(cells.values()))][0] for cells in kept]
    shown = [name for name in varied(firsts) if name not in free]
    made = [
        Family(_name(comparison, first, shown), comparison, cells) for first, cells in zip(firsts, kept, strict=True)
    ]
    return tuple(sorted(made, key=lambda one: -len(one.cells)))


def given(trial: Trial) -> tuple[str, ...]:
    """What is given to a job and not chosen: between cells that differ in it there is no choice."""
    return tuple(repr(trial.settings.get(key)) for key in GIVEN)


def alike(family: Family) -> tuple[Trial, ...]:
    """The trials of the family's comparison that differ from it in nothing but the number of workers and of images."""
    own = family.trials[0]
    return tuple(
        one
        for one in family.comparison.trials
        if not set(varied([own, one])) - {"workers", "images"} and one.figure("executors") is not None
    )


def settings_text(settings: Mapping[str, Value], names: Iterable[str]) -> str:
    """ "images 48, engine fused"."""
    return ", ".join(f"{name} {_value(settings[name])}" for name in names if settings.get(name) is not None)


def label(cell: str) -> str:
    """A cell's name as figures show it: long ones are cut in the middle, so that both ends can be told apart."""
    return cell if len(cell) <= _LABEL else f"{cell[: _LABEL // 2]}...{cell[3 - _LABEL // 2 :]}"


_LABEL = 40


def _comparison(preset: str, name: str, cells: Mapping[str, Sequence[Trial]]) -> Comparison:
    block = largest_block(one.block for own in cells.values() for one in own)
    return Comparison(preset, name, block, {cell: tuple(own) for cell, own in cells.items()})


def _name(comparison: Comparison, first: Trial, shown: Sequence[str]) -> str:
    return settings_text(first.settings, shown) or comparison.preset


def _value(value: Value) -> str:
    return number_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
