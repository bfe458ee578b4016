"""One job in one mode on a cluster that is up, with or without a task that dies half-way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cluster_app.contract.job import Job
from cluster_app.contract.result import SCHEDULINGS, WorkerShare
from experiments.cluster.submit import Submitted, submit
from experiments.errors import RunFailed
from experiments.eventlog import TaskRow, event_logs, read_event_log
from experiments.host.engine import Engine
from experiments.render import container_name
from experiments.types import ClusterSpec

MODES = SCHEDULINGS
SETTING = "spark.clusterbed.scheduling"
_PHASE = "segment"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """What one job took.

    seconds: of the phase `segment`; images: by host, of the attempts that counted; last_end: by host, seconds from the
    first task's launch to the end of its last attempt; ideal_seconds: see `ideal_seconds`.
    """

    mode: str
    failed: bool
    repeat: int
    seconds: float
    total_seconds: float
    images: Mapping[str, int]
    last_end: Mapping[str, float]
    failed_tasks: int
    tasks: int
    ideal_seconds: float

    @property
    def efficiency(self) -> float:
        return self.ideal_seconds / self.seconds


def run(
    spec: ClusterSpec, job: Job, mode: str, repeat: int, evidence: Path, say: Say, *, strike_after: float | None = None
) -> Trial:
    """Runs the job in that mode. strike_after: seconds into the phase at which a Python worker of the first node dies.

    Raises RunFailed if nothing died though it should have: then nothing was tested.
    """
    failed = strike_after is not None
    job = replace(job, output=f"{job.output}-{mode}-{'failed' if failed else 'clean'}-{repeat}", if_exists="replace")
    timer = threading.Timer(strike_after or 0.0, _kill_worker, [spec])

    def watch(text: str) -> None:
        say(f"{mode}: {text}")
        if failed and text.startswith(f"{_PHASE} ..."):
            timer.start()

    try:
        done = submit(spec, job, evidence, watch, conf={SETTING: mode})
    finally:
        timer.cancel()
    trial = _trial(done, mode, failed, repeat, slots=spec.executor.instances * spec.executor.cores)
    if failed and not trial.failed_tasks:
        raise RunFailed(f"{mode}: no task failed, so nothing was tested; its log: {done.log}")
    return trial


def strike_time(spec: ClusterSpec, clean: Trial) -> float:
    """Seconds into the phase when the first node is half-way through its own work, by a clean trial of the mode.

    Of its own: a fast node with an equal share is done long before the phase is half over. Before the first task is
    launched, the driver lists files and plans.
    """
    before_tasks = clean.seconds - max(clean.last_end.values())
    return before_tasks + clean.last_end[_first(spec)] / 2


def _first(spec: ClusterSpec) -> str:
    return spec.executor_nodes[0].name


def _kill_worker(spec: ClusterSpec) -> None:
    """Kills the youngest Python worker of the first node that runs executors: the one that has a task."""
    container = container_name(spec.name, _first(spec))
    Engine().exec(container, ["pkill", "-KILL", "-n", "-f", "pyspark[.]daemon"], check=False)


def _trial(done: Submitted, mode: str, failed: bool, repeat: int, slots: int) -> Trial:
    (log,) = event_logs(done.event_log)
    tasks = [task for task in read_event_log(log).tasks if task.phase == _PHASE]
    begin = min(task.launch_s for task in tasks)
    workers, phase = done.result.workers, done.result.seconds
    return Trial(
        mode=mode,
        failed=failed,
        repeat=repeat,
        seconds=phase(_PHASE) or 0.0,
        total_seconds=phase("total") or 0.0,
        images={worker.host: worker.images for worker in workers},
        last_end=_last_ends(tasks, begin),
        failed_tasks=sum(task.failed for task in tasks),
        tasks=len(tasks),
        ideal_seconds=ideal_seconds(workers, slots),
    )


def _last_ends(tasks: list[TaskRow], begin: float) -> dict[str, float]:
    hosts = sorted({task.host for task in tasks})
    return {host: round(max(one.finish_s for one in tasks if one.host == host) - begin, 3) for host in hosts}


def ideal_seconds(workers: tuple[WorkerShare, ...], slots: int) -> float:
    """When all images would be done if each host, once it has its model, worked at its own rate until the end.

    A rate is that of a host's own work: waiting for others is none. With n images, rates r and seconds s of loading and
    compiling, it is the T of: sum of r (T - s) = n. slots: of a host; a process in place of a dead one adds no rate.
    """
    working = [worker for worker in workers if worker.images]
    if not working:
        raise RunFailed("no worker said what it did, so there is no rate to compare with")
    rates = [worker.images * min(worker.processes, slots) / _work(worker) for worker in working]
    ready = [(worker.load_seconds + worker.compile_seconds) / worker.processes for worker in working]
    late = sum(rate * seconds for rate, seconds in zip(rates, ready, strict=True))
    return (sum(worker.images for worker in working) + late) / sum(rates)


def _work(worker: WorkerShare) -> float:
    return worker.decode_seconds + worker.infer_seconds + worker.postprocess_seconds + worker.encode_seconds
