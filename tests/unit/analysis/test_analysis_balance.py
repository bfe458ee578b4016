"""How well unequal nodes were used: made tasks whose answer is known."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.analysis.balance import efficiency
from experiments.analysis.statistics import NoEstimate
from experiments.analysis.trials import Trial
from experiments.eventlog import TaskRow


def trial(images: dict[str, int], **evidence: Any) -> Trial:
    hosts = {host: {"images": number} for host, number in images.items()}
    record = {"images": sum(images.values()), "slots": 2, "executors": 2, "hosts": hosts, **evidence}
    return Trial("001", "table-5", "table-5", "one", 1, 1, 0.33, {}, record)


def task(host: str, launch: float, finish: float, phase: str = "segment") -> TaskRow:
    return TaskRow(1, 0, "collect", phase, 0, 0, host, f"of {host}", launch, finish, finish - launch, False, None)


def test_nodes_that_are_always_busy_are_used_in_full() -> None:
    tasks = [task("new", 10, 15), task("new", 15, 20), task("old", 10, 20)]
    assert efficiency(trial({"new": 20, "old": 5}), tasks) == pytest.approx(1)


def test_a_fast_node_that_waits_for_a_slow_one_counts_for_what_it_could_have_done() -> None:
    # Ten images each: the fast node takes 5 s and waits for 5; in 10 s both could have done 20 + 10.
    tasks = [task("new", 0, 5), task("old", 0, 10), task("old", -30, -20, "inventory")]
    assert efficiency(trial({"new": 10, "old": 10}), tasks) == pytest.approx(20 / 30)


def test_slots_of_an_executor_count() -> None:
    tasks = [task("new", 0, 10), task("new", 0, 10), task("old", 0, 10)]
    # Two slots each; the old node's second one had nothing to do.
    assert efficiency(trial({"new": 20, "old": 5}, slots=4), tasks) == pytest.approx(25 / 30)


@pytest.mark.parametrize(
    ("one", "tasks", "why"),
    [
        (trial({"new": 5}), [task("new", 0, 5)], "1 of 2 executors worked"),
        (trial({"new": 5}), None, "has no tasks"),
        (trial({"new": 5, "old": 0}), [task("new", 0, 5), task("old", 0, 5)], "old had tasks and no image"),
        (trial({"new": 5, "old": 5}), [task("new", 0, 5), task("old", 3, 3)], "old had tasks and no image"),
        (trial({"new": 5, "old": 5}, slots=None), [task("new", 0, 5), task("old", 0, 5)], "has no slots"),
    ],
)
def test_what_is_missing_is_said(one: Trial, tasks: list[TaskRow] | None, why: str) -> None:
    found = efficiency(one, tasks)
    assert isinstance(found, NoEstimate)
    assert why in found.reason
