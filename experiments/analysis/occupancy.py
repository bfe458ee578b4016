"""How a job's slots were used over time, from Spark's tasks alone. Pure.

A slot is a place where one task runs. A moment belongs to a stage from the launch of its first task to the end of its
last; a slot without a task in it waits for one of three reasons, which this tells apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from experiments.eventlog import TaskRow

# Spark launches the next task in a slot some milliseconds before it notes the end of the one before, seen up to 36 ms.
_OVERLAP = 0.1


@dataclass(frozen=True)
class Occupancy:
    """Seconds; but for `covered` they are summed over slots.

    covered: in which some stage was under way; busy: in tasks. Without a task: launching, while a stage had tasks that
    were not launched yet; straggling, while all were and others of its tasks still ran; unfilled, of slots for which
    the stages under way had no task at any time.
    """

    slots: int
    covered: float
    busy: float
    launching: float
    straggling: float
    unfilled: float


@dataclass(frozen=True)
class _Stage:
    begin: float
    last_launch: float
    end: float
    tasks: int


def placed(tasks: Iterable[TaskRow]) -> list[tuple[TaskRow, int]]:
    """Each task with its place on its host, from 0: the first that is free when it begins.

    A task that ends a moment after the next one in its place began is cut to end there.
    """
    found: list[tuple[TaskRow, int]] = []
    last: dict[tuple[str, int], int] = {}  # by host and place: the index in `found` of its last task
    for task in sorted(tasks, key=lambda one: (one.launch_s, one.finish_s, one.stage_id, one.index)):
        place = 0
        while (before := last.get((task.host, place))) is not None:
            earlier = found[before][0]
            tolerance = min(_OVERLAP, (earlier.finish_s - earlier.launch_s) / 2)
            if earlier.finish_s <= task.launch_s + tolerance:
                if earlier.finish_s > task.launch_s:
                    found[before] = replace(earlier, finish_s=task.launch_s), place
                break
            place += 1
        last[task.host, place] = len(found)
        found.append((task, place))
    return found


def occupancy(tasks: Sequence[TaskRow], slots: int) -> Occupancy:
    """Of tasks as `placed` gives them; slots: how many can run at once. Those beyond count as further slots."""
    slots = max(slots, most_at_once(tasks))
    stages = _stages(tasks)
    moments = sorted(
        {time for one in stages for time in (one.begin, one.last_launch, one.end)}
        | {time for task in tasks for time in (task.launch_s, task.finish_s)}
    )
    steps = sorted([(task.launch_s, 1) for task in tasks] + [(task.finish_s, -1) for task in tasks])
    covered = busy = launching = straggling = unfilled = 0.0
    running = place = 0
    for begin, end in pairwise(moments):
        while place < len(steps) and steps[place][0] <= begin:
            running += steps[place][1]
            place += 1
        under_way = [one for one in stages if one.begin <= begin < one.end]
        if not under_way:
            continue
        seconds, idle = end - begin, slots - running
        covered += seconds
        busy += running * seconds
        if any(begin < one.last_launch for one in under_way):
            launching += idle * seconds
        else:
            never = min(idle, max(0, slots - sum(one.tasks for one in under_way)))
            unfilled += never * seconds
            straggling += (idle - never) * seconds
    return Occupancy(slots, covered, busy, launching, straggling, unfilled)


def most_at_once(tasks: Iterable[TaskRow]) -> int:
    """How many of these tasks ran at the same time at most."""
    steps = sorted(step for task in tasks for step in ((task.launch_s, 1), (task.finish_s, -1)))
    running = most = 0
    for _, step in steps:
        running += step
        most = max(most, running)
    return most


def _stages(tasks: Sequence[TaskRow]) -> list[_Stage]:
    groups: dict[tuple[int, int], list[TaskRow]] = {}
    for task in tasks:
        groups.setdefault((task.stage_id, task.stage_attempt), []).append(task)
    return [
        _Stage(
            min(task.launch_s for task in group),
            max(task.launch_s for task in group),
            max(task.finish_s for task in group),
            len({task.index for task in group}),
        )
        for group in groups.values()
    ]
