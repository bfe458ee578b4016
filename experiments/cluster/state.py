"""What is known of a cluster that is up: a folder of its own below .clusterbed/clusters, one JSON file in it.

The containers are the truth about what runs; this file says how it came about and what was measured on the way.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from experiments.errors import RunFailed
from experiments.host.engine import Limits
from experiments.host.paths import CLUSTERS


@dataclass(frozen=True)
class State:
    """topology: the file it came from; workers: what it was scaled to.

    boot and measured: the limits of each node as the engine reported them before and after the quotas came on."""

    cluster: str
    topology: str
    workers: int | None
    fingerprint: str
    registered_seconds: float
    canary_seconds: float
    ready_seconds: float
    addresses: Mapping[str, str]
    boot: Mapping[str, Limits]
    measured: Mapping[str, Limits]
    calibration: list[dict[str, Any]] = field(default_factory=list)
    canary: list[str] = field(default_factory=list)


def folder(cluster: str) -> Path:
    return CLUSTERS / cluster


def share(cluster: str) -> Path:
    """The folder that the nodes of a cluster that is not YARN's see as /srv/in and /srv/out."""
    return folder(cluster) / "share"


def prepare(cluster: str) -> None:
    """Makes the cluster's folders afresh. `out` is written to by the containers' user."""
    shutil.rmtree(folder(cluster), ignore_errors=True)
    (share(cluster) / "in").mkdir(parents=True)
    out = share(cluster) / "out"
    out.mkdir()
    if os.getuid() == 0:
        os.chown(out, 10001, 10001)


@contextmanager
def locked(cluster: str) -> Iterator[None]:
    """Holds a cluster for one command. Raises RunFailed if another command has it."""
    CLUSTERS.mkdir(parents=True, exist_ok=True)
    with (CLUSTERS / f".{cluster}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFailed(f"{cluster}: another command is at work on it; wait for its end") from None
        yield


def save(state: State) -> None:
    path = folder(state.cluster) / "state.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"schema": 1, **asdict(state)}, indent=2) + "\n")
    partial.rename(path)


def load(cluster: str) -> State | None:
    """None where the cluster has no complete state: it never became ready, or its folder was deleted."""
    path = folder(cluster) / "state.json"
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text())
        if data.pop("schema") != 1:
            return None
        for key in ("boot", "measured"):
            data[key] = {node: Limits(**limits) for node, limits in data[key].items()}
        return State(**data)
    except (ValueError, KeyError, TypeError):
        # Of another version, or damaged: the cluster counts as one that never became ready.
        return None


def forget(cluster: str) -> None:
    shutil.rmtree(folder(cluster), ignore_errors=True)
