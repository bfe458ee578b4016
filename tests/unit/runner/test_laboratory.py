"""The seam over clusters, with clusters and jobs that are made up: what it keeps, where, and what it reports."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from runner_fakes import Laboratory, Watcher, plan_of
from test_verdict import result

from cluster_app.contract.job import Job
from cluster_app.contract.result import parse_result
from experiments.cluster.state import State
from experiments.cluster.submit import Submitted
from experiments.errors import HostError, RunFailed
from experiments.host import images, settings
from experiments.host.engine import Container, Limits
from experiments.host.models import Model
from experiments.matrix.plan import Plan
from experiments.runner import inputs, laboratory, seam
from experiments.runner.laboratory import Clusters
from experiments.runner.loop import run
from experiments.runner.samples import Used
from experiments.runner.video import Videos
from experiments.store.records import RECORDS, load
from experiments.types import ClusterSpec

FIXTURE = Path(__file__).parents[2] / "fixtures" / "eventlog" / "app-20261122180000-0001"


class World:
    """Clusters that are up by name; jobs that give each file a row."""

    def __init__(self, tmp_path: Path) -> None:
        self.up: dict[str, ClusterSpec] = {}
        self.jobs: list[tuple[ClusterSpec, Job, float, Mapping[str, str]]] = []
        self.files: tuple[str, ...] = ()
        self.fail: Exception | None = None
        self.lost = False  # whether an executor is lost on the way
        self.removed: list[str] = []
        self.tmp = tmp_path
        self.images = images.fingerprints(images.IMAGES, settings.certificates_fingerprint())

    def start(self, spec: ClusterSpec, say: Any) -> State:  # noqa: ARG002
        self.up[spec.name] = spec
        limits = {node.name: Limits(node.cpus, node.memory_mb, "0") for node in spec.nodes}
        return State(spec.name, spec.source, None, "f", 1.0, 2.0, 3.0, {}, limits, limits)

    def submit(
        self, spec: ClusterSpec, job: Job, evidence: Path, say: Any, *, timeout: float, conf: Mapping[str, str]
    ) -> Submitted:
        self.jobs.append((spec, job, timeout, conf))
        events = evidence / "events"
        events.mkdir(parents=True)
        lines = FIXTURE.read_text().splitlines(keepends=True)
        kept = [line for line in lines if self.lost or "ExecutorLostFailure" not in line]
        (events / FIXTURE.name).write_text("".join(kept))
        (evidence / "driver.log").write_text("a line\n")
        say("progress 1 of 2 images, 0.50 images/s, 2 s left")
        if self.fail:
            raise self.fail
        shares = [{"host": node.name, "images": 1} for node in spec.executor_nodes]
        made = result(executors=shares, counts={**result()["counts"], "images": 2, "ok": 2})
        return Submitted(job, parse_result(made, "r"), 12.0, None, events, evidence / "driver.log")

    def fetch(self, spec: ClusterSpec, job: Job, target: Path) -> None:  # noqa: ARG002
        target.mkdir()
        rows = [{"image": name, "status": "ok", "detections": [{"score": 0.5}]} for name in self.files]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), target / "part-0.parquet")

    def containers(self, cluster: str | None = None) -> list[Container]:
        return [
            Container(
                f"id-{node.name}", node.name, spec.name, node.name, "running", "", {}, Limits(node.cpus, 1024, "0")
            )
            for spec in self.up.values()
            for node in spec.nodes
            if cluster in (None, spec.name)
        ]

    def clusters(self) -> list[str]:
        return sorted(self.up)

    def networks(self) -> list[str]:
        return [f"clusterbed-{name}" for name in self.up]

    def image_labels(self, tag: str) -> dict[str, str]:
        return {"org.clusterbed.fingerprint": self.images[tag.split("/")[1].split(":")[0]]}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    given = inputs.Inputs(tmp_path / "in", "synthetic", ("a.jpg", "b.jpg"), (), "digest")
    given.folder.mkdir()
    made.files = given.files
    model = tmp_path / "yolact-small-192"
    model.mkdir()
    for name in ("fp32.xml", "fp32.bin", "priors.npy"):
        (model / name).write_text(name)
    monkeypatch.setattr(laboratory, "Engine", lambda: made)
    monkeypatch.setattr(laboratory.lifecycle, "up", made.start)
    monkeypatch.setattr(laboratory.lifecycle, "down", lambda name, _: made.up.pop(name))
    monkeypatch.setattr(laboratory.staging, "stage", lambda _, job, __: replace(job, input="file:/srv/in/x"))
    monkeypatch.setattr(laboratory.staging, "fetch_output", made.fetch)
    monkeypatch.setattr(laboratory, "submit", made.submit)
    monkeypatch.setattr(laboratory.nodes, "pids", lambda _: {})
    nothing = Used(0.0, 0, 0, 0.0, 0.0, None, None, 0, 1)
    nodes = [node.name for spec in [plan().cells[0].cluster] if spec for node in spec.nodes]
    monkeypatch.setattr(laboratory.Sampler, "used", lambda _: dict.fromkeys(nodes, nothing))
    monkeypatch.setattr(laboratory.nodes, "role_logs", lambda _, logs: (logs / "master-x.log").write_text("x"))
    monkeypatch.setattr(laboratory.nodes, "remove_output", lambda _, uri: made.removed.append(uri))
    monkeypatch.setattr(laboratory.inputs, "source", lambda _, __: None)
    monkeypatch.setattr(laboratory.inputs, "prepare", lambda *_: given)
    monkeypatch.setattr(laboratory.artefacts, "model", lambda *_: Model(model))
    monkeypatch.setattr(laboratory.environment, "describe", lambda: {"commit": "c"})
    monkeypatch.setattr(laboratory.environment, "Engine", lambda: made)
    monkeypatch.setattr(laboratory.environment, "able", lambda: None)
    monkeypatch.setattr(
        laboratory.steady, "wait", lambda _: laboratory.steady.Steady(True, (), 0, 1, None, 1, (0, 0, 0))
    )
    return made


def plan(**settings: Any) -> Plan:
    settings = {"topology": "standalone", "workers": 2, "engine": "fused", "images": 2, **settings}
    settings = {key: value for key, value in settings.items() if value is not None}
    return plan_of(repeats=1, settings=settings, cells=[{"name": "only=1"}])


def test_an_image_of_another_checkout_is_refused_before_a_cluster_comes_up(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    world.images["spark"] = "of another"
    made = plan()
    with pytest.raises(HostError, match=r"not of this checkout: clusterbed/spark:paper; `make images` makes it"):
        run(made, folder, Clusters(made, folder, print), Watcher())
    assert (world.jobs, world.up) == ([], {})
    assert not load(folder / RECORDS).records


def test_a_measured_trial_leaves_all_its_evidence(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    said = Watcher()
    (record,) = run(plan(), folder, Clusters(plan(), folder, said.say), said)
    assert (record["status"], record["reasons"]) == ("measured", [])
    trial = record["trial"]
    assert trial == "001-only-1"
    assert record["boot"]["quotas"] == {"master": 0.5, "worker-1": 0.75, "worker-2": 0.75}
    assert record["source"] == "synthetic"
    assert record["cores_elsewhere"] >= 0
    assert record["result"]["engine"] == "fused"
    assert record["phases"]["submit"] == 12.0
    kept = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert kept >= {
        "records.jsonl",
        "contents.json",
        "environment.json",
        "clusters.jsonl",
        f"events/{trial}/{FIXTURE.name}",
        f"logs/{trial}/master-driver.log",
        f"logs/{trial}/master-x.log",
        f"samples/{trial}.jsonl",
        f"tasks/{trial}.json",
        f"topologies/{record['cluster']}.toml",
    }
    assert not (folder / ".trial").exists()
    assert world.up == {}
    assert world.removed == [f"file:/srv/out/{trial}"]
    (spec, job, timeout, conf) = world.jobs[0]
    assert spec.source.endswith(f"{record['cluster']}.toml")
    assert (job.output, job.image_size, job.engine) == (f"file:/srv/out/{trial}", 192, "fused")
    assert timeout >= 300
    assert conf == {}
    content = json.loads((folder / "contents.json").read_text())["contents"][record["hash"]]
    assert set(content) >= {
        "settings",
        "core",
        "cluster",
        "model",
        "input",
        "application",
        "node_images",
        "spark",
        "isa",
    }


def test_a_job_that_fails_leaves_its_logs(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    world.fail = RunFailed("the job failed: x")
    (record,) = run(plan(), folder, Clusters(plan(), folder, print), Watcher())
    assert (record["status"], record["reasons"]) == ("failed", ["the job failed: x"])
    assert (folder / "logs" / record["trial"] / "master-driver.log").read_text() == "a line\n"
    assert (folder / "events" / record["trial"]).is_dir()
    assert world.up == {}


def test_a_lost_executor_makes_a_trial_invalid(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    world.lost = True
    (record,) = run(plan(), folder, Clusters(plan(), folder, print), Watcher())
    assert record["status"] == "invalid"
    assert "lost with their executor" in record["reasons"][0]


def test_a_missing_row_makes_a_trial_invalid(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    world.files = ("a.jpg",)
    (record,) = run(plan(), folder, Clusters(plan(), folder, print), Watcher())
    assert record["status"] == "invalid"
    assert record["reasons"] == ["1 rows missing, the first of 'b.jpg'"]


def test_an_engine_setting_is_applied_with_its_spark_settings(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    made = plan(engine_setting="bigdl-tuned", engine=None)
    run(made, folder, Clusters(made, folder, print), Watcher())
    _, job, _, conf = world.jobs[0]
    assert job.engine == "bigdl"
    assert job.read_partitions == 2
    assert conf == dict(laboratory.setting("bigdl-tuned").spark)


def test_evidence_that_could_not_be_kept_is_in_the_record(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def role_logs(*_: object) -> None:
        raise OSError("no space left")

    folder = tmp_path / "run"
    folder.mkdir()
    (good,) = run(plan(), folder, Clusters(plan(), folder, print), Watcher())
    assert good["evidence_lost"] is None
    monkeypatch.setattr(laboratory.nodes, "role_logs", role_logs)
    other = tmp_path / "other"
    other.mkdir()
    (lost,) = run(plan(), other, Clusters(plan(), other, print), Watcher())
    assert lost["evidence_lost"] == "OSError: no space left"
    assert world.jobs


@pytest.mark.usefixtures("world")
def test_logs_of_a_cluster_that_did_not_come_up_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(spec: ClusterSpec, _: Any) -> State:
        kept = tmp_path / "logs" / f"failed-{spec.name}" / "master"
        kept.mkdir(parents=True)
        (kept / "current").write_text("why")
        raise RunFailed("did not come up")

    monkeypatch.setattr(laboratory.lifecycle, "up", start)
    monkeypatch.setattr(laboratory.paths, "LOGS", tmp_path / "logs")
    folder = tmp_path / "run"
    folder.mkdir()
    (record,) = run(plan(), folder, Clusters(plan(), folder, print), Watcher())
    assert record["status"] == "failed"
    (log,) = (folder / "logs").glob("boot-*/master/current")
    assert log.read_text() == "why"


def test_what_an_earlier_command_left_is_cleared(world: World, tmp_path: Path) -> None:
    made = plan()
    (one,) = made.cells
    assert one.cluster is not None
    world.up = {one.cluster.name: one.cluster, "somebody-elses": one.cluster}
    Clusters(made, tmp_path, print).clear()
    assert set(world.up) == {"somebody-elses"}


def test_clusters_that_are_up_beside_a_run_stand_in_its_block(world: World, tmp_path: Path) -> None:
    made, said = plan(), list[str]()
    (one,) = made.cells
    assert one.cluster is not None
    world.up = {one.cluster.name: one.cluster, "somebody-elses": one.cluster}
    assert Clusters(made, tmp_path, said.append).environment()["also_up"] == ["somebody-elses"]
    assert said[0].startswith("up beside this run: somebody-elses")


@pytest.mark.parametrize("kind", [Clusters, Videos, Laboratory])
def test_the_fake_and_the_real_seams_have_the_same_calls(kind: type) -> None:
    calls = [name for name, one in vars(seam.Laboratory).items() if callable(one) and not name.startswith("_")]
    assert len(calls) == 8
    for name in calls:
        wanted = [one.name for one in inspect.signature(getattr(seam.Laboratory, name)).parameters.values()]
        found = inspect.signature(getattr(kind, name)).parameters.values()
        assert [one.name for one in found] == wanted, name
