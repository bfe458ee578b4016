"""Trials of a small experiment on disk: a JSON line each before the next begins, and a table written aside first."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.errors import UserError


def read(path: Path, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The trials that are there, without the settings that all of them share.

    Raises UserError if they were made with others, or a line is no trial.
    """
    found = []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], start=1):
        try:
            content = json.loads(line)
            made = {key: content.pop(key) for key in settings}
        except (ValueError, KeyError) as error:
            raise UserError(f"{path}, line {number}: is no trial ({error}); remove it, or give another --out") from None
        if made != settings:
            raise UserError(f"{path}: holds trials of {made}, asked for is {dict(settings)}; give another --out")
        found.append(content)
    return found


def append(path: Path, settings: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps({**settings, **content}) + "\n")


def write_table(path: Path, content: Mapping[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps({"schema": 1, **content}, indent=2) + "\n")
    os.replace(partial, path)
