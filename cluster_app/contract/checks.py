"""Reads JSON into frozen dataclasses and says all that is wrong with it, one line a problem.

A dataclass says with `key` what each of its fields may hold; a `Kind` says it in words and checks it.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Read = Callable[[Any, str, list[str]], Any]
Record = TypeVar("Record")


class ContractError(ValueError):
    """A job file or a job result is wrong. `problems` holds one message for each thing to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Kind(NamedTuple):
    """What a key may hold: in words, an example, and how a value becomes a field's.

    read takes (value, the key's path, the list of problems); it adds to the list what is wrong.
    """

    allowed: str
    example: Any
    read: Read


def key(kind: Kind, default: Any = dataclasses.MISSING) -> Any:
    """A dataclass field of that kind; without a default the key is required."""
    return dataclasses.field(default=default, metadata={"kind": kind})


def simple(allowed: str, example: Any, accepts: Callable[[Any], bool]) -> Kind:
    """A kind of values that are taken as they are."""

    def read(value: Any, path: str, problems: list[str]) -> Any:
        if not accepts(value):
            problems.append(wrong(path, value, allowed, example))
        return value

    return Kind(allowed, example, read)


def wrong(path: str, value: Any, allowed: str, example: Any) -> str:
    return f"{path} = {shown(value)}: must be {_wanted(allowed, example)}"


def _wanted(allowed: str, example: Any) -> str:
    return allowed if allowed == shown(example) else f"{allowed}; for example {shown(example)}"


def whole(low: int, example: int = 1) -> Kind:
    return simple(f"a whole number of {low} or more", example, lambda value: _is_whole(value) and value >= low)


def number(low: float, high: float = math.inf) -> Kind:
    words = f"a number from {low:g} to {high:g}" if high < math.inf else f"a number of {low:g} or more"
    return simple(words, 0.5, lambda value: _is_number(value) and low <= value <= high)


def one_of(*choices: Any) -> Kind:
    """One of the values given, of the same type: true is not 1."""
    words = ("one of " if len(choices) > 1 else "") + ", ".join(shown(choice) for choice in choices)
    return simple(
        words, choices[0], lambda value: any(type(value) is type(choice) and value == choice for choice in choices)
    )


TEXT = simple("a text", "text", lambda value: isinstance(value, str) and value != "")
FLAG = simple("true or false", False, lambda value: isinstance(value, bool))


def optional(kind: Kind) -> Kind:
    def read(value: Any, path: str, problems: list[str]) -> Any:
        return None if value is None else kind.read(value, path, problems)

    return Kind(f"{kind.allowed}, or null", kind.example, read)


def many(kind: Kind) -> Kind:
    """A list of that kind, held as a tuple."""
    allowed, example = f"a list, each item {kind.allowed}", [kind.example]

    def read(value: Any, path: str, problems: list[str]) -> Any:
        if not isinstance(value, list):
            problems.append(wrong(path, value, allowed, example))
            return ()
        return tuple(kind.read(item, f"{path}[{index}]", problems) for index, item in enumerate(value))

    return Kind(allowed, example, read)


def texts_by_name() -> Kind:
    """An object whose values are texts."""
    allowed, example = "an object with texts", {"name": "text"}

    def read(value: Any, path: str, problems: list[str]) -> Any:
        if not isinstance(value, dict):
            problems.append(wrong(path, value, allowed, example))
            return {}
        return {name: TEXT.read(item, f"{path}.{name}", problems) for name, item in value.items()}

    return Kind(allowed, example, read)


def record(kind: type[Any]) -> Kind:
    """An object that becomes a dataclass made with `key`."""
    names = [field.name for field in dataclasses.fields(kind)]
    allowed = f"an object with {', '.join(names)}"
    example = {field.name: field.metadata["kind"].example for field in dataclasses.fields(kind)}

    def read(value: Any, path: str, problems: list[str]) -> Any:
        if not isinstance(value, dict):
            problems.append(wrong(path, value, allowed, example))
            return None
        return read_object(kind, value, f"{path}.", problems)

    return Kind(allowed, example, read)


def read_object(kind: type[Record], value: dict[str, Any], prefix: str, problems: list[str]) -> Record | None:
    """An object's values as that dataclass; None if a problem was found, which then is in the list."""
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    before = len(problems)
    for name in value:
        if name not in fields:
            problems.append(_unknown(f"{prefix}{name}", value[name], name, list(fields)))
    values = {}
    for name, field in fields.items():
        what: Kind = field.metadata["kind"]
        if name in value:
            values[name] = what.read(value[name], f"{prefix}{name}", problems)
        elif field.default is dataclasses.MISSING:
            problems.append(f"{prefix}{name} is missing: give {_wanted(what.allowed, what.example)}")
    return kind(**values) if len(problems) == before else None


def read_document(kind: type[Record], source: str | dict[str, Any], where: str, schema: int) -> Record:
    """JSON text, or the object it holds, as that dataclass. `where` is the file that messages name.

    Raises ContractError with all problems, each with `where` in front.
    """
    content = _load(source, where) if isinstance(source, str) else source
    if not isinstance(content, dict):
        raise ContractError([f"{where}: holds {shown(content)}: must be one JSON object"])
    problems: list[str] = []
    if "schema" not in content:
        problems.append(f"schema is missing: give {schema}")
    else:
        one_of(schema).read(content["schema"], "schema", problems)
    result = read_object(kind, {name: content[name] for name in content if name != "schema"}, "", problems)
    if problems or result is None:
        raise ContractError([f"{where}: {problem}" for problem in problems])
    return result


def to_json(value: Any, schema: int) -> str:
    """A dataclass as the JSON document that `read_document` reads."""
    return json.dumps({"schema": schema, **dataclasses.asdict(value)}, indent=2, ensure_ascii=False, allow_nan=False)


def shown(value: Any) -> str:
    """A value as JSON writes it, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _load(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ContractError(
            [f"{where}: is not JSON: {error.msg} at line {error.lineno}, column {error.colno}; correct that place"]
        ) from error
    except _Refused as error:
        raise ContractError([f"{where}: {error}"]) from error


class _Refused(Exception):
    """What JSON's reader would let pass."""


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise _Refused(f"{name} = {shown(value)}: the key is given twice; give it once")
        result[name] = value
    return result


def _refuse_constant(name: str) -> Any:
    raise _Refused(f"{name}: is no number that JSON allows; write a finite number")


def _unknown(path: str, value: Any, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    return f"{path} = {shown(value)}: unknown key; {hint}allowed: {', '.join(known)}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))
