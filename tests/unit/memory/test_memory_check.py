"""What a job may take of an executor, and what is refused before it starts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster_app.contract.job import Job
from cluster_app.contract.memory import Workload, executor_memory, rows_of_a_partition
from cluster_app.contract.result import (
    FUSED_PHASES,
    Arithmetic,
    Counts,
    ExecutorShare,
    JobResult,
    MemoryEstimate,
    Partitions,
    Phase,
    WorkerShare,
)
from experiments.cluster import submit
from experiments.errors import UserError
from experiments.memory.check import Facts, beyond_estimate, fitted, plan
from experiments.memory.facts import weights_mb
from experiments.topology import load_topology, shipped_topologies
from experiments.types import ClusterSpec

# YOLACT R50 as it computes.
R50 = Facts(images=100, weights_mb=124.5)
JOB = Job(
    input="file:/srv/in/photos",
    output="file:/srv/out/run",
    model="file:/srv/in/model/fp16.xml",
    priors="file:/srv/in/model/priors.npy",
    engine="fused",
    precision="f32",
    image_size=550,
)
LOAD = Workload("fused", 550, 124.5, tasks=1)


def with_executor(spec: ClusterSpec, **sizes: int) -> ClusterSpec:
    nodes = tuple(
        replace(node, executor=replace(node.executor, **sizes)) if node.executor else node for node in spec.nodes
    )
    return replace(spec, nodes=nodes)


@pytest.mark.parametrize("engine", ["fused", "bigdl"])
@pytest.mark.parametrize("change", [{"image_size": 1100}, {"weights_mb": 500.0}, {"tasks": 2}])
def test_more_work_needs_more(engine: str, change: dict[str, Any]) -> None:
    load = replace(LOAD, engine=engine)
    assert executor_memory(replace(load, **change)).total_mb > executor_memory(load).total_mb


def test_rows_count_for_the_engine_that_holds_them_together() -> None:
    few, many = replace(LOAD, rows=2), replace(LOAD, rows=50)
    assert executor_memory(few) == executor_memory(many)
    bigdl = [executor_memory(replace(load, engine="bigdl")).total_mb for load in (few, many)]
    assert bigdl[1] > 2 * bigdl[0]
    assert executor_memory(replace(few, batch=8)) == executor_memory(few)
    batches = [executor_memory(replace(few, engine="bigdl", batch=size)).process_mb for size in (1, 8)]
    assert batches[1] > batches[0]
    # A UDF never gets more than a hundred.
    assert executor_memory(replace(many, engine="bigdl", rows=100)) == executor_memory(
        replace(many, engine="bigdl", rows=5000)
    )


@pytest.mark.parametrize(
    ("images", "partitions", "slots", "rows"),
    [(100, 4, 3, 25), (101, 4, 3, 26), (3, 8, 3, 1), (10, None, 3, 4), (10, None, 1, 10), (5000, None, 3, 32)],
)
def test_images_of_a_partition(images: int, partitions: int | None, slots: int, rows: int) -> None:
    assert rows_of_a_partition(images, partitions, slots) == rows


@pytest.mark.parametrize("topology", shipped_topologies())
def test_the_shipped_clusters_hold_the_fused_engine_at_the_papers_size(topology: str) -> None:
    spec = load_topology(topology)
    planned = plan(spec, JOB, R50, {})
    executor = spec.executor
    assert planned.heap_mb + planned.overhead_mb == executor.memory_mb + executor.overhead_mb
    assert planned.heap_mb <= executor.memory_mb
    assert planned.heap_mb * 2**20 >= planned.need.heap_mb * 1e6
    assert planned.overhead_mb * 2**20 >= planned.need.overhead_mb * 1e6


def test_memory_is_shared_out_as_each_manager_wants_it() -> None:
    standalone, yarn, local = (load_topology(name) for name in ("standalone", "yarn", "local"))
    heap = plan(standalone, JOB, R50, {}).conf(standalone)["spark.executor.memory"]
    assert int(heap.removesuffix("m")) < standalone.executor.memory_mb
    assert set(plan(standalone, JOB, R50, {}).conf(standalone)) == {"spark.executor.memory"}
    assert set(plan(yarn, JOB, R50, {}).conf(yarn)) == {"spark.executor.memory", "spark.executor.memoryOverhead"}
    assert set(plan(local, JOB, R50, {}).conf(local)) == {"spark.driver.memory"}


def test_the_other_engine_keeps_the_topologys_heap_as_far_as_python_leaves_it() -> None:
    spec = load_topology("standalone")
    job = replace(JOB, engine="bigdl", image_size=192, read_partitions=20)
    assert plan(with_executor(spec, overhead_mb=2048), job, R50, {}).heap_mb == spec.executor.memory_mb
    narrow = plan(spec, job, R50, {})
    assert narrow.heap_mb < spec.executor.memory_mb
    assert narrow.overhead_mb * 2**20 >= narrow.need.overhead_mb * 1e6


def test_too_little_is_refused_with_the_number_to_change() -> None:
    spec = with_executor(load_topology("standalone"), memory_mb=1024, overhead_mb=640)
    with pytest.raises(UserError) as caught:
        plan(spec, JOB, R50, {})
    (message,) = caught.value.messages
    assert message.startswith('nodes.worker.executor: memory = "1g" and overhead = "640m": the engine "fused" at image')
    wanted = int(message.split('overhead to "')[1].split('m"')[0])
    assert 640 < wanted < 4096
    enough = with_executor(spec, memory_mb=1024, overhead_mb=wanted)
    assert plan(enough, JOB, R50, {}).need.total_mb <= (1024 + wanted) * 2**20 / 1e6


def test_a_heap_that_is_too_small_is_named_first() -> None:
    spec = with_executor(load_topology("standalone"), memory_mb=512, overhead_mb=8192)
    with pytest.raises(UserError, match='set memory to "') as caught:
        plan(spec, JOB, R50, {})
    assert "overhead to" not in str(caught.value)


def test_tasks_beside_each_other_are_named_as_a_way_out() -> None:
    spec = with_executor(load_topology("standalone"), cores=2)
    with pytest.raises(UserError, match="threads_per_task to 2, for one task at a time instead of 2"):
        plan(spec, JOB, R50, {})
    assert plan(spec, replace(JOB, threads_per_task=2), R50, {})
    assert plan(spec, JOB, R50, {"spark.task.cpus": "2"})


def test_many_images_a_partition_are_named_as_a_way_out() -> None:
    spec = load_topology("standalone")
    job = replace(JOB, engine="bigdl", read_partitions=1)
    with pytest.raises(UserError, match="read_partitions to more, for less than 100 images a partition"):
        plan(spec, job, R50, {})


def test_a_job_is_fitted_by_the_fewest_partitions_that_hold_it() -> None:
    spec = load_topology("standalone")
    job, many = replace(JOB, engine="bigdl"), replace(R50, images=1000)
    found = fitted(spec, job, many)
    assert found.read_partitions is not None
    assert plan(spec, found, many, {})
    with pytest.raises(UserError):
        plan(spec, replace(found, read_partitions=found.read_partitions * 3 // 4), many, {})
    assert fitted(spec, replace(job, image_size=192), R50).read_partitions is None
    hopeless = replace(job, image_size=5000)
    assert fitted(spec, hopeless, many) == hopeless


def test_sixteen_bits_are_computed_in_thirty_two() -> None:
    layers = (
        '<layer type="Const"><data element_type="f16" size="2000000"/></layer>'
        '<layer type="Const"><data element_type="f32" size="3000000"/></layer>'
        '<layer type="Const"><data element_type="i8" size="500000"/></layer>'
        '<layer type="Convolution"><data strides="1"/></layer>'
    )
    assert weights_mb(f"<net><layers>{layers}</layers></net>") == 7.5


def result(peak: float, estimate: MemoryEstimate | None, jvm: float | None = None) -> JobResult:
    return JobResult(
        engine="fused",
        timing="materialised",
        phases=tuple(Phase(name, 1.0) for name in FUSED_PHASES),
        counts=Counts(images=1, ok=1, corrupt=0, unsupported=0, failed=0, detections=5),
        arithmetic=Arithmetic("f32", "f32", "FP16"),
        threads_per_task=1,
        partitions=Partitions(1, 1),
        executors=(ExecutorShare("worker-1", 1),),
        versions={},
        deviations=(),
        errors=(),
        workers=(WorkerShare("worker-1", 1, 1, 1, *[0.5] * 7, peak, jvm),),
        estimate=estimate,
    )


def test_a_peak_over_the_estimate_is_said() -> None:
    estimate = MemoryEstimate(heap_mb=650, beside_mb=350, process_mb=1000, others_mb=0, tasks=1)
    assert beyond_estimate(result(999, estimate)) == []
    assert beyond_estimate(result(1200, None)) == []
    (message,) = beyond_estimate(result(999, estimate, jvm=1001))
    assert message == "memory: the executor's JVM on worker-1 took 1001 MB, estimated were at most 1000"
    (message,) = beyond_estimate(result(1200, estimate, jvm=1000))
    assert message == "memory: a Python process on worker-1 took 1200 MB, estimated were at most 1000"


def test_the_estimate_goes_with_the_job_and_a_users_setting_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = load_topology("standalone")
    monkeypatch.setattr(submit, "facts", lambda *_: R50)
    planned = submit._planned(spec, JOB, {})
    assert planned is not None
    conf = submit._memory(spec, planned)
    said = json.loads(conf["spark.clusterbed.memory.estimate"])
    assert MemoryEstimate(**said) == planned.estimate
    assert planned.estimate.process_mb == pytest.approx(planned.need.process_mb, abs=0.1)
    command = submit._command(spec, JOB, str(tmp_path), {**conf, "spark.executor.memory": "1500m"})
    assert "spark.executor.memory=1500m" in command
    assert f"spark.clusterbed.memory.estimate={conf['spark.clusterbed.memory.estimate']}" in command


def test_a_job_whose_input_is_not_there_is_left_to_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "facts", lambda *_: None)
    assert submit._planned(load_topology("standalone"), JOB, {}) is None
