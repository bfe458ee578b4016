"""Reads what a run keeps of a trial beside its record: tasks/TRIAL.json and samples/TRIAL.jsonl, packed or not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from experiments.errors import UserError
from experiments.eventlog import TaskRow
from experiments.runner.samples import Sample
from experiments.store import packing

Row = TypeVar("Row", TaskRow, Sample)

SCHEMA = 1


def read_tasks(run: Path, trial: str) -> tuple[TaskRow, ...] | None:
    """A trial's tasks as Spark's event log gave them; None where they were not kept. Raises UserError for a damaged
    file, or a schema that this release does not know.
    """
    path = run / packing.TASKS / f"{trial}.json"
    content = _json(path, _text(run, path))
    if content is None:
        return None
    schema = content.get("schema") if isinstance(content, Mapping) else None
    if schema != SCHEMA:
        raise UserError(f"{path}: schema = {json.dumps(schema)}; this release knows {SCHEMA}")
    return _rows(TaskRow, content.get("tasks", ()), path)


def read_samples(run: Path, trial: str) -> tuple[Sample, ...] | None:
    """What its nodes used, in the order of sampling; None where nothing was kept. Raises UserError as above."""
    path = run / packing.SAMPLES / f"{trial}.jsonl"
    text = _text(run, path)
    return None if text is None else _rows(Sample, [_json(path, line) for line in text.splitlines()], path)


def _text(run: Path, path: Path) -> str | None:
    content = packing.read(run, path.parent.name, path.name)
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: cannot be read ({error}); restore the file") from None


def _json(path: Path, text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error}); restore the file") from None


def _rows(kind: type[Row], entries: Iterable[Any], path: Path) -> tuple[Row, ...]:
    """Keys that this release does not know are left aside: a later one may have added them."""
    try:
        return cast(tuple[Row, ...], _ADAPTERS[kind].validate_python(tuple(entries)))
    except ValidationError as error:
        first, *_ = error.errors(include_url=False)
        number, *keys = first["loc"] or ("",)
        where = f"entry {int(number) + 1}" if isinstance(number, int) else "its entries"
        key = ".".join(map(str, keys))
        if first["type"] == "missing" or not key:
            what = f"lacks {key or 'a table'}"
        else:
            what = f"has {key} = {json.dumps(first['input'], default=str)[:40]}: {first['msg']}"
        raise UserError(f"{path}: {where} {what}; restore the file") from None


_ADAPTERS: Mapping[type, TypeAdapter[Any]] = {
    TaskRow: TypeAdapter(tuple[TaskRow, ...]),
    Sample: TypeAdapter(tuple[Sample, ...]),
}
