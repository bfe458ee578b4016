"""Made trials whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.analysis.trials import Observation, Trial


def seen(cell: str, values: Sequence[float], block: int = 1, preset: str = "made") -> list[Observation]:
    """One value a round, from round 1."""
    return [
        Observation(preset, cell, block, number, f"{block}-{number:03d}-{cell}", value)
        for number, value in enumerate(values, start=1)
    ]


def trial(cell: str, number: int = 1, block: int = 1, preset: str = "made", **evidence: Any) -> Trial:
    settings: Mapping[str, Any] = evidence.pop("settings", {})
    name = f"{block}-{number:03d}-{cell}"
    return Trial(name, preset, preset, cell, block, number, 0.5, settings, {"trial": name, **evidence})


def record(cell: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    """As the runner writes it."""
    head = {
        "schema": 1,
        "preset": "made",
        "block": 1,
        "comparison": "made",
        "cell": cell,
        "round": number,
        "kind": "trial",
        "status": "measured",
        "cluster": "c",
        "core": 0.25,
        "hash": f"hash of {cell}",
        "settings": {"topology": "standalone"},
        "trial": f"{number:03d}-{cell}",
    }
    return {**head, **changes}
