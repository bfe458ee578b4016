"""Run folders as the runner leaves them, with made figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HOST = {"cpu_model": "one", "cpu_flags": ["avx2", "avx512f"], "cores": 2, "cgroup": "v1", "memory_mb": 24_000}
CONTENT = {"settings": {"images": 48}, "core": 0.25, "application": "code-1", "model": {"digest": "m"}}


def stored(
    folder: Path,
    cells: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    host: Mapping[str, Any] | None = None,
    content: Mapping[str, Any] | None = None,
    preset: str = "made",
    status: str = "measured",
) -> Path:
    """A run of one block. cells: by name the tables of each round's record, such as {"per_image": {"wall": 1.0}}."""
    folder.mkdir(parents=True)
    known = {cell: {**CONTENT, "cell": cell, **(content or {})} for cell in cells}
    blocks = [{"block": 1, "host": {**HOST, **(host or {})}}]
    records = [
        {
            "schema": 1,
            "preset": preset,
            "block": 1,
            "comparison": preset,
            "cell": cell,
            "round": number,
            "kind": "trial",
            "status": status,
            "core": 0.25,
            "hash": f"hash of {cell}",
            "settings": {"images": 48},
            "trial": f"{number:03d}-{cell}",
            **tables,
        }
        for cell, rounds in cells.items()
        for number, tables in enumerate(rounds, start=1)
    ]
    write(folder / "records.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    write(folder / "environment.json", json.dumps({"schema": 1, "blocks": blocks}))
    contents = {f"hash of {cell}": content_ for cell, content_ in known.items()}
    write(folder / "contents.json", json.dumps({"schema": 1, "contents": contents}))
    write(folder / "preset.toml", f'# preset: {preset}\nschema = 1\ntitle = "made"\n')
    write(folder / "plan.json", json.dumps({"schema": 1, "preset": preset, "cells": []}))
    return folder


def rounds(predict: float, compile_: float = 2.0, noise: Sequence[float] = (1, 1.01, 0.99, 1.02, 0.98)) -> list[Any]:
    return [
        {"per_image": {"wall": predict / 40 * one}, "phases": {"predict": predict * one, "compile": compile_ * one}}
        for one in noise
    ]


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
