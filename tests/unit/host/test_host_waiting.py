"""Waiting for a condition, on a clock that the test turns."""

from __future__ import annotations

import pytest

from experiments.errors import RunFailed
from experiments.waiting import TimedOut, wait_until


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def test_a_condition_that_holds_is_asked_once() -> None:
    clock = Clock()
    assert wait_until(lambda: None, what="it", timeout=0, clock=clock, sleep=clock.sleep) == 0
    assert clock.naps == []


def test_the_seconds_until_it_holds() -> None:
    clock, answers = Clock(), iter(["a", "b", "c", None])
    waited = wait_until(lambda: next(answers), what="it", timeout=60, pause=2, clock=clock, sleep=clock.sleep)
    assert (waited, clock.naps) == (6, [2, 2, 2])


def test_the_deadline_names_what_was_missing_last() -> None:
    clock, answers = Clock(), iter(["the first", "the last", "never asked"])
    with pytest.raises(TimedOut) as caught:
        wait_until(lambda: next(answers), what="registration", timeout=3, pause=3, clock=clock, sleep=clock.sleep)
    assert str(caught.value) == "registration: not ready after 3 s; still missing: the last"
    assert caught.value.missing == "the last"
    assert isinstance(caught.value, RunFailed)


def test_it_is_asked_once_more_at_the_deadline() -> None:
    clock, answers = Clock(), iter(["a", None])
    assert wait_until(lambda: next(answers), what="it", timeout=3, pause=3, clock=clock, sleep=clock.sleep) == 3


def test_an_error_of_the_condition_ends_the_wait() -> None:
    def missing() -> str | None:
        raise RunFailed("a node ended by itself")

    with pytest.raises(RunFailed, match="ended by itself"):
        wait_until(missing, what="it", timeout=60)
