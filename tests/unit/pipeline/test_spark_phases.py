"""Stages added up by phase, and how many tasks ran together."""

from __future__ import annotations

import pytest

from cluster_app.pipeline.spark_phases import Stage, by_phase, most_at_once


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], 0),
        ([(0, 10)], 1),
        ([(0, 10), (10, 20)], 1),
        ([(0, 10), (5, 20), (9, 11), (30, 40)], 3),
        ([(0, 10), (0, 10)], 2),
    ],
)
def test_most_at_once(spans: list[tuple[int, int]], expected: int) -> None:
    assert most_at_once(spans) == expected


def test_stages_of_a_phase_are_added_up() -> None:
    found = by_phase(
        [
            Stage("read", 0, 1, 0, 2.0, [(0, 5)]),
            Stage("predict", 0, 4, 2, 8.0, [(0, 5), (1, 5)]),
            Stage("predict", 1, 2, 0, 1.0, [(5, 6)]),
        ]
    )
    read, predict = found
    assert (read.name, read.stages, read.tasks, read.most_at_once) == ("read", 1, 1, 1)
    assert (predict.stages, predict.retried, predict.tasks, predict.failed_tasks) == (2, 1, 6, 2)
    assert (predict.most_at_once, predict.task_seconds) == (2, 9.0)


def test_unknown_is_not_none_at_all() -> None:
    (found,) = by_phase([Stage("segment", 0, 900, 0, 1.0, None), Stage("segment", 0, 2, 0, 1.0, [(0, 1)])])
    assert found.most_at_once is None
