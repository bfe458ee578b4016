"""Reads what a demo stored: summary.json, and records.jsonl with one cluster a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from experiments.errors import UserError
from experiments.report.records import Part, Record, Summary

SUMMARY, RECORDS = "summary.json", "records.jsonl"

Model = TypeVar("Model", bound=Part)


@dataclass(frozen=True)
class Demo:
    """All that a report is made from. folder is where the overlays' paths start."""

    folder: Path
    summary: Summary
    records: tuple[Record, ...]


def read_demo(folder: Path) -> Demo:
    """Raises UserError, one message a problem, if a file is missing, malformed, or says nothing."""
    summary = _checked(Summary, _json(_text(folder / SUMMARY), str(folder / SUMMARY)), str(folder / SUMMARY))
    path = folder / RECORDS
    lines = [(number, line) for number, line in enumerate(_text(path).splitlines(), start=1) if line.strip()]
    if not lines:
        raise UserError(f"{path}: holds no record; run the demo, which writes one a cluster")
    places = [(f"{path}, line {number}", line) for number, line in lines]
    records = [_checked(Record, _json(line, where), where) for where, line in places]
    _check_together(path, summary, records)
    return Demo(folder, summary, tuple(records))


def _check_together(path: Path, summary: Summary, records: list[Record]) -> None:
    problems = [
        f"{path}: {record.cluster}: {len(record.rows)} input files, and {SUMMARY} counts {summary.images}"
        for record in records
        if len(record.rows) != summary.images
    ]
    names = [record.cluster for record in records]
    repeated = sorted(name for name in {*names} if names.count(name) > 1)
    unknown = [name for name in names if name not in summary.clusters]
    problems += [f"{path}: {name} has {names.count(name)} records; one is allowed" for name in repeated]
    problems += [f"{path}: {name} is not among the clusters of {SUMMARY}" for name in unknown]
    if problems:
        raise UserError(*problems)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give the folder that a demo wrote") from error


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{where}: is not JSON ({error}); it was changed or cut off: run the demo again") from error


def _checked(model: type[Model], content: Any, where: str) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(*(f"{where}: {_problem(one)}" for one in error.errors(include_url=False))) from error


def _problem(problem: Mapping[str, Any]) -> str:
    place = ".".join(str(step) for step in problem["loc"])
    text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {text}" if place else text
