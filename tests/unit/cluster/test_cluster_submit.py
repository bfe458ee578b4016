"""How a driver ended, and what is sent with a job."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from cluster_app.contract.job import Job
from cluster_app.contract.result import PHASES, Arithmetic, Counts, ExecutorShare, JobResult, Partitions, Phase
from experiments.cluster import spark, submit
from experiments.errors import RunFailed, UserError
from experiments.topology import load_topology

LOG = Path("logs/driver.log")
RESULT = JobResult(
    engine="bigdl",
    timing="materialised",
    phases=tuple(Phase(name, 1.0) for name in PHASES),
    counts=Counts(images=3, ok=2, corrupt=0, unsupported=0, failed=1, detections=5),
    arithmetic=Arithmetic("f32", "f32", "FP16"),
    threads_per_task=1,
    partitions=Partitions(3, 3),
    executors=(ExecutorShare("worker-1", 2),),
    versions={"python": "3.9.2"},
    deviations=(),
    errors=(),
)
PRINTED = "job-result: " + json.dumps(json.loads(RESULT.to_json()))
PROGRESS = "job: read ...\njob: read took 1.0 s"


def ended(status: int, *lines: str) -> JobResult:
    return submit._result(status, "\n".join(lines), LOG, 3600, 3605 if status == 124 else 60)


def test_a_job_that_ended_well() -> None:
    assert ended(0, PROGRESS, PRINTED, "26/11/22 INFO ShutdownHookManager: Shutdown hook called") == RESULT


def test_a_job_with_failed_images_has_its_result() -> None:
    assert ended(1, PROGRESS, PRINTED).counts.failed == 1


def test_bad_input_is_the_users() -> None:
    with pytest.raises(UserError) as caught:
        ended(2, PROGRESS, "job: refused: input: file:/srv/in/none is not a folder that the cluster can read")
    assert caught.value.messages == ("input: file:/srv/in/none is not a folder that the cluster can read",)


def test_a_failure_that_the_job_explained() -> None:
    with pytest.raises(RunFailed) as caught:
        ended(1, PROGRESS, "Traceback (most recent call last):", "job: failed: OSError: the disk is full")
    assert str(caught.value) == f"the job failed: OSError: the disk is full; its log: {LOG}"


def test_a_job_that_did_not_end_in_time() -> None:
    with pytest.raises(RunFailed, match=r"was killed after 60 s, for memory or from outside"):
        ended(137, PROGRESS)
    with pytest.raises(RunFailed, match=r"did not end within 3600 s and was ended; its log: logs/driver\.log"):
        ended(124, PROGRESS)


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["java.lang.Error: x", "Caused by: outer", "Caused by: inner", "at a.b"], "Caused by: inner"),
        (["INFO a", "java.io.IOException: first", "java.io.IOException: last", "bye"], "java.io.IOException: last"),
        (["INFO a", "  the last line  ", ""], "the last line"),
        ([], "its log is empty"),
    ],
)
def test_a_driver_that_broke_without_a_word(lines: list[str], cause: str) -> None:
    with pytest.raises(RunFailed) as caught:
        ended(134, *lines)
    assert str(caught.value) == f"the job failed (status 134): {cause}; its log: {LOG}"


def test_a_driver_that_ended_well_without_a_result_did_not() -> None:
    with pytest.raises(RunFailed, match=r"the job failed \(status 0\)"):
        ended(0, PROGRESS)


def test_a_status_of_bad_input_without_a_message_is_a_failure() -> None:
    with pytest.raises(RunFailed, match=r"the job failed \(status 2\): Error: bad option"):
        ended(2, "Error: bad option")


def test_a_result_that_is_not_complete_is_a_failure() -> None:
    with pytest.raises(RunFailed, match="result is not complete"):
        ended(0, 'job-result: {"schema": 1}')


def test_the_zip_holds_what_runs_on_a_cluster_and_nothing_else() -> None:
    names = zipfile.ZipFile(io.BytesIO(submit.application())).namelist()
    assert {"cluster_app/__init__.py", "cluster_app/contract/job.py", "cluster_app/pipeline/main.py"} <= set(names)
    assert "cluster_app/tasks/yolact/adapter.py" in names
    assert not [name for name in names if name.startswith(("experiments", "cluster_app/network"))]
    assert not [name for name in names if not name.endswith(".py")]


def command(engine: str, own: dict[str, str]) -> str:
    job = Job("file:/srv/in", "file:/srv/out/x", "file:/m.xml", "file:/p.npy", engine, "f32", 192)
    return " ".join(submit._command(load_topology("standalone"), job, "/srv/data/jobs/1", own))


def test_only_executors_that_work_in_python_have_a_light_jvm() -> None:
    light = f"spark.executor.extraJavaOptions={spark.LIGHT_JVM}"
    assert light in command("fused", {})
    assert "spark.executor.extraJavaOptions" not in command("bigdl", {})


def test_only_a_driver_whose_work_is_done_in_python_has_few_arenas() -> None:
    job = Job("file:/srv/in", "file:/srv/out/x", "file:/m.xml", "file:/p.npy", "fused", "f32", 192)
    assert submit._environment(job)["MALLOC_ARENA_MAX"] == "2"
    assert "MALLOC_ARENA_MAX" not in submit._environment(replace(job, engine="bigdl"))


def test_a_jobs_own_settings_win() -> None:
    said = command("fused", {"spark.executor.extraJavaOptions": "-XX:+UseG1GC"})
    assert "spark.executor.extraJavaOptions=-XX:+UseG1GC" in said
    assert f"spark.executor.extraJavaOptions={spark.LIGHT_JVM}" not in said
