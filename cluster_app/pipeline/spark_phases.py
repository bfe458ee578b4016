"""What Spark ran in each phase of a job, from the store that its own pages are made from (Spark 3.1).

The store keeps the last 1000 stages (spark.ui.retainedStages).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from cluster_app.contract.result import SparkPhase

# Stages of more tasks are not looked at task by task: each one asks the JVM three times.
MOST_TASKS = 256


@dataclass(frozen=True)
class Stage:
    """One attempt at a stage that ran. spans: of its tasks, (launch, end) in milliseconds; None if not asked for."""

    phase: str
    attempt: int
    tasks: int
    failed_tasks: int
    task_seconds: float
    spans: Optional[Sequence[Tuple[int, int]]]


def by_phase(stages: Iterable[Stage]) -> Tuple[SparkPhase, ...]:
    """The stages added up by phase, in the order of their first stages."""
    grouped: Dict[str, List[Stage]] = defaultdict(list)
    for stage in stages:
        grouped[stage.phase].append(stage)
    return tuple(
        SparkPhase(
            name=phase,
            stages=len(ones),
            retried=sum(one.attempt > 0 for one in ones),
            tasks=sum(one.tasks for one in ones),
            failed_tasks=sum(one.failed_tasks for one in ones),
            most_at_once=_most([one.spans for one in ones]),
            task_seconds=sum(one.task_seconds for one in ones),
        )
        for phase, ones in grouped.items()
    )


def _most(spans: Sequence[Optional[Sequence[Tuple[int, int]]]]) -> Optional[int]:
    known = [one for one in spans if one is not None]
    return max(map(most_at_once, known), default=0) if len(known) == len(spans) else None


def most_at_once(spans: Sequence[Tuple[int, int]]) -> int:
    """How many of the spans, (begin, end) each, overlapped at most; one that begins as another ends does not."""
    events = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
    running = most = 0
    for _, change in events:
        running += change
        most = max(most, running)
    return most


def ran(spark: Any, task_by_task: bool) -> List[Stage]:
    """The stages of this application that ran, by number. task_by_task: whether to ask when their tasks ran."""
    context = spark.sparkContext._jsc.sc()
    # What has ended is told by events that are still on their way.
    context.listenerBus().waitUntilEmpty()
    store = context.statusStore()
    listed = store.stageList(None)
    stages = [listed.apply(number) for number in range(listed.size())]
    stages = [stage for stage in stages if stage.status().toString() != "SKIPPED"]
    return [
        _stage(store, stage, task_by_task) for stage in sorted(stages, key=lambda one: (one.stageId(), one.attemptId()))
    ]


def _stage(store: Any, stage: Any, task_by_task: bool) -> Stage:
    description, tasks = stage.description(), int(stage.numTasks())
    wanted = task_by_task and tasks <= MOST_TASKS
    return Stage(
        phase=str(description.get()) if description.isDefined() else "other",
        attempt=int(stage.attemptId()),
        tasks=tasks,
        failed_tasks=int(stage.numFailedTasks()),
        task_seconds=int(stage.executorRunTime()) / 1000,
        spans=_spans(store.taskList(stage.stageId(), stage.attemptId(), tasks)) if wanted else None,
    )


def _spans(tasks: Any) -> List[Tuple[int, int]]:
    found = []
    for number in range(tasks.size()):
        task = tasks.apply(number)
        if task.taskMetrics().isDefined():
            metrics, launched = task.taskMetrics().get(), int(task.launchTime().getTime())
            # Not until the driver has heard of its end, by when its slot may have the next task.
            found.append((launched, launched + int(metrics.executorDeserializeTime()) + int(metrics.executorRunTime())))
    return found
