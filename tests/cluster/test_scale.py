"""`clusterbed scale` on clusters that are up: workers come and go, the others stay as they are."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_clusters import leftovers

from experiments.cluster import lifecycle, state
from experiments.host.engine import Engine
from experiments.host.paths import ROOT
from experiments.topology import TOPOLOGIES

Clusterbed = Callable[..., subprocess.CompletedProcess[str]]
CLUSTER = "test-scaled"


@pytest.fixture
def clusterbed() -> Clusterbed:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = str(ROOT / ".venv" / "bin" / "clusterbed")
        return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300, check=False)

    return run


@pytest.fixture
def topology(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    path = tmp_path / f"{CLUSTER}.toml"
    shutil.copyfile(TOPOLOGIES / f"{request.param}.toml", path)
    yield str(path)
    lifecycle.down(CLUSTER, print)
    assert not leftovers(CLUSTER)


def identities() -> dict[str, str]:
    return {one.node: one.id for one in Engine().containers(CLUSTER)}


def executors_seen() -> set[str]:
    ready = state.load(CLUSTER)
    assert ready is not None
    return {place.split()[0] for place in ready.canary}


@pytest.mark.parametrize("topology", ["standalone"], indirect=True)
def test_standalone_shrinks_and_grows(topology: str, clusterbed: Clusterbed) -> None:
    assert clusterbed("up", topology).returncode == 0
    before = identities()

    fewer = clusterbed("scale", CLUSTER, "2")
    assert fewer.returncode == 0, fewer.stderr
    assert identities() == {name: one for name, one in before.items() if name != "worker-3"}
    assert executors_seen() == {"worker-1", "worker-2"}

    more = clusterbed("scale", CLUSTER, "3")
    assert more.returncode == 0, more.stderr
    assert {name: one for name, one in identities().items() if name != "worker-3"}.items() <= before.items()
    assert executors_seen() == {"worker-1", "worker-2", "worker-3"}
    ready = state.load(CLUSTER)
    assert ready is not None
    assert all(limit.cpus == pytest.approx(0.5, abs=0.01) for limit in ready.measured.values())

    too_many = clusterbed("scale", CLUSTER, "9")
    assert too_many.returncode == 2
    assert "cpus" in too_many.stderr
    assert set(identities()) == set(before)


@pytest.mark.parametrize("topology", ["yarn"], indirect=True)
def test_yarn_grows_only(topology: str, clusterbed: Clusterbed) -> None:
    assert clusterbed("up", topology, "--workers", "1").returncode == 0
    before = identities()
    assert set(before) == {"master", "slave"} or set(before) == {"master", "slave-1"}

    more = clusterbed("scale", CLUSTER, "2")
    assert more.returncode == 0, more.stderr
    assert before.items() <= identities().items()
    assert executors_seen() == set(identities()) == {"master", "slave-1", "slave-2"}

    fewer = clusterbed("scale", CLUSTER, "1")
    assert fewer.returncode == 2
    assert "only grows" in fewer.stderr
    assert set(identities()) == {"master", "slave-1", "slave-2"}
