"""Reads TOML into strict pydantic models and says in the project's style what is wrong with it.

A model's field carries what its key may hold: `description` in words and `examples`, which the messages quote.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from experiments.errors import UserError
from experiments.isa import ISAS
from experiments.units import memory_mb

Model = TypeVar("Model", bound="Shape")


def _memory(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("no text")
    return memory_mb(value)


def _isa(value: str) -> str:
    if value not in ISAS:
        raise ValueError("unknown")
    return value


# Kinds of values that several files share. Memory is given as text and held in MB.
Schema = Annotated[Literal[1], Field(description="1", examples=[1])]
Text = Annotated[str, Field(min_length=1, description="a text")]
Cpus = Annotated[float, Field(ge=0.01, allow_inf_nan=False, description="a number of 0.01 or more", examples=[0.5])]
Number = Annotated[float, Field(gt=0, allow_inf_nan=False, description="a number over 0", examples=[0.5])]
Count = Annotated[int, Field(gt=0, description="a whole number of 1 or more", examples=[1])]
Memory = Annotated[
    int, BeforeValidator(_memory), Field(description="a whole number with m (MB) or g (GB) behind it", examples=["4g"])
]
Isa = Annotated[str, AfterValidator(_isa), Field(description=f"one of {', '.join(ISAS)}", examples=["AVX2"])]


class Shape(BaseModel):
    """A table of a TOML file: unknown keys and loose types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def read_toml(path: Path) -> dict[str, Any]:
    """The file's content. Raises UserError where it cannot be read or is no TOML."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give a readable TOML file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except ValueError as error:  # a null byte in its name
        raise UserError(f"{shown(str(path))}: cannot be read ({error}); give a readable TOML file") from error
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of too many digits, tables in each other too deep
        raise UserError(f"{path}: is not TOML: {error}; correct that place") from error


def parse(model: type[Model], content: Mapping[str, Any], where: str) -> Model:
    """content as a model. Raises UserError with one message a problem; `where` is the file they name."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(*_messages(model, content, where, error)) from error


def unknown(value: object, allowed: Iterable[str]) -> str:
    """The end of a message about a name that is not among those allowed."""
    names = sorted(allowed)
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.7)
    return (f"did you mean {near[0]!r}? " if near else "") + f"allowed: {', '.join(names)}"


def _messages(model: type[Shape], content: Any, where: str, error: ValidationError) -> list[str]:
    problems = error.errors(include_url=False)
    return [f"{where}: {_problem(model, content, problem)}" for problem in problems]


def _problem(model: type[Shape], content: Any, problem: Mapping[str, Any]) -> str:
    location = problem["loc"]
    path = key_path(content, location)
    given = f"{path} = {shown(problem['input'])}"
    table, key, field = _place(model, location)
    if problem["type"] == "extra_forbidden":
        return f"{given}: unknown key; {unknown(str(location[-1]), _fields(table))}"
    if field is None:
        return f"{given}: must be a table"
    words = _words(field)
    example = f"; for example {key} = {shown(words.examples[0])}" if words.examples else ""
    if problem["type"] == "missing":
        return f"{path} is missing: give {words.description}{example}"
    return f"{given}: must be {words.description}{example}"


def key_path(content: Any, location: Iterable[str | int]) -> str:
    """A key as messages name it: nodes.worker.cpus, with an entry's name where it has one, else its index."""
    parts: list[str] = []
    for step in location:
        content = content[step] if _holds(content, step) else None
        if isinstance(step, int):
            name = content.get("name") if isinstance(content, dict) else None
            parts[-1:] = [f"{parts[-1]}.{name}" if isinstance(name, str) and name else f"{parts[-1]}[{step}]"]
        else:
            parts.append(step)
    return ".".join(parts)


def _holds(content: Any, step: str | int) -> bool:
    if isinstance(content, dict):
        return step in content
    return isinstance(content, list) and isinstance(step, int) and step < len(content)


def _place(model: type[Shape], location: Iterable[str | int]) -> tuple[type[Shape], str, FieldInfo | None]:
    """The table that a location lies in, and its nearest key: names of a mapping and indices are none."""
    key, field = "", None
    inner: type[Shape] | None = None
    for step in location:
        table = inner or model
        if isinstance(step, str) and step in _fields(table):
            model, key, field = table, step, _fields(table)[step]
            inner = _model_in(field)
    return (inner or model), key, field


def _fields(table: type[Shape]) -> dict[str, FieldInfo]:
    """A table's fields by the keys that its file uses."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def _words(field: FieldInfo) -> FieldInfo:
    """What describes a field: itself, or the kind in it where that is optional."""
    kinds = [part for kind in get_args(field.annotation) for part in getattr(kind, "__metadata__", ())]
    inner = [part for part in kinds if isinstance(part, FieldInfo)]
    return inner[0] if field.description is None and inner else field


def _model_in(field: FieldInfo) -> type[Shape] | None:
    waiting: list[Any] = [field.annotation]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, Shape):
            return kind
        waiting.extend(get_args(kind))
    return None


def shown(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {shown(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
