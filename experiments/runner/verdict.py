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
# A container's quota as the engine reports it, against the one asked for.
QUOTA_TOLERANCE = 2e-3


@dataclass(frozen=True)
class Row:
    """One row of a job's output: the image, its status, how many detections it holds."""

    image: str
    status: str
    detections: int


@dataclass(frozen=True)
class Ran:
    """What is known of a trial after it. files: the input's; holding: those that hold objects the model knows.

    quotas: host cores in force after the trial by node, None without one; oom_kills: by node, during the trial.
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


def invalid(ran: Ran) -> tuple[str, ...]:
    """Why the trial's figures are not to be used, a sentence a reason; empty where they are."""
    return tuple([*_rows(ran), *_empty(ran), *_idle_workers(ran), *_arithmetic(ran), *_threads(ran), *_limits(ran)])


def _rows(ran: Ran) -> list[str]:
    counted = Counter(row.image for row in ran.rows)
    missing = sorted(set(ran.files) - set(counted))
    doubled = sorted(image for image, number in counted.items() if number > 1)
    strange = sorted(set(counted) - set(ran.files))
    failed = sorted(row.image for row in ran.rows if row.status == "failed")
    named = (("missing", missing), ("doubled", doubled), ("of no input file", strange), ("failed", failed))
    return [f"{len(images)} rows {what}, the first of {images[0]!r}" for what, images in named if images]


def _empty(ran: Ran) -> list[str]:
    found = {row.image for row in ran.rows if row.detections}
    known = set(ran.holding) & set(ran.files)
    empty = sorted(known - found)
    if len(empty) <= MOST_EMPTY * len(known):
        return []
    return [f"nothing found in {len(empty)} of {len(known)} images that hold objects, the first {empty[0]!r}"]


def _idle_workers(ran: Ran) -> list[str]:
    """Only where there was work for each slot: fewer partitions than slots leave some idle by design."""
    slots = ran.spec.total_executor_cores
    tasks = len(ran.files) // 2 if ran.job.engine == "fused" else ran.result.partitions.predict
    if tasks < slots:
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
    used = {ran.result.threads_per_task} | ({ran.result.settings.threads} if ran.result.settings else set())
    wrong = sorted(used - {ran.job.threads_per_task})
    return [f"threads of a task: {wrong[0]}, asked for were {ran.job.threads_per_task}"] if wrong else []


def _limits(ran: Ran) -> list[str]:
    reasons = [f"{node}: {kills} killed for memory" for node, kills in sorted(ran.oom_kills.items()) if kills]
    for node, wanted in ran.wanted_quotas.items():
        found = ran.quotas.get(node)
        if found is None or abs(found - wanted) > QUOTA_TOLERANCE:
            reasons.append(f"{node}: its quota was {found}, not {wanted:.3f} host cores")
    return reasons
