"""Figures, provenance and groups that the tests of experiments.bench share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from experiments.bench.gate import Load
from experiments.bench.types import Bench, Figure, Measured, Provenance, Record, Step

HOST = {"cpu_model": "fake", "cores": 2, "flags": ["avx2"]}
NOW = Provenance(commit="c0ffee" + "0" * 34, code="code-1", boot="boot-1", host=HOST)
QUIET = Load(True, 0.01, 3.0, (0.1, 0.2, 0.3))
NOISY = Load(False, 0.6, 600.0, (2.1, 2.2, 2.3))


def figure(name: str = "model_mask_ap", value: float = 0.6, **changes: object) -> Figure:
    made = Figure(
        name=name,
        value=value,
        low=None,
        high=None,
        n=5,
        unit="AP",
        note="",
        group="model",
        commit=NOW.commit,
        host=NOW.host,
        date="2026-11-22T21:00:00+00:00",
        records="results/bench/raw/model-x/step.jsonl",
        code=NOW.code,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def gate(load: Load = QUIET) -> Callable[[Callable[[str], None]], Load]:
    return lambda _: load


def counting(name: str, calls: list[str], seconds: Sequence[float] = (1.0, 2.0, 3.0), absolute: bool = False) -> Step:
    """A step that notes when it is measured; its figure has its name, and the largest of the seconds as value."""

    def measure(_: Bench) -> Sequence[Record]:
        calls.append(name)
        return [{"seconds": one} for one in seconds]

    def figures(records: Sequence[Record]) -> Sequence[Measured]:
        return [Measured(name, max(one["seconds"] for one in records), "s", len(records), absolute=absolute)]

    return Step(name, 10, measure, figures)


def bench(tmp_path: Path, said: list[str] | None = None) -> Bench:
    return Bench(tmp_path, (said if said is not None else []).append)
