"""From a trial's raw evidence to what its record holds: phases, times per image, tasks by host. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster_app.contract.result import JobResult
from experiments.analysis.occupancy import occupancy
from experiments.eventlog import Application, TaskRow
from experiments.types import ClusterSpec

# Where the job's own clocks and Spark's event log contradict each other by more than this share, the record says so.
CLOCKS_AGREE = 0.05
# The phase whose time the paper's Table 10 reports, by engine; the fused engine's one phase holds what its four do.
STAGE_3 = {"bigdl": "predict", "fused": "segment"}
# Phases of the job that are stages of Spark, so that the event log has them too.
_TIMED = ("read", "preprocess", "predict", "postprocess", "segment")
# Phases in which the bigdl engine may read its files: the first that has tasks does, whatever the timing.
_READING = ("read", "preprocess", "predict")


@dataclass(frozen=True)
class Times:
    """What was timed on this host, in seconds. submitted: when, since 1970; submit: until spark-submit ended;
    upload: staging of input and model; ship: of the packed environment, None where there is none."""

    submitted: float
    submit: float
    upload: float
    ship: float | None


def phases(spec: ClusterSpec, result: JobResult, log: Application, times: Times) -> dict[str, float | None]:
    """Seconds by phase; None for one that this job does not have. Those of boot and tear-down are the cluster's."""
    added = [one.added_s for one in log.executors]
    own: dict[str, float | None] = {phase.name: round(phase.seconds, 3) for phase in result.phases}
    compiled = [worker.compile_seconds for worker in result.workers]
    inferred = [worker.infer_seconds for worker in result.workers]
    return {
        "upload": round(times.upload, 3),
        "ship_environment": None if times.ship is None else round(times.ship, 3),
        "driver_start": round(log.start_time - times.submitted, 3),
        "localise": round(min(added), 3) if spec.manager == "yarn" and added else None,
        "executors_registered": round(log.start_time - times.submitted + max(added), 3) if added else None,
        **own,
        "compile": round(sum(compiled), 3) if compiled else None,
        "infer": round(sum(inferred), 3) if inferred else None,
        "submit": round(times.submit, 3),
    }


def per_image(spec: ClusterSpec, result: JobResult, log: Application, times: Times) -> dict[str, float | None]:
    """Seconds per image, counted in several ways.

    stage_3: wall time of the phase that Table 10 reports; wall: from submission to the last task's end; tasks: the
    run time of all tasks, and stage_3_tasks of that phase's; worker_seconds: executors x stage_3.
    """
    images = result.counts.images
    if not images:
        return {}
    name = STAGE_3[result.engine]
    stage_3 = result.seconds(name)
    last = max(task.finish_s for task in log.tasks)
    return {
        "stage_3": _per(stage_3, images),
        "wall": _per(log.start_time - times.submitted + last, images),
        "tasks": _per(_run_seconds(log, None), images),
        "stage_3_tasks": _per(_run_seconds(log, name), images),
        "worker_seconds": _per(None if stage_3 is None else stage_3 * spec.total_executors, images),
    }


def clock_differences(result: JobResult, log: Application) -> dict[str, dict[str, float]]:
    """The job's seconds and the event log's, where by more than a twentieth they cannot both be right.

    Of a phase: the log's tasks took longer than the job's clock ran. Of a host: its workers claim more seconds than its
    tasks ran. The other way round nothing is wrong: `outside_tasks` says how long a phase had no task.
    """
    found = {}
    for name, (job, seen) in _phase_clocks(result, log).items():
        if seen > (1 + CLOCKS_AGREE) * job:
            found[name] = {"job": round(job, 3), "log": round(seen, 3)}
    for host in dict.fromkeys(worker.host for worker in result.workers):
        claimed = sum(worker.seconds for worker in result.workers if worker.host == host)
        ran = sum(task.run_s or 0.0 for task in log.tasks if task.host == host)
        if claimed > (1 + CLOCKS_AGREE) * ran:
            found[host] = {"job": round(claimed, 3), "log": round(ran, 3)}
    return found


def outside_tasks(result: JobResult, log: Application) -> dict[str, float]:
    """By phase of the job that has tasks: its seconds in which none ran, the driver's own by the two clocks."""
    return {name: round(max(0.0, job - seen), 3) for name, (job, seen) in _phase_clocks(result, log).items()}


def _phase_clocks(result: JobResult, log: Application) -> dict[str, tuple[float, float]]:
    """By phase that both know: the job's seconds, and the log's in which at least one of its tasks ran."""
    found = {}
    for name in _TIMED:
        job, own = result.seconds(name), [task for task in log.tasks if task.phase == name]
        if own and job:
            found[name] = (job, occupancy(own, 1).covered)
    return found


def hosts(result: JobResult, log: Application) -> dict[str, dict[str, Any]]:
    """What each host did: images, tasks, failed tasks, seconds in tasks, bytes read, and when it ended its last one.

    stage_3_end_s: from the launch of the first task of that phase, anywhere, to the end of this host's last one; None
    where it had none. Later phases follow all of it, so their ends do not tell who was waited for.
    """
    phase = [task for task in log.tasks if task.phase == STAGE_3[result.engine]]
    begin = min((task.launch_s for task in phase), default=0.0)
    ends = {host: max(one.finish_s for one in phase if one.host == host) for host in {one.host for one in phase}}
    images = {one.host: one.images for one in result.executors}
    by_host: dict[str, list[TaskRow]] = {}
    for task in log.tasks:
        by_host.setdefault(task.host, []).append(task)
    return {
        host: {
            "images": images.get(host, 0),
            "tasks": len(tasks),
            "failed_tasks": sum(task.failed for task in tasks),
            "run_s": round(sum(task.run_s or 0 for task in tasks), 3),
            "bytes_read": sum(task.bytes_read or 0 for task in tasks),
            "last_s": round(max(task.finish_s for task in tasks), 3),
            "stage_3_end_s": round(ends[host] - begin, 3) if host in ends else None,
        }
        for host, tasks in sorted(by_host.items())
    }


def partition_images(result: JobResult, log: Application) -> dict[str, Any] | None:
    """How many images each partition held as it was read, by the records that Spark counted: all, least and most.

    None for the fused engine, whose tasks are not partitions of files, and for an input that was cut into slices, each
    with partitions of its own.
    """
    if result.engine != "bigdl" or result.slices is None or result.slices.total != 1:
        return None
    done = [task for task in log.tasks if task.phase in _READING and not task.failed]
    first = min((task.stage_id for task in done if task.records_read), default=None)
    by_partition = {task.index: task.records_read or 0 for task in done if task.stage_id == first}
    each = [by_partition[index] for index in sorted(by_partition)]
    return {"each": each, "least": min(each), "most": max(each)} if each else None


def record(spec: ClusterSpec, result: JobResult, log: Application, times: Times) -> Mapping[str, Any]:
    """All of it, as a record holds it."""
    return {
        "phases": phases(spec, result, log, times),
        "per_image": per_image(spec, result, log, times),
        "clocks_differ": clock_differences(result, log),
        "outside_tasks": outside_tasks(result, log),
        "hosts": hosts(result, log),
        "partition_images": partition_images(result, log),
        "failed_tasks": sum(task.failed for task in log.tasks),
        "images": result.counts.images,
        "executors": spec.total_executors,
        "slots": spec.total_executor_cores,
    }


def _run_seconds(log: Application, phase: str | None) -> float:
    return sum(task.run_s or 0 for task in log.tasks if phase is None or task.phase == phase)


def _per(seconds: float | None, images: int) -> float | None:
    return None if seconds is None else round(seconds / images, 5)
