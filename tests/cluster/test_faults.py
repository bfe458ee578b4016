"""What goes wrong is said in one message, with the right status, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_clusters import leftovers, shipped

from experiments.cluster import lifecycle, staging, state
from experiments.host.engine import Engine
from experiments.host.models import Model
from experiments.host.paths import ROOT
from experiments.topology import TOPOLOGIES

CLUSTERBED = str(ROOT / ".venv" / "bin" / "clusterbed")


def clusterbed(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CLUSTERBED, *arguments], capture_output=True, text=True, timeout=300, env=os.environ | environment, check=False
    )


@pytest.fixture
def topology(tmp_path: Path) -> Iterator[Path]:
    """A local topology of the user's, in a file of its own."""
    path = tmp_path / "test-mine.toml"
    path.write_text((TOPOLOGIES / "local.toml").read_text())
    yield path
    lifecycle.down("test-mine", print)


@pytest.fixture
def running(topology: Path) -> str:
    """The name of a cluster that is up."""
    assert clusterbed("up", str(topology)).returncode == 0
    return topology.stem


def no_traceback(done: subprocess.CompletedProcess[str]) -> bool:
    return "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.0, 1.5, 4.0])
def test_interrupted_up_leaves_nothing(topology: Path, number: int, seconds: float) -> None:
    process = subprocess.Popen(
        [CLUSTERBED, "up", str(topology)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    assert any("starting" in line for line in process.stdout)
    time.sleep(seconds)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert not leftovers("test-mine")
    assert not state.folder("test-mine").exists()


def test_port_in_use(topology: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        topology.write_text(topology.read_text() + f"ports = {{ driver = {port} }}\n")
        done = clusterbed("up", str(topology))
    assert done.returncode == 3
    assert "port is in use" in done.stderr
    assert str(port) in done.stderr
    assert no_traceback(done)
    assert not leftovers("test-mine")


def test_dead_engine(topology: Path) -> None:
    done = clusterbed("up", str(topology), DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert done.returncode == 3
    assert "does not answer" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_missing_image(topology: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.errors import HostError
    from experiments.topology import load_topology

    monkeypatch.setattr(Engine, "image_labels", lambda *_: None)
    with pytest.raises(HostError, match=r"missing image: clusterbed/spark:paper; `make images`"):
        lifecycle.up(load_topology(str(topology)), print)
    assert not leftovers("test-mine")


def test_cluster_that_does_not_fit(topology: Path) -> None:
    topology.write_text(topology.read_text().replace("cpus = 2", "cpus = 64"))
    done = clusterbed("up", str(topology))
    assert done.returncode == 2
    assert "cpus" in done.stderr
    assert not leftovers("test-mine")


def test_a_crash_is_cleared_by_down(topology: Path) -> None:
    process = subprocess.Popen([CLUSTERBED, "up", str(topology)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not Engine().containers("test-mine") and time.monotonic() < deadline:  # a network alone is not half a cluster
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert Engine().containers("test-mine")
    half = clusterbed("up", str(topology))
    assert half.returncode == 1
    assert "clusterbed down test-mine" in half.stderr
    assert clusterbed("down", "test-mine").returncode == 0
    assert not leftovers("test-mine")


def test_down_of_what_is_not_up() -> None:
    done = clusterbed("down", "test-nothing")
    assert done.returncode == 0
    assert "not up" in done.stderr


def test_jobs_that_cannot_run(running: str, tmp_path: Path, photographs: Path, model: Model) -> None:
    job = {
        "schema": 1,
        "input": "file:/srv/in/nothing",
        "output": "file:/srv/out/x",
        "model": "file:/srv/in/model.xml",
        "priors": "file:/srv/in/priors.npy",
        "engine": "bigdl",
        "precision": "f32",
        "image_size": 192,
    }
    file = tmp_path / "job.json"

    file.write_text(json.dumps(job | {"output": "wasb://container@account/x"}))
    refused = clusterbed("submit", running, str(file))
    assert refused.returncode == 2
    assert "output" in refused.stderr
    assert "not built yet" in refused.stderr

    file.write_text(json.dumps(job | {"input": "file:/home/me/photographs"}))
    unreadable = clusterbed("submit", running, str(file))
    assert unreadable.returncode == 2
    assert "--stage" in unreadable.stderr

    file.write_text(json.dumps(job))
    absent = clusterbed("submit", running, str(file))
    assert absent.returncode == 2
    assert "file:/srv/in/nothing" in absent.stderr
    assert no_traceback(absent)

    staged = json.dumps(
        job
        | {
            "input": photographs.as_uri(),
            "model": (model.folder / "fp16.xml").as_uri(),
            "priors": (model.folder / "priors.npy").as_uri(),
        }
    )
    file.write_text(staged)
    process = subprocess.Popen(
        [CLUSTERBED, "submit", "--stage", running, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "preprocess" in line:
            break
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    out = state.share(running) / "out"
    assert list(out.iterdir()) == []
    names = Engine().exec(f"clusterbed-test-mine-{shipped('local').driver.name}", ["ps", "-eo", "comm"]).stdout.split()
    assert "java" not in names


def test_staging_does_not_copy_twice(running: str, photographs: Path) -> None:
    spec = lifecycle.spec_of(running)
    engine = Engine()
    first = staging._upload(engine, spec, {"input": [photographs]})
    assert staging._upload(engine, spec, {"input": [photographs]}) == first
    assert len(list((state.share(running) / "in").iterdir())) == 1
