"""GROUP=runner: what the runner, its plans, its records and its report cost beside what they are about."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.bench import model_figures
from experiments.bench import runner_figures as figures
from experiments.bench.model import calibration
from experiments.bench.types import Bench, Group, Record, Step
from experiments.errors import RunFailed
from experiments.host import models
from experiments.host.command import run as command
from experiments.matrix.plan import Plan, make_plan
from experiments.matrix.preset import load_preset, parse_preset
from experiments.matrix.types import Preset
from experiments.runner import artefacts, environment, loop, speeds
from experiments.runner.laboratory import Clusters
from experiments.runner.progress import MEASURED

SMOKE_RUNS = 3
REPEATS = 3
CELLS = 10_000
FEW_TRIALS, MANY_TRIALS = 1_000, 10_000
_WORK_TIMEOUT = 900.0

# Trials of a minute or more: the smallest cluster of several nodes, and the largest that ships.
OVERHEAD: Mapping[str, Any] = {
    "schema": 1,
    "title": "What stands between trials",
    "repeats": REPEATS,
    "warm_ups": 0,
    "compare_by": ["topology"],
    "input": {"sets": ["synthetic"]},
    "settings": {"engine": "fused"},
    "cells": [
        {"name": figures.THREE, "set": {"topology": "standalone", "workers": 2, "images": 800}},
        {"name": figures.SEVEN, "set": {"topology": "databricks", "workers": 6, "images": 400}},
    ],
}


@dataclass
class Stopwatch:
    """Looks on, and notes when each trial began and when its record was on disk."""

    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    trials: list[dict[str, Any]] = field(default_factory=list)
    _began: dict[str, float] = field(default_factory=dict)

    def begin(self, plan: Plan, trials: int) -> None:
        self.say(f"{plan.preset.name}: {trials} trials, about {plan.seconds.seconds:.0f} s")

    def phase(self, cell: str, trial: str, phase: str) -> None:  # noqa: ARG002
        if trial:
            self._began.setdefault(trial, self.clock())

    def ended(self, record: Mapping[str, Any]) -> None:
        whole = self.clock() - self._began[record["trial"]]
        if record["status"] != MEASURED:
            raise RunFailed(f"{record['trial']}: {record['status']}: {'; '.join(record['reasons'])}")
        submit, waited = record["phases"]["submit"], record["host"]["waited"]
        self.trials.append(
            {
                "cell": record["cell"],
                "trial": record["trial"],
                "whole_s": whole,
                "submit_s": submit,
                "waited_s": waited,
                "upload_s": record["phases"]["upload"],
                "sampler_share": record["sampler"]["share"],
                "nodes": len(record["used"]),
            }
        )
        self.say(f"{record['trial']}: {submit:.1f} s, and {whole - submit - waited:.2f} s around it")


def ran(preset: Preset, folder: Path, bench: Bench) -> list[Record]:
    """Runs a preset's plan into a folder: a record on the run, then one a trial. Raises RunFailed for one that failed.

    What a run prepares once a host (the model, the calibration of its cores) is there before the clock starts.
    """
    artefacts.model("small", models.SMALL_SIZE, False, bench.say)
    plan = make_plan(preset, environment.host(), speeds.calibrate())
    folder.mkdir()
    watch, begin = Stopwatch(bench.say), time.monotonic()
    loop.run(plan, folder, Clusters(plan, folder, bench.say), watch)
    seconds = time.monotonic() - begin
    shutil.rmtree(folder)
    planned = plan.seconds
    head = {"planned_s": planned.seconds, "low_s": planned.low, "high_s": planned.high, "actual_s": seconds}
    return [{"run": preset.name, **head, "boots": plan.boots}, *({"run": preset.name, **one} for one in watch.trials)]


# Steps


def _smoke(bench: Bench) -> Sequence[Record]:
    preset = load_preset("smoke")
    return [
        {**record, "repeat": number}
        for number in range(bench.repeats(SMOKE_RUNS))
        for record in ran(preset, bench.scratch / f"smoke-{number}", bench)
    ]


def _overhead(bench: Bench) -> Sequence[Record]:
    content = {**OVERHEAD, "repeats": bench.repeats(REPEATS)}
    return ran(parse_preset(content, "overhead", "overhead"), bench.scratch / "overhead", bench)


def _plan(bench: Bench) -> Sequence[Record]:
    return [_work("plan", CELLS) for _ in range(bench.repeats(5))]


def _store(bench: Bench) -> Sequence[Record]:
    folder = _made(bench, MANY_TRIALS)
    return [_work("store", folder) for _ in range(bench.repeats(5))]


def _report(bench: Bench) -> Sequence[Record]:
    folder = _made(bench, FEW_TRIALS)
    return [_work("report", folder) for _ in range(bench.repeats(3))]


def _report_10k(bench: Bench) -> Sequence[Record]:
    folder = _made(bench, MANY_TRIALS)
    return [_work("report", folder) for _ in range(2)]


def _made(bench: Bench, trials: int) -> Path:
    """A made run of so many trials, each as large as a real one."""
    folder = bench.scratch / f"made-{trials}"
    if not folder.exists():
        _work("make", folder, trials)
    return folder


def _work(*words: object) -> dict[str, Any]:
    """One piece of work in a process of its own, on one core; what it says of it."""
    arguments = [sys.executable, "-m", "experiments.bench.runner_work", *map(str, words)]
    done = command(arguments, timeout=_WORK_TIMEOUT)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


_CODE = (
    "cluster_app/",
    "compose/",
    "docker/",
    "experiments/analysis/",
    "experiments/bench/runner_",
    "experiments/bench/statistics.py",
    "experiments/claims/",
    "experiments/cli/",
    "experiments/cluster/",
    "experiments/comparison.py",
    "experiments/engine_settings",
    "experiments/errors.py",
    "experiments/eventlog.py",
    "experiments/figures/",
    "experiments/fit.py",
    "experiments/host/",
    "experiments/isa.py",
    "experiments/matrix/",
    "experiments/memory/",
    "experiments/photograph",
    "experiments/presets/",
    "experiments/profiles",
    "experiments/render.py",
    "experiments/report/",
    "experiments/rules.py",
    "experiments/run_report/",
    "experiments/runner/",
    "experiments/scenes.py",
    "experiments/shapes.py",
    "experiments/store/",
    "experiments/topolog",
    "experiments/types.py",
    "experiments/units.py",
)

RUNNER = Group(
    "runner",
    (
        Step("calibration", 45, calibration, model_figures.calibration),
        Step("plan", 20, _plan, figures.plan),
        Step("store", 60, _store, figures.store),
        Step("report", 60, _report, figures.report),
        Step("report-10k", 150, _report_10k, figures.report_10k),
        Step("smoke", 660, _smoke, figures.smoke),
        Step("overhead", 620, _overhead, figures.overhead),
    ),
    code=_CODE,
)
