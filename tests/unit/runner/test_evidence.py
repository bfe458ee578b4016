"""Figures of a record, from a result and an event log made here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from runner_fakes import plan_of
from test_verdict import result

from cluster_app.contract.result import WorkerShare, parse_result
from experiments.eventlog import Application, ExecutorRow, TaskRow
from experiments.runner.evidence import (
    Times,
    clock_differences,
    hosts,
    outside_tasks,
    partition_images,
    per_image,
    phases,
    record,
)
from experiments.types import ClusterSpec


def task(host: str, launch: float, finish: float, phase: str = "segment", **changes: Any) -> TaskRow:
    base: dict[str, Any] = {
        "stage_id": 1,
        "stage_attempt": 0,
        "stage_name": "collect",
        "phase": phase,
        "index": 0,
        "attempt": 0,
        "host": host,
        "executor": "1",
        "launch_s": launch,
        "finish_s": finish,
        "run_s": finish - launch,
        "failed": False,
        "reason": None,
        "bytes_read": 100,
        "records_read": 1,
    }
    return TaskRow(**{**base, **changes})


LOG = Application(
    app_id="app-1",
    name="n",
    spark_version="3.1.3",
    start_time=1003.0,
    end_time=None,
    executors=(ExecutorRow("1", "worker-1", 1, 4.0), ExecutorRow("2", "worker-2", 1, 6.0)),
    tasks=(
        task("worker-1", 7.0, 8.0, phase="inventory"),
        task("worker-1", 8.0, 12.0),
        task("worker-2", 8.0, 11.0),
        task("worker-2", 11.0, 13.0, failed=True, run_s=None, bytes_read=None),
    ),
)
TIMES = Times(submitted=1000.0, submit=20.0, upload=2.0, ship=None)


def spec(topology: str = "standalone") -> ClusterSpec:
    (planned,) = plan_of(settings={"topology": topology, "workers": 2}, cells=[{"name": "a"}]).cells
    assert planned.cluster is not None
    return planned.cluster


def fused(segment: float) -> Any:
    phases = [{"name": n, "seconds": 1.0} for n in ("start", "inventory", "commit", "total")]
    return parse_result(result(phases=[*phases, {"name": "segment", "seconds": segment}]), "r")


def test_phases() -> None:
    found = phases(spec(), fused(5.0), LOG, TIMES)
    assert found["upload"] == 2.0
    assert found["ship_environment"] is None
    assert found["driver_start"] == 3.0
    assert found["executors_registered"] == 9.0
    assert found["localise"] is None
    assert found["segment"] == 5.0
    assert found["submit"] == 20.0
    assert phases(spec("yarn"), fused(5.0), LOG, TIMES)["localise"] == 4.0


def test_seconds_per_image_are_counted_in_three_ways() -> None:
    found = per_image(spec(), fused(5.0), LOG, TIMES)
    assert found["stage_3"] == pytest.approx(5.0 / 8)
    assert found["wall"] == pytest.approx((3.0 + 13.0) / 8)
    assert found["tasks"] == pytest.approx(8.0 / 8)
    assert found["stage_3_tasks"] == pytest.approx(7.0 / 8)
    assert found["worker_seconds"] == pytest.approx(2 * 5.0 / 8)


def test_clocks_that_contradict_each_other_are_reported() -> None:
    assert clock_differences(fused(5.0), LOG) == {}
    assert clock_differences(fused(4.8), LOG) == {}
    assert clock_differences(fused(4.0), LOG) == {"segment": {"job": 4.0, "log": 5.0}}
    # More seconds than its tasks took are the driver's own.
    assert clock_differences(fused(6.0), LOG) == {}
    assert outside_tasks(fused(6.0), LOG) == {"segment": 1.0}


def test_a_worker_cannot_have_worked_longer_than_its_tasks_ran() -> None:
    # worker-1's tasks ran for 5 s.
    for seconds, found in ((5.2, {}), (6.0, {"worker-1": {"job": 6.0, "log": 5.0}})):
        told = fused(5.0)
        worker = WorkerShare("worker-1", 1, 4, 1, seconds, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 200.0)
        assert clock_differences(replace(told, workers=(worker,)), LOG) == found


def test_hosts_hold_images_tasks_and_bytes() -> None:
    found = hosts(fused(5.0), LOG)
    assert found["worker-1"] == {
        "images": 4,
        "tasks": 2,
        "failed_tasks": 0,
        "run_s": 5.0,
        "bytes_read": 200,
        "last_s": 12.0,
        "stage_3_end_s": 4.0,
    }
    assert found["worker-2"]["stage_3_end_s"] == 5.0
    assert (found["worker-2"]["failed_tasks"], found["worker-2"]["run_s"]) == (1, 3.0)


def bigdl(slices: int = 1) -> Any:
    names = ("start", "inventory", "read", "preprocess", "predict", "postprocess", "commit", "total")
    made = result(engine="bigdl", phases=[{"name": n, "seconds": 1.0} for n in names])
    return parse_result({**made, "slices": {"total": slices, "resumed": 0}}, "r")


def read(stage: int, phase: str, *records: int) -> list[TaskRow]:
    return [
        task("worker-1", 1, 2, phase, stage_id=stage, index=index, records_read=number)
        for index, number in enumerate(records)
    ]


def log_of(*tasks: TaskRow) -> Application:
    return replace(LOG, tasks=tasks)


@pytest.mark.parametrize("phase", ["read", "predict"])
def test_images_of_each_partition_are_those_of_the_stage_that_reads(phase: str) -> None:
    tasks = [*read(0, "inventory", 12, 12), *read(3, phase, 7, 9, 0), *read(4, "predict", 2, 2, 2)]
    assert partition_images(bigdl(), log_of(*reversed(tasks))) == {"each": [7, 9, 0], "least": 0, "most": 9}


def test_a_task_that_was_run_again_counts_once() -> None:
    failed = task("worker-1", 1, 2, "read", stage_id=3, index=1, records_read=4, failed=True)
    assert partition_images(bigdl(), log_of(failed, *read(3, "read", 7, 9))) == {"each": [7, 9], "least": 7, "most": 9}


def test_images_of_partitions_are_said_only_where_there_is_one_answer() -> None:
    tasks = read(3, "read", 7, 9)
    assert partition_images(bigdl(slices=2), log_of(*tasks)) is None
    assert partition_images(fused(5.0), log_of(*tasks)) is None
    assert partition_images(bigdl(), log_of(*read(0, "inventory", 12))) is None


def test_a_record_holds_all_of_it() -> None:
    found = record(spec(), fused(5.0), LOG, TIMES)
    assert set(found) >= {"phases", "per_image", "clocks_differ", "hosts", "partition_images"}
    assert (found["failed_tasks"], found["images"], found["executors"], found["slots"]) == (1, 8, 2, 2)
