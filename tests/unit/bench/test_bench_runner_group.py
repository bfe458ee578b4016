"""GROUP=runner: from made records to its figures, met and missed; what the stopwatch notes; the plan of its trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench_fakes import bench, figure

from experiments.bench import runner_figures as figures
from experiments.bench import runner_group
from experiments.bench.runner_group import OVERHEAD, Stopwatch
from experiments.bench.targets import verdict
from experiments.bench.types import Measured
from experiments.errors import RunFailed
from experiments.matrix.costs import REFERENCE_ISA, REFERENCE_SECONDS, Calibration
from experiments.matrix.plan import Host, make_plan
from experiments.matrix.preset import parse_preset
from experiments.runner.seam import Outcome

TWO_CORES = Host(cores=2, memory_mb=24_000, disk_free_mb=50_000, cpu_model="made")
CALIBRATION = Calibration({REFERENCE_ISA: REFERENCE_SECONDS})


def trial(cell: str, outside: float = 0.9, share: float = 0.003) -> dict[str, Any]:
    return {
        "cell": cell,
        "whole_s": 62.0 + outside,
        "submit_s": 60.0,
        "waited_s": 2.0,
        "upload_s": 0.2,
        "sampler_share": share,
        "nodes": int(cell[0]),
    }


def named(found: Any) -> dict[str, Measured]:
    return {one.name: one for one in found}


def said(one: Measured) -> str:
    return verdict(figure(one.name, one.value, low=one.low, high=one.high))


@pytest.mark.parametrize(
    ("planned", "actual", "expected"),
    [(200.0, 200.0, "met"), (200.0, 300.0, "missed"), (300.0, 200.0, "missed"), (240.0, 200.0, "met")],
)
def test_the_plan_is_held_against_the_time_it_took_on_both_sides(planned: float, actual: float, expected: str) -> None:
    records = [{"planned_s": planned, "actual_s": actual, "boots": 1}, trial(figures.THREE)] * 3
    (found,) = figures.smoke(records)
    assert found.value == pytest.approx(planned / actual)
    assert said(found) == expected


@pytest.mark.parametrize(("outside", "expected"), [(1.1, "met"), (1.3, "missed")])
def test_overhead_is_what_a_trial_takes_beside_its_job_and_its_wait(outside: float, expected: str) -> None:
    records = [trial(figures.THREE, outside) for _ in range(3)] + [trial(figures.SEVEN, 2.0, 0.006) for _ in range(3)]
    found = named(figures.overhead([{"actual_s": 1.0}, *records]))
    assert found["runner_overhead"].value == pytest.approx(outside / 60)
    assert said(found["runner_overhead"]) == expected
    assert found["runner_overhead_7_nodes"].value == pytest.approx(2 / 60)
    assert found["sampler_cpu_share"].value == pytest.approx(0.003)
    assert found["sampler_cpu_share_7_nodes"].value == pytest.approx(0.006)
    assert said(found["sampler_cpu_share"]) == "met"


def test_a_cell_without_trials_gives_no_overhead() -> None:
    with pytest.raises(RunFailed, match="no trial of 7-nodes"):
        figures.overhead([trial(figures.THREE), trial(figures.THREE)])


def test_times_are_medians_of_their_repeats() -> None:
    seconds = [1.0, 1.2, 5.0]
    (plan,) = figures.plan([{"cells": 10_000, "seconds": one} for one in seconds])
    (store,) = figures.store([{"trials": 10_000, "mb": 90.0, "seconds": one} for one in seconds])
    report = named(figures.report([{"trials": 1000, "html_mb": 2.5, "seconds": one} for one in seconds]))
    (large,) = figures.report_10k([{"trials": 10_000, "html_mb": 4.0, "seconds": one} for one in seconds])
    for one in (plan, store, report["report_seconds"], large):
        assert (one.value, one.n, one.absolute) == (1.2, 3, True)
    assert report["report_html_mb"].value == 2.5
    assert "10000 cells" in plan.note


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def record(status: str = "measured") -> dict[str, Any]:
    return {
        "cell": "c",
        "trial": "001-c",
        "status": status,
        "reasons": [] if status == "measured" else ["2 rows missing"],
        "phases": {"submit": 50.0, "upload": 0.5},
        "host": {"waited": 1.0},
        "sampler": {"share": 0.002},
        "used": {"a": {}, "b": {}},
    }


def test_the_stopwatch_runs_from_the_look_at_the_host_to_the_record_on_disk() -> None:
    clock = Clock()
    watch = Stopwatch(lambda _: None, clock)
    watch.phase("c", "", "cluster boot")
    clock.now = 20.0
    watch.phase("c", "001-c", "waiting for a quiet host")
    clock.now = 21.0
    watch.phase("c", "001-c", "trial")
    clock.now = 72.0
    watch.ended(record())
    (one,) = watch.trials
    assert one["whole_s"] - one["submit_s"] - one["waited_s"] == pytest.approx(1.0)
    assert one["nodes"] == 2


def test_a_trial_that_was_not_measured_ends_the_step() -> None:
    watch = Stopwatch(lambda _: None, Clock())
    watch.phase("c", "001-c", "trial")
    with pytest.raises(RunFailed, match="001-c: invalid: 2 rows missing"):
        watch.ended(record("invalid"))


def test_trials_of_the_overhead_last_a_minute_on_two_cores() -> None:
    plan = make_plan(parse_preset(OVERHEAD, "overhead", "overhead"), TWO_CORES, CALIBRATION)
    assert {one.cell.name: len(one.cluster.nodes) for one in plan.runnable if one.cluster} == {
        figures.THREE: 3,
        figures.SEVEN: 7,
    }
    for one in plan.runnable:
        assert one.estimate is not None
        assert 50 <= one.estimate.seconds <= 120


class Laboratory:
    """Clusters that come up and trials that end at once."""

    def __init__(self, *_: object) -> None:
        pass

    def environment(self) -> dict[str, Any]:
        return {}

    def content(self, _: object) -> dict[str, Any]:
        return {}

    def steady(self) -> dict[str, Any]:
        return {"waited": 0.0}

    def up(self, _: object) -> dict[str, Any]:
        return {}

    def run(self, *_: object) -> Outcome:
        kept = {key: value for key, value in record().items() if key in ("phases", "sampler", "used")}
        return Outcome({**kept, "phases": {"submit": 0.0, "upload": 0.0}})

    def down(self) -> dict[str, Any]:
        return {}

    def clear(self) -> None:
        pass


def test_a_run_gives_a_record_of_its_own_and_one_of_each_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_group, "Clusters", Laboratory)
    monkeypatch.setattr(runner_group.artefacts, "model", lambda *_: None)
    monkeypatch.setattr(runner_group.environment, "host", lambda: TWO_CORES)
    monkeypatch.setattr(runner_group.speeds, "calibrate", lambda: CALIBRATION)
    preset = parse_preset(OVERHEAD, "overhead", "overhead")
    head, *trials = runner_group.ran(preset, tmp_path / "run", bench(tmp_path))
    assert head["actual_s"] > 0
    assert head["planned_s"] > 300
    assert [one["cell"] for one in trials].count(figures.SEVEN) == OVERHEAD["repeats"]
    assert not (tmp_path / "run").exists()
    assert len(figures.overhead([head, *trials])) == 4
