"""One job in one mode on a cluster that is up, with or without a task that dies half-way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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

    seconds: of the phase `segment`, with what it had taken when the job died, if it did; images: by host, of the
    attempts that counted; last_end: by host, seconds from the first task's launch to the end of its last attempt;
    tasks: all attempts; ideal_seconds: see `ideal_seconds`; resubmitted: how often the job had to be submitted again;
    host: what it was made on, and when that began.
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
    resubmitted: int = 0
    host: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def efficiency(self) -> float:
        return self.ideal_seconds / self.seconds


def run(
    spec: ClusterSpec, job: Job, mode: str, repeat: int, evidence: Path, say: Say, *, strike_after: float | None = None
) -> Trial:
    """Runs the job in that mode. strike_after: seconds into the phase at which a Python worker of the first node dies.

    A job that dies of it is submitted once more. Spark ends a barrier stage that gives its result to the driver
    ("Could not recover from a failed barrier ResultStage"), so with a barrier all begins again, by hand.
    Raises RunFailed if nothing died though it should have: then nothing was tested.
    """
    failed = strike_after is not None
    job = replace(job, output=f"{job.output}-{mode}-{'failed' if failed else 'clean'}-{repeat}", if_exists="replace")
    if strike_after is None:
        return _trial(_submitted(spec, job, mode, evidence, say), spec, mode, repeat)
    strike = Strike(strike_after, lambda: _kill_worker(spec))

    def watch(text: str) -> None:
        say(text)
        strike.heard(text == f"{mode}: {_PHASE} ...")

    try:
        done = _submitted(spec, job, mode, evidence, watch)
    except RunFailed as error:
        if not strike.struck:
            raise
        lost, died = strike.seconds, _tasks(evidence / "events")
        say(f"{mode}: the job died of it, so it is submitted again: {error}")
        again = _trial(_submitted(spec, job, mode, evidence / "again", say), spec, mode, repeat)
        trial = replace(
            again,
            seconds=lost + again.seconds,
            failed_tasks=sum(task.failed for task in died) + again.failed_tasks,
            tasks=len(died) + again.tasks,
            resubmitted=1,
        )
    else:
        trial = _trial(done, spec, mode, repeat)
    finally:
        strike.end()
    trial = replace(trial, failed=True)
    if not trial.failed_tasks:
        raise RunFailed(f"{mode}: no task failed, so nothing was tested; its log: {evidence / 'driver.log'}")
    return trial


class Strike:
    """Something that happens once, so many seconds after a job's phase begins, unless `end` comes first.

    seconds: from the phase's beginning to the last line that the job printed.
    """

    def __init__(self, after: float, what: Callable[[], object]) -> None:
        self._timer = threading.Timer(after, self._strike, [what])
        self._began: float | None = None
        self.seconds = 0.0
        self.struck = False

    def heard(self, begins: bool) -> None:
        """The job printed a line, and with it its phase begins or not."""
        if begins and self._began is None:
            self._began = time.monotonic()
            self._timer.start()
        elif self._began is not None:
            self.seconds = time.monotonic() - self._began

    def end(self) -> None:
        self._timer.cancel()

    def _strike(self, what: Callable[[], object]) -> None:
        self.struck = True
        what()


def _submitted(spec: ClusterSpec, job: Job, mode: str, evidence: Path, say: Say) -> Submitted:
    return submit(spec, job, evidence, lambda text: say(f"{mode}: {text}"), conf={SETTING: mode})


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


def _trial(done: Submitted, spec: ClusterSpec, mode: str, repeat: int) -> Trial:
    tasks = _tasks(done.event_log)
    begin = min(task.launch_s for task in tasks)
    workers, phase = done.result.workers, done.result.seconds
    return Trial(
        mode=mode,
        failed=False,
        repeat=repeat,
        seconds=phase(_PHASE) or 0.0,
        total_seconds=phase("total") or 0.0,
        images={worker.host: worker.images for worker in workers},
        last_end=_last_ends(tasks, begin),
        failed_tasks=sum(task.failed for task in tasks),
        tasks=len(tasks),
        ideal_seconds=ideal_seconds(workers, slots=spec.executor.instances * spec.executor.cores),
    )


def _tasks(folder: Path) -> list[TaskRow]:
    """Those of the phase, of the one application whose events lie there."""
    (log,) = event_logs(folder)
    return [task for task in read_event_log(log).tasks if task.phase == _PHASE]


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
