"""Whether a trial that ran to its end may be used: the rules for *invalid*, whatever its time. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cluster_app.contract.job import Job
from cluster_app.contract.result import JobResult
from experiments.types import ClusterSpec

# The share of the images with known objects in which a trained model may find nothing.
MOST_EMPTY = 0.5
OK = "ok"
# A container's quota as the engine reports it, against the one asked for.
QUOTA_TOLERANCE = 2e-3
# What a task says that died with its executor, or of memory, whoever ended it: the kernel, YARN, the JVM, Python.
_FATAL = ("ExecutorLostFailure", "OutOfMemoryError", "MemoryError", "bad_alloc")


@dataclass(frozen=True)
class Row:
    """One row of a job's output: the image, its status, how many detections it holds."""

    image: str
    status: str
    detections: int


@dataclass(frozen=True)
class Ran:
    """What is known of a trial after it. files: the input's; holding: those that hold objects the model knows.

    quotas: host cores in force after the trial by node, None without one; oom_kills: by node, during the trial, of
    those whose cgroup could be read; lost: why tasks failed, a text each; task_cores: how many cores of its executor
    a task holds.
    """

    spec: ClusterSpec
    job: Job
    result: JobResult
    storage: str
    rows: Sequence[Row]
    files: Collection[str]
    holding: Collection[str]
    quotas: Mapping[str, float | None]
    wanted_quotas: Mapping[str, float]
    oom_kills: Mapping[str, int]
    lost: Sequence[str] = ()
    task_cores: int = 1

    @property
    def slots(self) -> int:
        """How many tasks run at once."""
        return sum(one.cores // self.task_cores * one.instances for _, one in self.spec.executors)


def invalid(ran: Ran) -> tuple[str, ...]:
    """Why the trial's figures are not to be used, a sentence a reason; empty where they are."""
    rules = (_rows, _empty, _idle_workers, _arithmetic, _threads, _limits, _deaths)
    return tuple(reason for rule in rules for reason in rule(ran))


def _rows(ran: Ran) -> list[str]:
    counted = Counter(row.image for row in ran.rows)
    missing = sorted(set(ran.files) - set(counted))
    doubled = sorted(image for image, number in counted.items() if number > 1)
    strange = sorted(set(counted) - set(ran.files))
    named = {"missing": missing, "doubled": doubled, "of no input file": strange}
    # The runner prepares every image itself: one that is refused was computed wrongly, or made the others look faster.
    for row in ran.rows:
        if row.status != OK:
            named.setdefault(row.status, []).append(row.image)
    return [f"{len(images)} rows {what}, the first of {min(images)!r}" for what, images in named.items() if images]


def _empty(ran: Ran) -> list[str]:
    found = {row.image for row in ran.rows if row.detections}
    known = set(ran.holding) & set(ran.files)
    empty = sorted(known - found)
    if len(empty) <= MOST_EMPTY * len(known):
        return []
    return [f"nothing found in {len(empty)} of {len(known)} images that hold objects, the first {empty[0]!r}"]


def _idle_workers(ran: Ran) -> list[str]:
    """Only where there was work for each slot at once: fewer tasks than slots leave some idle by design. The fused
    engine's tasks are of all slices, and those of one slice after the other may go to the faster.
    """
    slices = max(1, ran.result.slices.total) if ran.result.slices and ran.job.engine == "fused" else 1
    if ran.result.partitions.predict < ran.slots * slices:
        return []
    worked = {one.host for one in ran.result.executors if one.images}
    idle = sorted({node.name for node in ran.spec.executor_nodes} - worked)
    return [f"no image was computed on {', '.join(idle)}"] if idle else []


def _arithmetic(ran: Ran) -> list[str]:
    found, reasons = ran.result.arithmetic, []
    if found.precision_compiled != ran.job.precision:
        reasons.append(f"computed in {found.precision_compiled}, asked for was {ran.job.precision}")
    if found.storage != ran.storage:
        reasons.append(f"the model's weights were {found.storage}, asked for were {ran.storage}")
    return reasons


def _threads(ran: Ran) -> list[str]:
    """As the compiled models say themselves where an engine asks them, else as the job says."""
    wanted = ran.job.threads_per_task
    used = {"the job": ran.result.threads_per_task}
    used |= {worker.host: worker.cpu.threads for worker in ran.result.workers if worker.cpu}
    wrong = {who: number for who, number in used.items() if number != wanted}
    return [f"{who}: {number} threads a task, asked for were {wanted}" for who, number in wrong.items()]


def _limits(ran: Ran) -> list[str]:
    """The quotas that the engine has in force, and those that workers found in their own cgroup."""
    inside = {worker.host: worker.cpu.quota for worker in ran.result.workers if worker.cpu}
    reasons = []
    for node, wanted in ran.wanted_quotas.items():
        for found in dict.fromkeys((ran.quotas.get(node), inside.get(node, ran.quotas.get(node)))):
            if found is None or abs(found - wanted) > QUOTA_TOLERANCE:
                reasons.append(f"{node}: its quota was {found}, not {wanted:.3f} host cores")
    return reasons


def _deaths(ran: Ran) -> list[str]:
    """Processes that the kernel killed, and executors that were lost: what they had done was done again."""
    reasons = [f"{node}: {kills} killed for memory" for node, kills in sorted(ran.oom_kills.items()) if kills]
    unknown = sorted(ran.wanted_quotas.keys() - ran.oom_kills.keys())
    reasons += [f"{node}: its cgroup could not be read, nor whether something was killed" for node in unknown]
    told = [text for text in ran.lost if any(sign in text for sign in _FATAL)]
    if told:
        reasons.append(f"{len(told)} tasks lost with their executor or for lack of memory: {told[0][:200]}")
    return reasons
