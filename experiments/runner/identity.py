"""What a cell's figures depend on, as a content and its hash; and what changed between two. Pure.

The CPU scale and instruction sets are in it, with the cluster; the host is not: it makes a block of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from experiments.matrix.plan import PlannedCell

Content = Mapping[str, Any]


def of_plan(planned: PlannedCell) -> dict[str, Any]:
    """What the plan itself says of a cell: settings, scale, cluster."""
    spec = planned.cluster
    cluster = (
        {
            "manager": spec.manager,
            "stack": spec.stack,
            "machines": [asdict(machine) for machine in spec.machines],
            "nodes": [{**asdict(node), "ports": None} for node in spec.nodes],
        }
        if spec
        else None
    )
    return {"settings": dict(planned.cell.settings), "core": planned.share, "cluster": cluster}


def digest(content: Content) -> str:
    """Of the content, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=dict).encode()).hexdigest()[:16]


def changes(before: Content, now: Content) -> list[str]:
    """What differs, one line a key, a nested one by its path: "cluster.nodes[1].cpus: 0.5, was 0.25"."""
    old, new = dict(_flat(before, "")), dict(_flat(now, ""))
    return [
        f"{key}: {_shown(new.get(key))}, was {_shown(old.get(key))}"
        for key in dict.fromkeys((*old, *new))
        if old.get(key) != new.get(key)
    ]


def _flat(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [pair for key, item in value.items() for pair in _flat(item, f"{path}.{key}" if path else str(key))]
    if isinstance(value, list | tuple):
        return [pair for index, item in enumerate(value) for pair in _flat(item, f"{path}[{index}]")]
    return [(path, value)]


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
