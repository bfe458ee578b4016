"""Where the seconds of an image go: the wall time of a job by cause, from its tasks, phases, workers and cgroups. Pure.

All slots' time from submission to the end of spark-submit is split, so the parts add up to the wall time per image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from types import MappingProxyType
from typing import Any

from experiments.analysis.occupancy import occupancy, placed
from experiments.analysis.statistics import NoEstimate
from experiments.analysis.trials import Trial
from experiments.bench.statistics import Estimate
from experiments.eventlog import TaskRow
from experiments.report.text import percent_text, range_text, seconds_text

# By part: what it stands for, in the order in which figures show them.
# What lies before a job's work.
START_UP, THROTTLED = "start-up", "throttled"
PARTS: Mapping[str, str] = MappingProxyType(
    {
        START_UP: "from submission to a session with executors, and the end of the process",
        "inventory": "once a job: files listed and classified, the model fetched, its arithmetic checked",
        "compile": "the model loaded and compiled by workers",
        "reading": "files read by Spark's reader",
        "compute": "decoding, preprocessing, inference, post-processing",
        "serialisation": "rows between Spark and Python around predict",
        "writing": "output committed",
        THROTTLED: "tasks stopped because a node's quota was used up; start-up and driver are not split",
        "straggler": "slots idle because the last tasks of a stage still ran elsewhere",
        "too few tasks": "slots idle because a stage had fewer tasks than there are slots",
        "scheduling": "slots idle before a task's launch, and tasks outside their run time",
        "driver": "slots idle while only the driver worked",
        "failed attempts": "tasks that were run again",
        "other": "in tasks, outside of what workers timed: the start of Python, lazy reading and preprocessing",
    }
)
# What is done, in which causes are looked for: a stop by the quota is no work, it makes all work of a node longer.
BY_WORK = tuple(name for name in PARTS if name != THROTTLED)
# Smaller shares of the whole are not named in a sentence.
_WORTH_NAMING = 0.05

# Tasks of these phases do one thing; in all others workers say what they did.
_OF_PHASE = {"inventory": "inventory", "read": "reading", "preprocess": "compute", "commit": "writing"}
_OF_WORKER = {
    "compile": ("load_seconds", "compile_seconds"),
    "compute": ("decode_seconds", "infer_seconds", "postprocess_seconds", "encode_seconds"),
    "serialisation": ("input_seconds", "output_seconds"),
}
# Phases that the driver works in by itself, beside its stages.
_OF_DRIVER = {"inventory": "inventory", "commit": "writing"}
_START = "start"
# The timing under which stages are lazy, as the paper has them; and the part that each lazy phase does, or a share of.
_LAZY = "paper"
_LAZILY = {"read": "reading", "preprocess": "compute"}
_NEEDED = ("images", "slots", "phases.submit", "phases.total", "phases.start", "result.threads_per_task")


@dataclass(frozen=True)
class Decomposition:
    """Seconds of wall time per image by part, all of PARTS, which add up to `total`. slots: tasks that run at once.

    unmeasured: parts that this trial has no evidence for; their time is in other parts, and theirs is no zero.
    stopped: of the throttled seconds, those that are taken to have fallen into each other part.
    """

    seconds: Mapping[str, float]
    images: int
    slots: int
    unmeasured: tuple[str, ...] = ()
    stopped: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def share(self, part: str) -> float:
        return self.seconds[part] / self.total if self.total else 0.0

    @property
    def by_work(self) -> Mapping[str, float]:
        """Seconds per image by what was done, all of BY_WORK, which add up to `total` too: each with its stops in it.

        To be looked at where nodes of different quotas, or numbers of nodes, are held against each other.
        """
        return {name: self.seconds[name] + self.stopped.get(name, 0.0) for name in BY_WORK}


def decompose(trial: Trial, tasks: Sequence[TaskRow] | None) -> Decomposition | NoEstimate:
    """The parts of one trial.

    A throttled node's share of stopped time (throttled over used plus throttled, by its cgroup) is taken from all that
    its tasks did in proportion: which part a stop fell into is not known. Where workers claim more seconds than their
    tasks ran (clocks differ, or inferences overlap), their parts are scaled to fit.
    """
    known = {path: value for path in _NEEDED if (value := trial.figure(path)) is not None}
    if len(known) < len(_NEEDED) or not tasks:
        missing = [path for path in _NEEDED if path not in known] + ([] if tasks else ["tasks"])
        return NoEstimate(f"{trial.name}: has no {', '.join(missing)}")
    images, cores, submit, total, start, threads = (known[path] for path in _NEEDED)
    if images < 1:
        return NoEstimate(f"{trial.name}: has no image")
    phases = {name: trial.figure(f"phases.{name}") or 0.0 for name in _OF_DRIVER}
    own = [task for task, _ in placed(tasks) if task.phase != _START]
    used = occupancy(own, max(1, int(cores // max(1.0, threads))))
    parts = dict.fromkeys(PARTS, 0.0)
    alone = {name: max(0.0, seconds - _covered(own, name)) for name, seconds in phases.items()}
    for name, seconds in alone.items():
        parts[_OF_DRIVER[name]] += seconds * used.slots
    after_start = total - start
    parts[START_UP] = max(0.0, submit - after_start) * used.slots
    parts["driver"] = max(0.0, after_start - used.covered - sum(alone.values())) * used.slots
    parts["straggler"], parts["too few tasks"] = used.straggling, used.unfilled
    parts["scheduling"] = used.launching + sum(_outside(task) for task in own)
    parts["failed attempts"] = sum(_run(task) for task in own if task.failed)
    done, stopped = _work(trial, own)
    for part in PARTS:
        parts[part] += done[part] - stopped[part]
    parts[THROTTLED] = sum(stopped.values())
    whole = used.slots * images
    per_image, lost = ({part: seconds / whole for part, seconds in one.items()} for one in (parts, stopped))
    return Decomposition(per_image, int(images), used.slots, _unmeasured(trial, own), lost)


def mean_of(found: Sequence[Decomposition]) -> Decomposition | NoEstimate:
    """The parts' means over trials: unlike medians they add up."""
    if not found:
        return NoEstimate("no trial could be split into parts")
    seconds = {part: fmean(one.seconds[part] for one in found) for part in PARTS}
    stopped = {part: fmean(one.stopped.get(part, 0.0) for one in found) for part in BY_WORK}
    unmeasured = tuple(part for part in PARTS if any(part in one.unmeasured for one in found))
    return Decomposition(seconds, found[0].images, found[0].slots, unmeasured, stopped)


def sentence(name: str, found: Decomposition) -> str:
    """What an image's time is made of, the largest part first, in one sentence."""
    parts = sorted(PARTS, key=lambda part: -found.seconds[part])
    named = [part for part in parts if found.share(part) >= _WORTH_NAMING] or parts[:1]
    listed = ", ".join(
        f"{part} {seconds_text(found.seconds[part])} ({percent_text(found.share(part))})" for part in named
    )
    rest = 1 - sum(found.share(part) for part in named)
    ends = [f"all else {percent_text(rest)}"] if rest >= 0.005 else []
    ends += [unmeasured_text(found)] if found.unmeasured else []
    said = f"{name}: {seconds_text(found.total)} per image from submission to the end, on average: {listed}"
    return "; ".join([said, *ends]) + "."


def unmeasured_text(found: Decomposition) -> str:
    """Which parts a reader must not take as they stand: their time, or some of it, is in others."""
    return f"not measured, or not wholly: {', '.join(found.unmeasured)}"


def difference(before: str, first: Decomposition, after: str, second: Decomposition, times: Estimate) -> str:
    """What changed between two cells, and in what was done, in one sentence.

    times: the second over the first, by pairs. The parts are means, so an outlier weighs on these alone.
    """
    changes = {part: second.by_work[part] - first.by_work[part] for part in BY_WORK}
    largest = sorted(BY_WORK, key=lambda part: -abs(changes[part]))
    named = [part for part in largest if abs(changes[part]) >= _WORTH_NAMING * first.total]
    said = f"takes {range_text(times)} times as long as"
    listed = ", ".join(f"{part} {changes[part]:+.3f} s" for part in named) or "no part by 5 % of the whole"
    stopped = second.seconds[THROTTLED] - first.seconds[THROTTLED]
    quota = (
        f"; quotas stopped nodes for {stopped:+.3f} s, which are counted with what they stopped"
        if abs(stopped) >= _WORTH_NAMING * first.total
        else ""
    )
    return f"{after} {said} {before}; on average {_against(first, second)}; what changed: {listed}{quota}."


def not_told(before: str, first: Decomposition, after: str, second: Decomposition, why: str) -> str:
    """That two cells cannot be told apart, and why."""
    return f"{after} cannot be told from {before}: {_against(first, second)}, {why}."


def not_judged(before: str, first: Decomposition, after: str, second: Decomposition, why: str) -> str:
    """That nothing is said of two cells, and why."""
    return f"{after} beside {before} is not judged: {_against(first, second)}, {why}."


def _against(first: Decomposition, second: Decomposition) -> str:
    return f"{seconds_text(second.total)} against {seconds_text(first.total)} per image"


def _unmeasured(trial: Trial, tasks: Sequence[TaskRow]) -> tuple[str, ...]:
    """Parts for which a host that had tasks has said nothing: cgroup samples, or its workers' own seconds; and what
    is done lazily, in tasks of another phase, which time it with all else that they do.
    """
    hosts = {task.host for task in tasks}
    said = {one.get("host") for one in _workers(trial)}
    sampled = all(trial.figure(f"used.{host}.throttled_s") is not None for host in hosts)
    asked = any((task.phase or "") not in _OF_PHASE for task in tasks)
    missing = [*(() if said or not asked else _OF_WORKER), *(() if sampled else (THROTTLED,))]
    if _timing(trial) == _LAZY:
        missing += [part for phase, part in _LAZILY.items() if trial.figure(f"phases.{phase}")]
    return tuple(part for part in PARTS if part in missing)


def _timing(trial: Trial) -> object:
    """As the job had it: an engine setting, too, may choose it."""
    job = trial.evidence.get("job")
    return job.get("timing") if isinstance(job, Mapping) else trial.settings.get("timing")


def _work(trial: Trial, tasks: Sequence[TaskRow]) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Slot-seconds of the tasks that counted, by part, and those of them in which they were stopped."""
    parts, throttled = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)
    by_host: dict[str, list[TaskRow]] = {}
    for task in tasks:
        if not task.failed:
            by_host.setdefault(task.host, []).append(task)
    for host, own in by_host.items():
        done = _done(trial, host, own)
        stopped = throttled_share(trial, host)
        for part, seconds in done.items():
            parts[part] += seconds
            throttled[part] += seconds * stopped
    return parts, throttled


def _done(trial: Trial, host: str, tasks: Sequence[TaskRow]) -> dict[str, float]:
    """A host's seconds in tasks by part, as if it had not been throttled."""
    parts: dict[str, float] = dict.fromkeys(PARTS, 0.0)
    workers = 0.0
    for task in tasks:
        part = _OF_PHASE.get(task.phase or "")
        if part:
            parts[part] += _run(task)
        else:
            workers += _run(task)
    claimed = {part: sum(_worker(trial, host, key) for key in keys) for part, keys in _OF_WORKER.items()}
    fit = min(1.0, workers / sum(claimed.values())) if sum(claimed.values()) else 0.0
    for part, seconds in claimed.items():
        parts[part] += seconds * fit
    parts["other"] = workers - fit * sum(claimed.values())
    return parts


def throttled_share(trial: Trial, node: str) -> float:
    """Of the time in which a node had work: the share in which its quota stopped it; 0 where it has no quota."""
    throttled = trial.figure(f"used.{node}.throttled_s") or 0.0
    busy = trial.figure(f"used.{node}.cpu_s") or 0.0
    return throttled / (throttled + busy) if throttled > 0 else 0.0


def _worker(trial: Trial, host: str, key: str) -> float:
    return sum(float(one.get(key) or 0.0) for one in _workers(trial) if one.get("host") == host)


def _workers(trial: Trial) -> Sequence[Mapping[str, Any]]:
    found = trial.evidence["result"].get("workers")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list | tuple) else ()


def _run(task: TaskRow) -> float:
    """A task's seconds in which its executor ran it."""
    return min(task.run_s or 0.0, task.finish_s - task.launch_s)


def _outside(task: TaskRow) -> float:
    """A task's other seconds in its slot."""
    return task.finish_s - task.launch_s - _run(task)


def _covered(tasks: Sequence[TaskRow], phase: str) -> float:
    return occupancy([task for task in tasks if task.phase == phase], 1).covered
