"""Preset -> cells. Pure: the same preset gives the same cells in the same order."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import chain, product
from types import MappingProxyType

from experiments.errors import UserError
from experiments.matrix.settings import DEFAULTS, job_problems, meaning
from experiments.matrix.types import Cell, NamedCell, Preset, Settings, Value
from experiments.shapes import shown, unknown

MAX_CELLS = 100_000


def expand(preset: Preset) -> tuple[Cell, ...]:
    """The cells of a preset: the product of its axes and zips without what is excluded, then the named ones.

    Raises UserError for no cell at all, too many, two of the same name or the same settings, an exclusion that
    excludes nothing, and settings that make no job.
    """
    size = 1
    for axis in preset.axes:
        size *= len(axis.values)
    if size > MAX_CELLS:
        raise UserError(
            f"{preset.source}: axes: they give {size} cells; at most {MAX_CELLS} are allowed; shorten an axis"
        )
    base = {**DEFAULTS[preset.workload], **preset.settings}
    grid = list(_grid(preset, base)) if preset.axes else []
    kept = [(varied, settings) for varied, settings in grid if not any(_holds(settings, one) for one in preset.exclude)]
    cells = [_cell(preset, _name(varied), settings) for varied, settings in kept]
    cells += [_named(preset, one, base) for one in preset.cells]
    # By cell: the keys that the preset gives it, beside the defaults.
    given = [{*preset.settings, *varied} for varied, _ in kept] + [
        {*preset.settings, *one.settings} for one in preset.cells
    ]
    problems = [*_useless(preset, [settings for _, settings in grid]), *_cell_problems(preset, cells, given)]
    if problems:
        raise UserError(*(f"{preset.source}: {problem}" for problem in problems))
    return tuple(cells)


def _grid(preset: Preset, base: Settings) -> Iterator[tuple[dict[str, Value], dict[str, Value]]]:
    """(what varies, all settings) of each combination, the last axis fastest."""
    for steps in product(*(axis.values for axis in preset.axes)):
        pairs = (zip(axis.keys, step, strict=True) for axis, step in zip(preset.axes, steps, strict=True))
        varied = dict(chain.from_iterable(pairs))
        yield varied, {**base, **varied}


def _named(preset: Preset, one: NamedCell, base: Settings) -> Cell:
    return _cell(preset, one.name, {**base, **one.settings}, one.note)


def _cell(preset: Preset, name: str, settings: dict[str, Value], note: str = "") -> Cell:
    comparison = ", ".join(f"{key} {_text(settings.get(key))}" for key in preset.compare_by) or preset.name
    return Cell(name, comparison, MappingProxyType(settings), note)


def _name(varied: Settings) -> str:
    return " ".join(f"{key}={_text(value)}" for key, value in varied.items())


def _text(value: Value) -> str:
    return "default" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _holds(settings: Settings, wanted: Settings) -> bool:
    return all(key in settings and _same(settings[key], value) for key, value in wanted.items())


def _same(one: Value, other: Value) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _useless(preset: Preset, grid: list[dict[str, Value]]) -> list[str]:
    """Exclusions that meet no cell: a slip of the pen in one would go unseen."""
    return [
        f"exclude[{index}] = {shown(dict(one))}: no cell of the axes has these settings; correct it, or take it out"
        for index, one in enumerate(preset.exclude)
        if not any(_holds(settings, one) for settings in grid)
    ]


def _cell_problems(preset: Preset, cells: list[Cell], given: Sequence[set[str]]) -> list[str]:
    if not cells:
        return ["axes, cells: there is no cell; give an axis or a table [[cells]], and exclude less"]
    problems = [*_twice(preset, cells)]
    if preset.same_cells and len({content_of(preset, cell) for cell in cells}) == len(cells):
        problems.append("same_cells = true: no two cells have the same settings; take it out, or give such cells")
    seen = set()
    for cell, keys in zip(cells, given, strict=True):
        if preset.workload == "job":
            for problem in job_problems(cell.settings, keys):
                if problem not in seen:
                    seen.add(problem)
                    problems.append(f"cell {cell.name!r}: {problem}")
    for key in preset.compare_by:
        if not any(key in cell.settings for cell in cells):
            problems.append(f'compare_by: no cell sets "{key}"; {unknown(key, {k for c in cells for k in c.settings})}')
    return problems


def content_of(preset: Preset, cell: Cell) -> Hashable:
    """What is the same for two cells that are the same one, however they are written."""
    if preset.workload == "job":
        return meaning(cell.settings)
    return tuple(sorted((key, repr(value)) for key, value in cell.settings.items()))


def _twice(preset: Preset, cells: list[Cell]) -> list[str]:
    problems, names = [], set()
    by_settings: dict[Hashable, str] = {}
    for cell in cells:
        if cell.name in names:
            problems.append(f"cells.{cell.name}: two cells have this name; rename one")
        names.add(cell.name)
        first = by_settings.setdefault(content_of(preset, cell), cell.name)
        if first != cell.name and not preset.same_cells:
            problems.append(
                f"cells.{cell.name}: has the same settings as {first!r}; take one out, or say same_cells = true where "
                "that is meant"
            )
    return problems
