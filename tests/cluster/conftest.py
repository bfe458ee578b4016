"""Clusters for tests have names of their own (test-...), so that a person's cluster beside them is left alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.host import models
from experiments.host.engine import Engine
from experiments.photographs import collect
from experiments.profiles import load_profiles
from experiments.shapes import read_toml
from experiments.topology import TOPOLOGIES, parse_topology, scale
from experiments.types import ClusterSpec

# One of each kind: colour, grey, palette, alpha, a folder, a space in the name, and the three malformed ones.
CHOSEN = (
    "rocket-tower.jpg",
    "camera-tall.jpg",
    "china-palette.png",
    "coffee-cut-out.png",
    "cats/chelsea-eyes.png",
    "coffee cup.png",
    "coins-small.jpg",
    "truncated.jpg",
    "header-only.jpg",
    "text.jpg",
)
STATUSES = {"truncated.jpg": "corrupt", "header-only.jpg": "corrupt", "text.jpg": "unsupported"}


def shipped(topology: str, workers: int | None = None) -> ClusterSpec:
    """A shipped topology under a test's name."""
    path = TOPOLOGIES / f"{topology}.toml"
    spec = parse_topology(read_toml(path), name=f"test-{topology}", where=str(path), profiles=load_profiles())
    return spec if workers is None else scale(spec, workers)


def leftovers(cluster: str) -> list[str]:
    """Containers and networks of a cluster that are still there."""
    engine = Engine()
    containers = [one.name for one in engine.containers(cluster)]
    return containers + [name for name in engine.networks() if name == f"clusterbed-{cluster}"]


@pytest.fixture(scope="session")
def model() -> models.Model:
    return models.build(None, [models.DEMO_SIZE], print)[models.DEMO_SIZE]


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    every, few = tmp_path_factory.mktemp("all") / "photographs", tmp_path_factory.mktemp("few") / "photographs"
    collect(every)
    for name in CHOSEN:
        (few / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(every / name, few / name)
    return few


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_left_behind() -> Iterator[None]:
    yield
    left = [one.name for one in Engine().containers() if one.cluster.startswith(("test-", "once"))]
    assert not left, f"containers outlived the tests: {left}"
