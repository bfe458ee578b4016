"""What counts of a trial's time: from its record to seconds and images, start-up apart. Pure.

Start-up is what a run of any length pays once: Spark and its executors, Python workers, imports, the model compiled in
each. For a side whose images, or small tasks, have times of their own, it ends when every process has done its first
one; what was done until then is not counted, and the time from then to the end of the last one, and of writing the
rows, is. The bigdl engine has no such moment, as it computes by stages: its stages count whole, from reading to the
rows written, less one compilation, which all its tasks do at the same time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.bench.types import Record
from experiments.errors import RunFailed

_BIGDL_STAGES = ("read", "preprocess", "predict", "postprocess")


@dataclass(frozen=True)
class Timed:
    """seconds: that count, for that many images, a part of one too. start_seconds: from the command on.

    Memory in MB (10^6 bytes). memory_mb: the node's peak less what it held before; peak_mb: the peak; worker_mb: the
    largest Python worker's.
    """

    seconds: float
    images: float
    start_seconds: float | None = None
    memory_mb: float | None = None
    peak_mb: float | None = None
    worker_mb: float | None = None

    @property
    def per_image(self) -> float:
        return self.seconds / self.images


@dataclass(frozen=True)
class Piece:
    """What a process did without a break: so many images, from `begun` to `done`, in seconds on any clock."""

    process: str
    begun: float
    done: float
    images: int = 1

    def images_after(self, moment: float) -> float:
        """How many of its images fall behind that moment, as if it did them evenly."""
        if moment >= self.done:
            return 0.0
        return self.images * (self.done - max(self.begun, moment)) / (self.done - self.begun)


def steady(pieces: Sequence[Piece], *, processes: int, extra: float) -> tuple[float, float, float]:
    """(seconds, images, when counting begins): from when each process has done its first piece to the last one's end,
    and extra. Of a piece that another process was at in that moment, the part behind it counts.

    Raises RunFailed if fewer processes worked than there were, or if nothing is left to count.
    """
    first: dict[str, float] = {}
    for one in sorted(pieces, key=lambda one: one.done):
        first.setdefault(one.process, one.done)
    if len(first) < processes or not first:
        raise RunFailed(f"{len(first)} of {processes} processes did any work: a trial without the others is none")
    warm = max(first.values())
    counted = sum(one.images_after(warm) for one in pieces)
    if not counted:
        raise RunFailed(f"{len(pieces)} pieces on {len(first)} processes: none is left after the first of each")
    return max(one.done for one in pieces) - warm + extra, counted, warm


def timed(record: Record) -> Timed:
    """Of any side's record: an engine's, a peer's, or bare inference's."""
    if "result" in record:
        return _fused(record) if record["result"]["engine"] == "fused" else _bigdl(record)
    if "finishes" in record:
        return _peer(record)
    return Timed(float(record.get("seconds", 0.0)), int(record["images"]))


def phases(record: Record) -> Mapping[str, float]:
    return {one["name"]: float(one["seconds"]) for one in record["result"]["phases"]}


def _fused(record: Record) -> Timed:
    pieces = on_slots(record["tasks"], record["slots"])
    processes = record["executors"] * record["slots"]
    seconds, images, warm = steady(pieces, processes=processes, extra=phases(record)["commit"])
    start = record["application_start"] + warm - record["began"]
    largest = max(worker["peak_memory_mb"] for worker in record["result"]["workers"])
    return Timed(seconds, images, start, **_memory(record), worker_mb=largest)


def on_slots(tasks: Sequence[Mapping[str, Any]], count: int) -> list[Piece]:
    """Tasks with the images that they read, on their executor's slots.

    Spark's log has no slots: a task goes to the one that was free first when it began.
    """
    free: dict[str, list[float]] = defaultdict(lambda: [float("-inf")] * count)
    pieces = []
    for task in sorted(tasks, key=lambda one: float(one["launch"])):
        ends = free[task["executor"]]
        slot = min(range(count), key=lambda number: ends[number])
        ends[slot] = float(task["finish"])
        process = f"{task['executor']}/{slot}"
        pieces.append(Piece(process, float(task["launch"]), float(task["finish"]), int(task["images"])))
    return pieces


def _bigdl(record: Record) -> Timed:
    said = [(str(name), float(seconds)) for name, seconds in record["phases"]]
    commits = [number for number, (name, _) in enumerate(said) if name == "commit"]
    slices = int(record["result"]["slices"]["total"])
    # The last commit is the whole job's.
    if slices < 2 or len(commits) != slices + 1:
        raise RunFailed(
            f"bigdl: {slices} slice(s), {len(commits)} commits: behind the first slice there is none to count"
        )
    warm = commits[0] + 1
    once = _one_compilation(record["result"])
    seconds = sum(spent for name, spent in said[warm:] if name in (*_BIGDL_STAGES, "commit")) - (slices - 1) * once
    counted = int(record["images"]) - int(record["job"]["slice_images"])
    return Timed(seconds, counted, sum(spent for _, spent in said[:warm]), **_memory(record))


def _one_compilation(result: Mapping[str, Any]) -> float:
    """Seconds that a compilation of the model took on average; 0 where the result says of none."""
    workers = result.get("workers", ())
    count = sum(worker["compiles"] for worker in workers)
    return float(sum(worker["compile_seconds"] for worker in workers)) / count if count else 0.0


def _peer(record: Record) -> Timed:
    before: dict[str, float] = {}
    pieces = list[Piece]()
    for one in sorted(record["finishes"], key=lambda one: float(one["at"])):
        pieces.append(Piece(one["process"], before.get(one["process"], float(record["ready"])), float(one["at"])))
        before[one["process"]] = float(one["at"])
    last = max(one.done for one in pieces)
    seconds, images, warm = steady(pieces, processes=record["processes"], extra=record["end"] - last)
    return Timed(seconds, images, warm - record["began"], **_memory(record))


def _memory(record: Record) -> dict[str, float]:
    watched = record.get("memory")
    if not watched:
        return {}
    return {"memory_mb": watched["peak_mb"] - watched["before_mb"], "peak_mb": watched["peak_mb"]}


def busy_share(record: Record) -> float:
    """Images done over those that the nodes would have done in the same time, each at the speed of its own tasks."""
    images = {one["host"]: one["images"] for one in record["result"]["executors"]}
    busy: dict[str, float] = defaultdict(float)
    for task in record["tasks"]:
        busy[task["host"]] += task["finish"] - task["launch"]
    idle = sorted(host for host in images if not busy.get(host))
    if idle or not images:
        raise RunFailed(f"no task on {', '.join(idle) or 'any node'}, which has images: the event log is not whole")
    spent = phases(record)
    wall = spent["segment"] if "segment" in spent else sum(spent[stage] for stage in _BIGDL_STAGES)
    possible = wall * record["slots"] * sum(number / busy[host] for host, number in images.items())
    return float(sum(images.values()) / possible)
