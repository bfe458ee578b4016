"""A laboratory in memory, whose clusters and trials fail, end or are interrupted where a test says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.matrix.costs import REFERENCE_ISA, Calibration
from experiments.matrix.plan import Host, Plan, PlannedCell, make_plan
from experiments.matrix.preset import parse_preset
from experiments.runner.progress import TRIAL
from experiments.runner.seam import Outcome

Records = list[Mapping[str, Any]]
HOST = Host(cores=2, memory_mb=24_000, disk_free_mb=50_000, cpu_model="made")


def plan_of(host: Host = HOST, **content: Any) -> Plan:
    made: dict[str, Any] = {"schema": 1, "title": "t", "repeats": 3, "warm_ups": 0}
    made |= content or {"settings": {"topology": "databricks", "engine": "fused"}, "axes": {"workers": [1, 2, 3]}}
    return make_plan(parse_preset(made, "made", "made.toml"), host, Calibration({REFERENCE_ISA: 0.0222}))


@dataclass
class Laboratory:
    """fail: by call (a method's name) and cell, what it raises each time; "" for calls that are of no cell.

    interrupt_at: the number of the step at which Ctrl-C comes; each call is two steps, before and after its effect.
    """

    fail: Mapping[tuple[str, str], Exception] = field(default_factory=dict)
    invalid: Mapping[str, str] = field(default_factory=dict)
    interrupt_at: int | None = None
    model: str = "model-1"
    name: str = "host-1"
    up_now: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)
    trials: list[str] = field(default_factory=list)
    steps: int = 0
    most_up: int = 0
    left_by_a_failed_boot: bool = False

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.interrupt_at:
            raise KeyboardInterrupt

    def _call(self, what: str, cell: str, effect: Callable[[], None] = lambda: None) -> None:
        self._step()
        self.calls.append((what, cell))
        if (what, cell) in self.fail:
            if what == "up" and self.left_by_a_failed_boot:
                effect()
            raise self.fail[what, cell]
        effect()
        self.most_up = max(self.most_up, len(self.up_now))
        self._step()

    def environment(self) -> Mapping[str, Any]:
        self._call("environment", "")
        return {"host": self.name}

    def content(self, planned: PlannedCell) -> Mapping[str, Any]:
        self._call("content", planned.cell.name)
        return {"model": self.model}

    def steady(self) -> Mapping[str, Any]:
        self._call("steady", "")
        return {"quiet": True}

    def up(self, planned: PlannedCell) -> Mapping[str, Any]:
        self._call("up", planned.cell.name, lambda: self.up_now.add(planned.cluster_name))
        return {"ready_seconds": 1.0}

    def run(self, planned: PlannedCell, trial: str) -> Outcome:
        assert self.up_now == {planned.cluster_name}
        assert trial not in self.trials
        self.trials.append(trial)
        self._call("run", planned.cell.name)
        reason = self.invalid.get(planned.cell.name)
        return Outcome({"per_image": {"wall": 0.5}}, (reason,) if reason else ())

    def down(self) -> Mapping[str, Any]:
        self._call("down", "", self.up_now.clear)
        return {"tear_down_seconds": 0.1}

    def clear(self) -> None:
        """Cannot be interrupted, as the real one."""
        if ("clear", "") in self.fail and self.up_now:
            raise self.fail["clear", ""]
        self.up_now.clear()

    def able(self) -> None:
        if ("able", "") in self.fail:
            raise self.fail["able", ""]


@dataclass
class Watcher:
    said: list[str] = field(default_factory=list)
    records: list[Mapping[str, Any]] = field(default_factory=list)
    trials: int = -1

    def begin(self, plan: Plan, trials: int) -> None:
        self.trials = trials
        self.plan = plan

    def phase(self, cell: str, trial: str, phase: str) -> None:
        pass

    def say(self, text: str) -> None:
        self.said.append(text)

    def ended(self, record: Mapping[str, Any]) -> None:
        self.records.append(record)


def folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def made(records: Records, kind: str = TRIAL) -> Counter[tuple[str, int]]:
    return Counter((one["cell"], one["round"]) for one in records if one["kind"] == kind)


def states(records: Records) -> dict[str, set[str]]:
    return {
        cell: {one["status"] for one in records if one["cell"] == cell} for cell in {one["cell"] for one in records}
    }
