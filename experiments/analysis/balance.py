"""How well the nodes of a cluster were used together, whatever their speeds, from one trial's own tasks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.analysis.statistics import NoEstimate
from experiments.analysis.trials import Trial
from experiments.eventlog import TaskRow

# Phases in which files become rows; those before are paid once, whatever the nodes.
WORK = ("read", "preprocess", "predict", "postprocess", "segment")
_NEEDED = ("images", "slots", "executors")


def efficiency(trial: Trial, tasks: Sequence[TaskRow] | None) -> float | NoEstimate:
    """Images done over those that the nodes would have done in the same time had their slots never been idle.

    Each node counts at the speed of its own tasks, so 1 means that none waited for another. It says nothing of what
    makes all nodes slower together.
    """
    known = {path: value for path in _NEEDED if (value := trial.figure(path))}
    work = [task for task in tasks or () if task.phase in WORK]
    missing = [path for path in _NEEDED if path not in known] + ([] if work else ["tasks"])
    if missing:
        return NoEstimate(f"{trial.name}: has no {', '.join(missing)}")
    executors = {host: {task.executor for task in work if task.host == host} for host in {task.host for task in work}}
    if sum(map(len, executors.values())) < known["executors"]:
        return NoEstimate(
            f"{trial.name}: {sum(map(len, executors.values()))} of {known['executors']:g} executors worked"
        )
    possible = 0.0
    for host, own in executors.items():
        images = trial.figure(f"hosts.{host}.images")
        busy = sum(task.finish_s - task.launch_s for task in work if task.host == host)
        if not images or not busy:
            return NoEstimate(f"{trial.name}: {host} had tasks and no image, so its speed is not known")
        possible += images / busy * len(own) * known["slots"] / known["executors"]
    seconds = max(task.finish_s for task in work) - min(task.launch_s for task in work)
    return known["images"] / (possible * seconds)
