"""The least memory that works, found by trials; and what those that failed died of."""

from __future__ import annotations

from typing import cast

import pytest

from experiments.errors import HostError
from experiments.eventlog import TaskRow
from experiments.host.command import Completed
from experiments.host.engine import Engine
from experiments.host.memory import oom_kills
from experiments.memory import search
from experiments.memory.search import Cell, Trial, deaths, least, next_probe, waves

CELL = Cell(16, 4, 1)


def trial(total: int, works: bool, done: bool | None = None) -> Trial:
    found = () if works else (search.Death(1.0, search.JVM_HEAP, "worker", "0"),)
    done = works if done is None else done
    return Trial(CELL, total, total * 2 // 3, done, 10.0, 2, found, (len(found),) if found else (), 0)


@pytest.mark.parametrize("needed", [700, 1000, 2305, 4000, 6144])
def test_bisection_finds_the_least_to_its_tolerance(needed: int) -> None:
    trials: list[Trial] = []
    while (total := next_probe(trials, 768, 6144, 128)) is not None:
        assert total not in [one.total_mb for one in trials]
        trials.append(trial(total, total >= needed))
        assert len(trials) < 12
    found = least(trials)
    assert found is not None
    assert needed <= found <= max(768, needed + 128 + search.STEP_MB)


def test_nothing_works() -> None:
    assert next_probe([], 768, 6144, 128) == 6144
    assert next_probe([trial(6144, False)], 768, 6144, 128) is None
    assert least([trial(6144, False)]) is None


def test_a_job_that_ended_with_failed_tasks_did_not_work() -> None:
    survived = trial(2048, False, done=True)
    assert not survived.clean
    assert least([survived, trial(4096, True)]) == 4096


def task(finish: float, reason: str | None, executor: str = "0") -> TaskRow:
    # Fields that later versions add have defaults of their own or are given by name.
    known = {
        "stage_id": 1,
        "stage_attempt": 0,
        "stage_name": "predict",
        "phase": "predict",
        "index": 0,
        "attempt": 0,
        "host": "worker",
        "executor": executor,
        "launch_s": 5.0,
        "finish_s": finish,
        "run_s": None,
        "failed": reason is not None,
        "reason": reason,
    }
    more = {name: None for name in TaskRow.__dataclass_fields__ if name not in known}
    return TaskRow(**known, **more)


@pytest.mark.parametrize(
    ("reason", "kills", "cause"),
    [
        ("ExceptionFailure: java.lang.OutOfMemoryError: Java heap space", 0, search.JVM_HEAP),
        ("ExecutorLostFailure: Command exited with code 52", 0, search.JVM_HEAP),
        ("ExecutorLostFailure: Command exited with code 137", 1, search.JVM_KILLED),
        ("ExecutorLostFailure: Remote RPC client disassociated. Likely due to containers", 4, search.JVM_KILLED),
        ("ExecutorLostFailure: Remote RPC client disassociated. Likely due to containers", 0, search.OTHER),
        ("ExecutorLostFailure: worker lost", 2, search.WORKER_KILLED),
        ("ExecutorLostFailure: worker lost", 0, search.OTHER),
        ("ExceptionFailure: org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)", 1, "PYTHON"),
        ("ExceptionFailure: MemoryError", 0, search.PYTHON_MEMORY),
        ("ExecutorLostFailure: Command exited with code 137", 0, search.OTHER),
        ("ExceptionFailure: ValueError: bad weights", 3, search.OTHER),
    ],
)
def test_what_a_task_died_of(reason: str, kills: int, cause: str) -> None:
    (found,) = deaths([task(6.5, reason), task(9.0, None)], kills)
    assert found.cause.startswith(search.PYTHON_KILLED if cause == "PYTHON" else cause)
    assert found.seconds == 1.5


def test_tasks_that_fail_together_are_a_wave() -> None:
    ends = (6.0, 6.1, 6.2, 20.0, 20.5, 50.0)
    assert waves(deaths([task(end, "java.lang.OutOfMemoryError") for end in ends], 0)) == (3, 2, 1)
    assert waves(()) == ()
    assert deaths([], 0) == ()


class Shell:
    """An engine whose containers show these files."""

    def __init__(self, shown: str) -> None:
        self.shown = shown

    def exec(self, *_: object, **__: object) -> Completed:
        return Completed((), 0, self.shown, "")


@pytest.mark.parametrize(
    "shown",
    ["oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 3\noom_group_kill 0\n"],
)
def test_kills_are_counted_by_either_version_of_cgroups(shown: str) -> None:
    assert oom_kills(cast(Engine, Shell(shown)), "worker") == 3


def test_a_kernel_that_counts_no_kills_is_no_zero() -> None:
    with pytest.raises(HostError, match="worker: its cgroup counts no kills"):
        oom_kills(cast(Engine, Shell("oom_kill_disable 0\nunder_oom 0\n")), "worker")
