"""A preset file (TOML, see the shipped ones) -> Preset. A step reports all it finds."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from experiments.errors import UserError
from experiments.matrix.clusters import LEAST_SHARE, MOST_SHARE, SHARE_DECIMALS
from experiments.matrix.settings import KINDS, value_problems
from experiments.matrix.types import FIT, WORKLOADS, Axis, NamedCell, Preset, Settings, Value, Workload
from experiments.shapes import Schema, Shape, Text, parse, read_toml, shown, unknown

PRESETS = Path(__file__).parents[1] / "presets"
SETS = ("coco", "synthetic")
MAX_REPEATS = 1000
# How a run's copy of its preset begins, and how it tells each change that was made to it.
FIRST_LINE, CHANGED = "# preset: ", "# run with --set "


def _core(value: object) -> float | Literal["fit"]:
    if value == FIT:
        return FIT
    if isinstance(value, bool) or not isinstance(value, int | float) or not LEAST_SHARE <= value <= MOST_SHARE:
        raise ValueError("neither")
    if round(value, SHARE_DECIMALS) != value:  # as a cluster's own file holds it, which an executor must fit in
        raise ValueError("too exact")
    return float(value)


class _ScaleTable(Shape):
    core: Annotated[float | Literal["fit"], PlainValidator(_core)] = Field(
        default=FIT,
        description=f'"{FIT}", or what a paper core is worth of a host core: a number from {LEAST_SHARE} to '
        f"{MOST_SHARE:g}, of at most {SHARE_DECIMALS} decimals",
        examples=[0.25],
    )
    services: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.25, description="the share of a machine's cores for its nodes without executors, over 0 and under 1"
    )


class _InputTable(Shape):
    sets: list[Literal["coco", "synthetic"]] = Field(
        default=["coco", "synthetic"],
        description=f"a list of {' and '.join(SETS)}",
        examples=[["synthetic"]],
        min_length=1,
    )
    coco: str | None = Field(
        default=None, description="a folder of COCO's images", examples=["/data/val2017"], min_length=1
    )


class _CellTable(Shape):
    name: Text = Field(description="a name", examples=["exp-23"], min_length=1)
    note: str = Field("", description="a text", examples=["170 partitions as read"])
    set: dict[str, Any] = Field({}, description="a table of settings", examples=[{"read_partitions": 170}])


class _PresetFile(Shape):
    schema_: Schema = Field(alias="schema")
    title: Text
    reproduces: list[str] = Field([], description="a list of the paper's tables", examples=[["Table 6"]])
    claims: list[str] = Field([], description="a list of ids of claims", examples=[["Y3"]])
    ours: str = Field("", description="a text: what the paper does not state", examples=["all sizes"])
    workload: Workload = Field("job", description=f"one of {', '.join(WORKLOADS)}", examples=["job"])
    seed: Annotated[int, Field(ge=0)] = Field(1, description="a whole number of 0 or more", examples=[1])
    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = Field(
        5, description=f"a whole number from 1 to {MAX_REPEATS}", examples=[5]
    )
    warm_ups: Annotated[int, Field(ge=0)] = Field(1, description="a whole number of 0 or more", examples=[1])
    warm_up_each: Literal["cell", "cluster"] = Field("cell", description='"cell" or "cluster"', examples=["cell"])
    fresh_cluster: bool = Field(False, description="true or false", examples=[False])
    same_cells: bool = Field(False, description="true or false", examples=[False])
    compare_by: list[str] = Field([], description="a list of settings", examples=[["model"]])
    scale: _ScaleTable = Field(_ScaleTable(), description="a table")
    input: _InputTable = Field(_InputTable(), description="a table")
    settings: dict[str, Any] = Field({}, description="a table of settings", examples=[{"images": 48}])
    axes: dict[str, Any] = Field({}, description="a table of lists by setting", examples=[{"workers": [1, 2]}])
    zips: list[dict[str, Any]] = Field([], description="tables of lists of one length by setting")
    exclude: list[dict[str, Any]] = Field([], description="tables of settings")
    cells: list[_CellTable] = Field([], description="tables [[cells]]", examples=[[{"name": "exp-23"}]])


def shipped_presets() -> tuple[str, ...]:
    """The names of the presets that come with the project."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def load_preset(name_or_path: str, changes: Sequence[str] = ()) -> Preset:
    """The preset of a shipped name, or of a path to a TOML file; changes: "key=value", see `changed`.

    A run's preset.toml is the preset as it was run, with the changes that were made to it.

    Raises UserError with all that is wrong with it.
    """
    name, run_with = Path(name_or_path).stem, tuple[str, ...]()
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
        name, run_with = as_run(path)
    elif name_or_path in shipped_presets():
        path = PRESETS / f"{name_or_path}.toml"
    else:
        raise UserError(
            f"preset {name_or_path!r}: there is no such preset; {unknown(name_or_path, shipped_presets())}, "
            "or the path of a TOML file of yours"
        )
    return parse_preset(changed(read_toml(path), (*run_with, *changes)), name=name, where=str(path))


def as_run(path: Path) -> tuple[str, tuple[str, ...]]:
    """(name, changes) of a run's copy of its preset, which has them in comments; any other file has its own name."""
    try:
        lines = _lines(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return path.stem, ()  # said when it is read as TOML
    name, changes, _ = _head(lines)
    return name if name is not None else path.stem, changes


def run_copy(source: str, name: str, changes: Sequence[str]) -> str:
    """The text of a run's copy: the file's, below its name and the changes that it is run with.

    Of a file that is such a copy itself, its own changes come first, as they were made first; each stands once.
    """
    _, before, body = _head(_lines(source))
    last = reversed(dict.fromkeys(reversed((*before, *changes))))
    return "\n".join([f"{FIRST_LINE}{name}", *(f"{CHANGED}{change}" for change in last), *body, ""])


def _lines(text: str) -> list[str]:
    """As TOML has them: a line separator of Unicode ends none."""
    return text.removesuffix("\n").split("\n")


def _head(lines: Sequence[str]) -> tuple[str | None, tuple[str, ...], Sequence[str]]:
    """Of a run's copy: name, changes, and the lines below; of another file no name, nothing, and all its lines."""
    if not lines[0].startswith(FIRST_LINE):
        return None, (), lines
    own = list(takewhile(lambda line: line.startswith(CHANGED), lines[1:]))
    changes = tuple(line.removeprefix(CHANGED) for line in own)
    return lines[0].removeprefix(FIRST_LINE), changes, lines[1 + len(own) :]


def changed(content: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """A file's content with changes "key=value" made to it.

    key is a key of the file (repeats, scale.core, axes.workers), or a setting, which is then one of [settings]. value
    is TOML, or a plain text. Raises UserError for a change that has no equals sign, no such key, or that an axis or a
    named cell would override.
    """
    result = {**content}
    for change in changes:
        key, sign, text = change.partition("=")
        if len(change.splitlines()) > 1:
            raise UserError(f"--set {change.splitlines()[0]}...: has a line break; give the value on one line")
        if not sign or not key:
            raise UserError(f"--set {change}: give key=value, for example --set repeats=3")
        steps = key.strip().split(".")
        if len(steps) == 1 and steps[0] not in _KEYS:
            steps = ["settings", *steps]
        if steps[0] == "settings" and len(steps) == 2:
            _refuse_overridden(result, steps[1], change)
        if steps[0] in _LISTS:
            raise UserError(
                f"--set {change}: {steps[0]} holds tables, which --set cannot change; change a copy of the file"
            )
        if steps[0] not in _KEYS or len(steps) > 2:
            raise UserError(f"--set {change}: {key}: no such key; {unknown(steps[0], _KEYS)}, or a setting")
        if len(steps) == 1:
            result[steps[0]] = _toml_value(text)
            continue
        table = result.get(steps[0], {})
        if not isinstance(table, Mapping):
            raise UserError(f"--set {change}: {steps[0]} is no table")
        result[steps[0]] = {**table, steps[1]: _toml_value(text)}
    return result


_LISTS = ("zips", "exclude", "cells")
_KEYS = {field.alias or name for name, field in _PresetFile.model_fields.items()}


def _refuse_overridden(content: Mapping[str, Any], key: str, change: str) -> None:
    axes, zips, named = (content.get(name) for name in ("axes", "zips", "cells"))  # of whatever shape: not checked yet
    zipped = {name for table in _tables(zips) for name in table}
    cells = [cell for cell in _tables(named) if isinstance(cell.get("set"), Mapping) and key in cell["set"]]
    if isinstance(axes, Mapping) and key in axes:
        raise UserError(f"--set {change}: the axis {key} gives it; change that, for example --set axes.{key}=[...]")
    if key in zipped or cells:
        where = "a table of zips" if key in zipped else f"the cell {cells[0].get('name')!r}"
        raise UserError(f"--set {change}: {where} gives it; change the file, or a copy of it")


def _tables(found: Any) -> list[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _toml_value(text: str) -> Any:
    if "\n" in text:
        return text  # no value of one line: what follows it would be other keys
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # also a number of too many digits
        return text


def parse_preset(content: Mapping[str, Any], name: str, where: str) -> Preset:
    """A preset file's content -> Preset. `where` is the file that messages name. Raises UserError with all problems."""
    file = parse(_PresetFile, content, where)
    problems = _problems(file)
    if problems:
        raise UserError(*(f"{where}: {problem}" for problem in problems))
    return Preset(
        name=name,
        source=where,
        title=file.title,
        reproduces=tuple(file.reproduces),
        claims=tuple(file.claims),
        ours=file.ours,
        workload=file.workload,
        seed=file.seed,
        repeats=file.repeats,
        warm_ups=file.warm_ups,
        warm_up_each=file.warm_up_each,
        fresh_cluster=file.fresh_cluster,
        same_cells=file.same_cells,
        compare_by=tuple(file.compare_by),
        core=file.scale.core,
        services=file.scale.services,
        sets=tuple(file.input.sets),
        coco=file.input.coco,
        settings=MappingProxyType(dict(file.settings)),
        axes=(
            *(Axis((key,), tuple((value,) for value in values)) for key, values in file.axes.items()),
            *(Axis(tuple(table), tuple(zip(*table.values(), strict=True))) for table in file.zips),
        ),
        exclude=tuple(MappingProxyType(dict(one)) for one in file.exclude),
        cells=tuple(NamedCell(one.name, MappingProxyType(dict(one.set)), one.note) for one in file.cells),
    )


def _problems(file: _PresetFile) -> list[str]:
    problems = _settings_problems(file.workload, file.settings, "settings")
    problems += _axes_problems(file.workload, file.axes, "axes")
    for index, table in enumerate(file.zips):
        problems += _axes_problems(file.workload, table, f"zips[{index}]")
        problems += _zip_problems(table, f"zips[{index}]")
    for index, one in enumerate(file.exclude):
        problems += _settings_problems(file.workload, one, f"exclude[{index}]")
        problems += [] if one else [f"exclude[{index}] = {{}}: excludes every cell; give settings, or leave it out"]
    for cell in file.cells:
        problems += _settings_problems(file.workload, cell.set, f"cells.{cell.name}.set")
    for key in file.compare_by:
        if key not in KINDS[file.workload]:
            problems.append(f'compare_by: "{key}" is no setting; {unknown(key, KINDS[file.workload])}')
    problems += _input_problems(file.input)
    if file.fresh_cluster and file.warm_ups:
        problems.append(
            f"warm_ups = {file.warm_ups}: with fresh_cluster = true each trial has a cluster of its own, and none "
            "would be warm; set warm_ups = 0"
        )
    varied = [*file.axes, *(key for table in file.zips for key in table)]
    problems += [
        f"axes.{key}: is varied {varied.count(key)} times, by axes and zips; vary it once"
        for key in dict.fromkeys(varied)
        if varied.count(key) > 1
    ]
    return problems


def _input_problems(table: _InputTable) -> list[str]:
    """Sets that are never reached: the first that is here is taken, and the synthetic one is everywhere."""
    sets = f"input.sets = {shown(table.sets)}"
    if table.coco is not None and "coco" not in table.sets:
        return [f'input.coco = {shown(table.coco)}: {sets} leaves it out; set input.sets = ["coco"], or leave it out']
    if "synthetic" in table.sets[:-1]:
        return [f'{sets}: what follows "synthetic" is never taken, since that is on every host; give it last']
    return []


def _settings_problems(workload: Workload, settings: Settings, path: str) -> list[str]:
    problems = []
    for key, value in settings.items():
        if key not in KINDS[workload]:
            problems.append(f"{path}.{key} = {shown(value)}: no such setting; {unknown(key, KINDS[workload])}")
        else:
            problems += value_problems(workload, key, value, f"{path}.{key}")
    return problems


def _axes_problems(workload: Workload, axes: Mapping[str, Any], path: str) -> list[str]:
    problems: list[str] = []
    for key, values in axes.items():
        place = f"{path}.{key}"
        if key not in KINDS[workload]:
            problems.append(f"{place} = {shown(values)}: no such setting; {unknown(key, KINDS[workload])}")
        elif not isinstance(values, list) or not values:
            problems.append(
                f"{place} = {shown(values)}: must be a list of one or more values; for example {place} = [1, 2]"
            )
        else:
            problems += [
                problem
                for index, value in enumerate(values)
                for problem in value_problems(workload, key, value, f"{place}[{index}]")
            ]
            problems += _repeated(values, place) if path == "axes" else []
    return problems


def _repeated(values: Sequence[Value], place: str) -> list[str]:
    written = [shown(value) for value in values]
    return [
        f"{place}: {one} is given {written.count(one)} times; give each value once"
        for one in dict.fromkeys(written)
        if written.count(one) > 1
    ]


def _zip_problems(table: Mapping[str, Any], path: str) -> list[str]:
    lengths = {key: len(values) for key, values in table.items() if isinstance(values, list)}
    if not table:
        return [f"{path} = {{}}: must be a table of lists by setting; leave it out, or give some"]
    if len(set(lengths.values())) > 1:
        each = ", ".join(f"{key} {length}" for key, length in lengths.items())
        return [f"{path}: its lists differ in length ({each}); give lists of one length"]
    return []
