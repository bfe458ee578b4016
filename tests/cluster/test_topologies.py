"""Each kind of cluster, for real: up, limits in force, the paper's job on it, rows, down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet
import pytest
from real_clusters import CHOSEN, STATUSES, leftovers, shipped

from cluster_app.contract.job import Job
from experiments.cluster import lifecycle, staging, state
from experiments.cluster.submit import Submitted, submit
from experiments.eventlog import event_logs, read_event_log
from experiments.host.engine import Engine
from experiments.host.models import Model
from experiments.isa import environment
from experiments.render import container_name
from experiments.types import ClusterSpec

# Six kinds; databricks with two of its one to six workers.
KINDS = ("local", "standalone", "heterogeneous", "yarn", "yarn-heterogeneous", "databricks")
WORKERS = {"databricks": 2}
# Where the job itself runs under its quotas. On the others they are checked and then lifted, to save time.
UNDER_QUOTA = ("standalone", "yarn")


@dataclass(frozen=True)
class Used:
    """A cluster that has run the job and is still up."""

    spec: ClusterSpec
    ready: state.State
    quota_microseconds: dict[str, int]
    done: Submitted
    output: Path
    rows: list[dict]


@pytest.fixture(scope="module", params=KINDS)
def used(
    request: pytest.FixtureRequest, photographs: Path, model: Model, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Used]:
    kind = request.param
    spec = shipped(kind, WORKERS.get(kind))
    folder = tmp_path_factory.mktemp(kind)
    lifecycle.down(spec.name, print)
    ready = lifecycle.up(shipped(kind), print, WORKERS.get(kind))
    try:
        quotas = {node.name: quota_microseconds(spec, node.name) for node in spec.nodes}
        if kind not in UNDER_QUOTA:
            for one in Engine().containers(spec.name):
                Engine().set_cpus(one.id, 2)
        job = staging.stage(spec, job_of(spec, photographs, model), print)
        done = submit(spec, job, folder / "evidence", print)
        staging.fetch_output(spec, job, folder / "output")
        rows = pyarrow.parquet.read_table(sorted((folder / "output").glob("*.parquet"))).to_pylist()
        yield Used(spec, ready, quotas, done, folder / "output", rows)
    finally:
        lifecycle.down(spec.name, print)
    assert not leftovers(spec.name)


def job_of(spec: ClusterSpec, photographs: Path, model: Model) -> Job:
    return Job(
        input=photographs.as_uri(),
        output="hdfs:/out/test" if spec.manager == "yarn" else "file:/srv/out/test",
        model=(model.folder / "fp16.xml").as_uri(),
        priors=(model.folder / "priors.npy").as_uri(),
        engine="bigdl",
        precision="f32",
        image_size=model.size,
        # As many as there are slots: each executor gets its part.
        repartition=spec.total_executor_cores,
        overlays=2,
    )


def quota_microseconds(spec: ClusterSpec, node: str) -> int:
    """The kernel's own figure, read in the container: microseconds of CPU in each 100,000."""
    script = (
        "cat /sys/fs/cgroup/cpu.max 2>/dev/null || "
        "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us"
    )
    quota, period = Engine().exec(container_name(spec.name, node), ["sh", "-c", script]).stdout.split()[:2]
    return round(int(quota) * 100_000 / int(period))


def test_every_file_has_its_one_row(used: Used) -> None:
    assert sorted(row["image"] for row in used.rows) == sorted(CHOSEN)
    assert {row["image"]: row["status"] for row in used.rows} == {name: STATUSES.get(name, "ok") for name in CHOSEN}
    assert all(row["error"] for row in used.rows if row["status"] != "ok")


def test_each_image_has_detections_of_its_own_size(used: Used) -> None:
    for row in used.rows:
        if row["status"] != "ok":
            assert row["detections"] == []
            continue
        assert row["detections"], row["image"]
        for found in row["detections"]:
            assert found["segmentation"]["size"] == [row["height"], row["width"]]
            assert 0 < found["score"] <= 1
            x, y, width, height = found["bbox"]
            assert x >= 0
            assert y >= 0
            assert x + width <= row["width"]
            assert y + height <= row["height"]


def test_output_is_complete_and_pictures_are_there(used: Used) -> None:
    names = {path.name for path in used.output.iterdir()}
    assert {"_SUCCESS", "job-result.json", "overlays"} <= names
    pictures = list((used.output / "overlays").glob("*.png"))
    assert len(pictures) == 2
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_every_executor_node_did_its_part(used: Used) -> None:
    expected = {node.name for node in used.spec.executor_nodes}
    assert {row["host"] for row in used.rows if row["status"] == "ok"} == expected
    assert {share.host for share in used.done.result.executors} == expected
    assert {place.split()[0] for place in used.ready.canary} == expected


def test_result_counts_and_verifies_arithmetic(used: Used) -> None:
    counts = used.done.result.counts
    assert (counts.images, counts.ok, counts.corrupt, counts.unsupported, counts.failed) == (10, 7, 2, 1, 0)
    assert counts.detections == sum(len(row["detections"]) for row in used.rows) > 0
    assert used.done.result.arithmetic.precision_compiled == "f32"
    assert used.done.result.arithmetic.storage == "FP16"
    assert used.done.result.partitions.predict == used.spec.total_executor_cores


def test_boots_without_quotas_and_is_measured_with_them(used: Used) -> None:
    factors = {factor["node"]: factor["factor"] for factor in used.ready.calibration}
    for node in used.spec.nodes:
        assert used.ready.boot[node.name].cpus is None
        wanted = node.cpus * factors[node.name]
        assert used.ready.measured[node.name].cpus == pytest.approx(wanted, abs=0.01)
        assert used.quota_microseconds[node.name] == pytest.approx(wanted * 100_000, rel=0.02)
        assert used.ready.measured[node.name].memory_mb == node.memory_mb


def test_machines_do_not_share_cores(used: Used) -> None:
    cores = {
        machine.name: {used.ready.measured[node.name].cpuset for node in used.spec.nodes_on(machine.name)}
        for machine in used.spec.machines
    }
    assert all(len(sets) == 1 for sets in cores.values())
    every = [core for sets in cores.values() for core in next(iter(sets)).split(",")]
    assert len(every) == len(set(every)) == sum(machine.cores for machine in used.spec.machines)


def test_instruction_set_caps_reach_the_nodes(used: Used) -> None:
    for node in used.spec.nodes:
        told = Engine().exec(container_name(used.spec.name, node.name), ["env"]).stdout.splitlines()
        assert {f"{key}={value}" for key, value in environment(node.isa).items()} <= set(told)


def test_roles_do_not_run_as_root(used: Used) -> None:
    for node in used.spec.nodes:
        listed = Engine().exec(container_name(used.spec.name, node.name), ["ps", "-eo", "user:20,comm"]).stdout
        java = [line.split()[0] for line in listed.splitlines() if line.split()[-1] == "java"]
        assert set(java) <= {"cluster"}
        assert java or set(node.roles) == {"driver"}


@pytest.mark.parametrize("used", [kind for kind in KINDS if kind.startswith("yarn")], indirect=True)
def test_yarn_slaves_have_no_python(used: Used) -> None:
    slaves = [node for node in used.spec.nodes if "driver" not in node.roles]
    assert slaves
    for node in slaves:
        container = container_name(used.spec.name, node.name)
        # What the job brought lies below /srv/data/yarn; the node itself has none.
        found = Engine().exec(
            container,
            ["sh", "-c", "find / -path /proc -prune -o -path /srv/data -prune -o -name 'python*' -type f -print"],
        )
        assert found.stdout.strip() == ""


def test_pages_are_on_loopback_only_and_answer(used: Used) -> None:
    import urllib.request

    assert used.ready.addresses
    for page, address in used.ready.addresses.items():
        assert address.startswith("http://127.0.0.1:")
        if not page.endswith(" driver"):  # answers while a job runs
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert answer.status == 200


def test_event_log_says_which_node_did_which_task(used: Used) -> None:
    (log,) = event_logs(used.done.event_log)
    tasks = read_event_log(log).tasks
    phases = {task.phase for task in tasks}
    assert {"inventory", "read", "preprocess", "predict", "postprocess"} <= phases
    assert {task.host for task in tasks} == {node.name for node in used.spec.executor_nodes}


def test_a_second_up_changes_nothing(used: Used) -> None:
    said: list[str] = []
    kind = used.spec.name.removeprefix("test-")
    before = {one.id for one in Engine().containers(used.spec.name)}
    again = lifecycle.up(shipped(kind), said.append, WORKERS.get(kind))
    assert again == used.ready
    assert "already up" in said[0]
    assert {one.id for one in Engine().containers(used.spec.name)} == before
