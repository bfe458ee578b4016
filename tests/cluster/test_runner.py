"""A real matrix of two cells, with Ctrl-C on its way: nothing left running, no record lost, all cells after all."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from experiments.host.engine import Engine
from experiments.host.models import DEMO_SIZE, Model
from experiments.host.paths import RESULTS, ROOT
from experiments.store.records import RECORDS, load

SETTINGS = ("model=r50", f"image_size={DEMO_SIZE}", "repeats=1", "axes.images=[4,8]")
TIMEOUT = 420


@pytest.fixture
def identity() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    shutil.rmtree(RESULTS / name, ignore_errors=True)


def command(identity: str, *words: str) -> list[str]:
    changes = [word for setting in SETTINGS for word in ("--set", setting)]
    return [sys.executable, "-m", "experiments.cli.app", "run", "smoke", "--run-id", identity, *changes, *words]


def left(identity: str) -> list[str]:
    """Containers and networks of the run's clusters."""
    planned = {path.stem for path in (RESULTS / identity / "topologies").glob("*.toml")}
    engine = Engine()
    networks = [name for name in engine.networks() if name.removeprefix("clusterbed-") in planned]
    return [one.name for one in engine.containers() if one.cluster in planned] + networks


# What the run says as it reaches a moment: a cluster comes up, the job starts, its one stage runs.
@pytest.mark.parametrize(("seed", "sign"), [(0, ": cluster boot"), (1, "start ..."), (2, "segment ...")])
def test_ctrl_c_at_a_random_moment(identity: str, model: Model, seed: int, sign: str) -> None:
    assert model.size == DEMO_SIZE
    process = subprocess.Popen(
        command(identity), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stderr is not None
    told = next((line for line in process.stderr if sign in line), None)
    assert told is not None, f"it ended before {sign!r}"
    time.sleep(random.Random(seed).uniform(0, 4))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=90)
    assert process.returncode == 130, said
    assert left(identity) == []
    folder = RESULTS / identity
    before = load(folder / RECORDS)
    assert before.torn == ""

    done = subprocess.run(command(identity, "--resume"), cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("run: ok, 2 cells, 0 skipped, ")
    records = load(folder / RECORDS).records
    assert records[: len(before.records)] == before.records
    last = max(one["block"] for one in records)
    made = [one for one in records if one["block"] == last]
    assert {one["cell"] for one in made} == {"images=4", "images=8"}
    for one in made:
        is_measured_with_all_its_evidence(one, folder)
    blocks = json.loads((folder / "environment.json").read_text())["blocks"]
    assert blocks[-1]["block"] == last
    assert blocks[-1]["images"]["spark"].startswith("sha256:")
    visits = [json.loads(line) for line in (folder / "clusters.jsonl").read_text().splitlines()]
    # The cluster that was interrupted has a line too, of the same block where no trial of it ended.
    assert visits[-1]["block"] == last
    assert visits[-1]["tear_down_seconds"] > 0
    assert sum("tear_down_seconds" in one for one in visits) == len(visits) <= 2
    assert (folder / "summary.json").exists()
    assert left(identity) == []

    again = subprocess.run(command(identity), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert again.returncode == 2
    assert "is there already; go on with --resume" in again.stderr


def is_measured_with_all_its_evidence(one: Mapping[str, Any], folder: Path) -> None:
    assert one["status"] == "measured", one["reasons"]
    trial = one["trial"]
    assert all(one["per_image"][key] > 0 for key in ("stage_3", "wall", "tasks", "worker_seconds"))
    assert one["per_image"]["wall"] > one["per_image"]["stage_3"]
    assert set(one["used"]) == {"master", "worker-1", "worker-2"}
    assert all(used["cpu_s"] > 0 and used["memory_mb"] > 50 for used in one["used"].values())
    assert one["sampler"]["share"] < 0.02
    assert sum(host["images"] for host in one["hosts"].values()) == one["images"]
    assert (folder / "samples" / f"{trial}.jsonl").read_text().count("\n") > 5
    tasks = json.loads((folder / "tasks" / f"{trial}.json").read_text())["tasks"]
    assert sum(task["bytes_read"] or 0 for task in tasks) > 1000
    assert list((folder / "events" / trial).iterdir())
    logs = {path.name for path in (folder / "logs" / trial).iterdir()}
    assert logs >= {"master-driver.log", "master-spark-master.log", "worker-1-spark-worker.log"}
    assert one["boot"]["quotas"]["worker-1"] == pytest.approx(one["core"], abs=1e-3)
