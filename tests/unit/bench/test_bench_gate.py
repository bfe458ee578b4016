"""The load gate, with a clock and a processor that the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from experiments.bench import gate
from experiments.bench.gate import PATIENCE, WINDOW, Ticks, ticks, wait_for_quiet


@dataclass
class Machine:
    """200 ticks a second on two cores; `busy` gives the share of them in work for each window, then the last again."""

    busy: list[float]
    now: float = 0.0
    idle: float = 0.0
    total: float = 0.0
    said: list[str] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        share = self.busy.pop(0) if len(self.busy) > 1 else self.busy[0]
        self.now += seconds
        self.total += 200 * seconds
        self.idle += 200 * seconds * (1 - share)

    def read(self) -> Ticks:
        return Ticks(round(self.idle), round(self.total))

    def wait(self) -> gate.Load:
        return wait_for_quiet(self.said.append, read=self.read, clock=lambda: self.now, sleep=self.sleep)


def test_a_quiet_host_is_looked_at_for_one_window() -> None:
    machine = Machine([0.02])
    load = machine.wait()
    assert (load.quiet, load.busy, load.waited) == (True, 0.02, WINDOW)
    assert machine.said == []


def test_waits_until_the_host_is_quiet_and_says_what_for() -> None:
    machine = Machine([0.9, 0.9, 0.5, 0.03])
    load = machine.wait()
    assert load.quiet
    assert load.waited == 4 * WINDOW
    assert machine.said == ["waiting for a quiet host: 90% of its cores busy, allowed 8%, until 600 s"]


def test_says_so_again_from_time_to_time_but_not_at_every_look() -> None:
    machine = Machine([0.9] * 25 + [0.0])
    machine.wait()
    assert len(machine.said) == 3


def test_patience_ends_and_the_record_says_so() -> None:
    machine = Machine([0.5])
    load = machine.wait()
    assert not load.quiet
    assert load.busy == 0.5
    assert PATIENCE <= load.waited < PATIENCE + 2 * WINDOW
    assert "still 50% busy after 6" in machine.said[-1]
    assert len(load.loadavg) == 3


def test_the_kernels_counters_are_read() -> None:
    before = ticks()
    assert 0 < before.idle < before.total
    assert ticks().total >= before.total


@pytest.fixture(autouse=True)
def no_real_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: float) -> None:
        raise AssertionError("slept for real")

    monkeypatch.setattr(gate.time, "sleep", fail)
