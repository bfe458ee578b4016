"""The least memory that works, by bisection over trials that are on disk; and what killed those that did not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments.eventlog import TaskRow

STEP_MB = 64

JVM_HEAP = "executor JVM: its heap was full (OutOfMemoryError)"
JVM_KILLED = "executor JVM: killed by the kernel at the container's limit"
PYTHON_KILLED = "Python worker: killed by the kernel at the container's limit"
PYTHON_MEMORY = "Python worker: an allocation failed (MemoryError)"
WORKER_KILLED = "Spark's worker, and its executor: killed by the kernel at the container's limit"
OTHER = "not memory: "

_KILLED = (PYTHON_KILLED, JVM_KILLED, WORKER_KILLED)

# What failed tasks say, most telling first.
_SIGNS = (
    ("OutOfMemoryError", JVM_HEAP),
    ("code 52", JVM_HEAP),
    ("MemoryError", PYTHON_MEMORY),
    ("bad_alloc", PYTHON_MEMORY),
    ("Python worker exited unexpectedly", PYTHON_KILLED),
    ("EOFException", PYTHON_KILLED),
    ("code 137", JVM_KILLED),
    # The same, seen by the driver before the exit code is.
    ("Remote RPC client disassociated", JVM_KILLED),
    ("worker lost", WORKER_KILLED),
)


@dataclass(frozen=True)
class Cell:
    """images in all, partitions they are read in, images of a batch."""

    images: int
    partitions: int
    batch: int


@dataclass(frozen=True)
class Death:
    """A failed task: seconds since the first task's launch, and what it died of."""

    seconds: float
    cause: str
    host: str
    executor: str


@dataclass(frozen=True)
class Trial:
    """One job with executors of that many MB, heap and what stands beside it.

    done: it came to its end; waves: how many tasks failed at the same moment, one number a moment; oom_kills: by the
    kernel, in the containers of the executors; python_mb, jvm_mb: peaks that the job measured, in 10^6 bytes.
    """

    cell: Cell
    total_mb: int
    heap_mb: int
    done: bool
    seconds: float
    slots: int
    deaths: tuple[Death, ...]
    waves: tuple[int, ...]
    oom_kills: int
    message: str = ""
    partitions: int | None = None
    python_mb: float | None = None
    jvm_mb: float | None = None

    @property
    def clean(self) -> bool:
        """It ended, and no task failed on the way."""
        return self.done and not self.deaths


def next_probe(trials: Iterable[Trial], low: int, high: int, tolerance: int) -> int | None:
    """The memory to try next; None once the least that works is known to `tolerance` MB, or nothing up to high works.

    Bisection between the largest that did not work and the smallest that did.
    """
    tried = list(trials)
    works = [one.total_mb for one in tried if one.clean]
    fails = [one.total_mb for one in tried if not one.clean]
    if not works:
        return None if high in fails else high
    top, bottom = min(works), max([one for one in fails if one < min(works)], default=low)
    if bottom == low and low not in fails:
        return low if top > low else None
    if top - bottom <= tolerance:
        return None
    return (top + bottom) // 2 // STEP_MB * STEP_MB


def least(trials: Iterable[Trial]) -> int | None:
    """The smallest memory with which no task failed; None if none did."""
    return min((one.total_mb for one in trials if one.clean), default=None)


def deaths(tasks: Sequence[TaskRow], oom_kills: int) -> tuple[Death, ...]:
    """What each failed task died of, in order of time.

    A Python worker that is gone without a word was killed by the kernel if the kernel says that it killed.
    """
    if not tasks:
        return ()
    begin = min(task.launch_s for task in tasks)
    failed = sorted((task for task in tasks if task.failed), key=lambda task: task.finish_s)
    return tuple(
        Death(round(task.finish_s - begin, 3), _cause(task.reason or "", oom_kills), task.host, task.executor)
        for task in failed
    )


def waves(found: Sequence[Death], apart_s: float = 2.0) -> tuple[int, ...]:
    """How many tasks failed together: those of less than `apart_s` seconds between one and the next are one wave."""
    sizes: list[int] = []
    last = None
    for death in found:
        if last is None or death.seconds - last > apart_s:
            sizes.append(0)
        sizes[-1] += 1
        last = death.seconds
    return tuple(sizes)


def _cause(reason: str, oom_kills: int) -> str:
    for sign, cause in _SIGNS:
        if sign in reason and (oom_kills or cause not in _KILLED):
            return cause
    return OTHER + (reason[:200] or "no reason recorded")
