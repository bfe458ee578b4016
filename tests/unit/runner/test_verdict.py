"""The rules for invalid trials: each both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from runner_fakes import plan_of

from cluster_app.contract.job import Job
from cluster_app.contract.result import JobResult, parse_result
from experiments.runner.verdict import Ran, Row, invalid

FILES = tuple(f"scenes/{n}.png" for n in range(4)) + tuple(f"{n}.jpg" for n in range(4))


def result(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "schema": 1,
        "engine": "fused",
        "timing": "materialised",
        "phases": [{"name": n, "seconds": 1.0} for n in ("start", "inventory", "segment", "commit", "total")],
        "counts": {"images": 8, "ok": 8, "corrupt": 0, "unsupported": 0, "failed": 0, "detections": 8},
        "arithmetic": {"precision_asked": "f32", "precision_compiled": "f32", "storage": "FP32"},
        "threads_per_task": 1,
        "partitions": {"read": 8, "predict": 8},
        "executors": [{"host": "worker-1", "images": 4}, {"host": "worker-2", "images": 4}],
        "versions": {"openvino": "2023.3"},
        "deviations": [],
        "errors": [],
    }
    return {**made, **changes}


def ran(**changes: Any) -> Ran:
    (planned,) = plan_of(
        settings={"topology": "standalone", "workers": 2, "engine": "fused"}, cells=[{"name": "a"}]
    ).cells
    assert planned.cluster is not None
    uri = "file:/srv/in/x"
    job = Job(uri, "file:/srv/out/x", f"{uri}/m.xml", f"{uri}/p.npy", "fused", "f32", 192)
    quotas = {node.name: node.cpus for node in planned.cluster.nodes}
    good = Ran(
        spec=planned.cluster,
        job=job,
        result=parse_result(result(), "r"),
        storage="FP32",
        rows=[Row(name, "ok", 1) for name in FILES],
        files=FILES,
        holding=FILES[:4],
        quotas=quotas,
        wanted_quotas=quotas,
        oom_kills=dict.fromkeys(quotas, 0),
    )
    return replace(good, **changes)


def test_a_good_trial_is_valid() -> None:
    assert invalid(ran()) == ()


def with_worker(threads: int = 1, quota: float = 0.75) -> JobResult:
    """A result in which a worker says what it found."""
    times = ("seconds", "load_seconds", "compile_seconds", "decode_seconds", "infer_seconds", "postprocess_seconds")
    cpu = {"cores": 2, "quota": quota, "threads": threads, "streams": 1, "pinned": False, "requests": 1}
    worker = {"host": "worker-1", "processes": 1, "images": 4, "compiles": 1, "encode_seconds": 0.1, "cpu": cpu}
    worker |= {**dict.fromkeys(times, 1.0), "peak_memory_mb": 200.0}
    return parse_result(result(workers=[worker]), "r")


def rows(*statuses: tuple[str, str, int]) -> list[Row]:
    changed = {name: Row(name, status, detections) for name, status, detections in statuses}
    return [changed.get(name, Row(name, "ok", 1)) for name in FILES]


BAD: dict[str, dict[str, Any]] = {
    "1 rows missing, the first of '3.jpg'": {"rows": rows()[:-1]},
    "1 rows doubled, the first of 'scenes/0.png'": {"rows": [*rows(), rows()[0]]},
    "1 rows corrupt, the first of '0.jpg'": {"rows": rows(("0.jpg", "corrupt", 0))},
    "1 rows unsupported, the first of '0.jpg'": {"rows": rows(("0.jpg", "unsupported", 0))},
    "1 rows of no input file, the first of 'x.jpg'": {"rows": [*rows(), Row("x.jpg", "ok", 0)]},
    "1 rows failed, the first of '0.jpg'": {"rows": rows(("0.jpg", "failed", 0))},
    "nothing found in 3 of 4 images that hold objects": {
        "rows": rows(*((name, "ok", 0) for name in FILES[:3])),
    },
    "no image was computed on worker-2": {
        "result": parse_result(result(executors=[{"host": "worker-1", "images": 8}]), "r")
    },
    "computed in bf16, asked for was f32": {
        "result": parse_result(
            result(arithmetic={"precision_asked": "f32", "precision_compiled": "bf16", "storage": "FP32"}), "r"
        )
    },
    "the model's weights were FP32, asked for were INT8": {"storage": "INT8"},
    "the job: 2 threads a task, asked for were 1": {"result": parse_result(result(threads_per_task=2), "r")},
    "worker-1: 2 threads a task, asked for were 1": {"result": with_worker(threads=2)},
    "worker-1: its quota was 1.5, not 0.750 host cores": {"result": with_worker(quota=1.5)},
    "worker-1: 1 killed for memory": {"oom_kills": {"master": 0, "worker-1": 1, "worker-2": 0}},
    "worker-2: its cgroup could not be read": {"oom_kills": {"master": 0, "worker-1": 0}},
    "1 tasks lost with their executor or for lack of memory: ExecutorLostFailure": {
        "lost": ["ExecutorLostFailure (executor 1 exited): Container killed by YARN", "ValueError: something else"]
    },
    "worker-1: its quota was None, not 0.750 host cores": {
        "quotas": {"master": 0.5, "worker-1": None, "worker-2": 0.75}
    },
    "worker-2: its quota was 0.5, not 0.750 host cores": {"quotas": {"master": 0.5, "worker-1": 0.75, "worker-2": 0.5}},
}


@pytest.mark.parametrize("reason", BAD)
def test_each_rule_gives_its_reason_alone(reason: str) -> None:
    (found,) = invalid(ran(**BAD[reason]))
    assert reason in found


GOOD: dict[str, dict[str, Any]] = {
    "a worker that found what was asked for": {"result": with_worker()},
    "a task that failed and was done again": {"lost": ["ValueError: something"]},
    "half of the scenes empty": {"rows": rows(*((name, "ok", 0) for name in FILES[:2]))},
    "photographs empty": {"rows": rows(*((name, "ok", 0) for name in FILES[4:]))},
    "an untrained model finds nothing": {"holding": (), "rows": [Row(name, "ok", 0) for name in FILES]},
    "fewer tasks than slots leave a worker idle": {
        "files": FILES[:2],
        "holding": (),
        "rows": rows()[:2],
        "result": parse_result(
            result(executors=[{"host": "worker-1", "images": 8}], partitions={"read": 1, "predict": 1}), "r"
        ),
    },
    "a slice's few tasks leave a worker idle": {
        "result": parse_result(
            result(
                executors=[{"host": "worker-1", "images": 8}],
                partitions={"read": 2, "predict": 2},
                slices={"total": 2, "resumed": 0},
            ),
            "r",
        ),
    },
}


@pytest.mark.parametrize(("task_cores", "told"), [(1, ()), (2, ("no image was computed on worker-2",))])
def test_a_task_that_holds_two_cores_leaves_half_the_slots(task_cores: int, told: tuple[str, ...]) -> None:
    settings = {"topology": "standalone", "workers": 2, "cores": 2, "engine": "bigdl", "threads_per_task": 2}
    (planned,) = plan_of(settings=settings, cells=[{"name": "a"}]).cells
    assert planned.cluster is not None
    quotas = {node.name: node.cpus for node in planned.cluster.nodes}
    two = result(partitions={"read": 2, "predict": 2}, executors=[{"host": "worker-1", "images": 8}])
    one = ran(
        spec=planned.cluster,
        result=parse_result(two, "r"),
        quotas=quotas,
        wanted_quotas=quotas,
        oom_kills=dict.fromkeys(quotas, 0),
        task_cores=task_cores,
    )
    assert one.slots == 4 // task_cores
    assert invalid(one) == told


@pytest.mark.parametrize("case", GOOD)
def test_what_is_no_fault_is_none(case: str) -> None:
    assert invalid(ran(**GOOD[case])) == ()
