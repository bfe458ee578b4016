"""Where the seconds go, on made tasks whose idle times are known."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from analysis_material import trial

from experiments.analysis import decomposition, raw
from experiments.analysis.decomposition import PARTS, Decomposition
from experiments.analysis.occupancy import most_at_once, occupancy, placed
from experiments.analysis.statistics import NoEstimate
from experiments.analysis.trials import Trial
from experiments.bench.statistics import Estimate
from experiments.errors import UserError
from experiments.eventlog import TaskRow
from experiments.runner.samples import Sample


def task(
    host: str, launch: float, finish: float, *, phase: str = "segment", stage: int = 1, index: int = 0, **other: Any
) -> TaskRow:
    values = {"run_s": finish - launch, "failed": False, "reason": None, **other}
    return TaskRow(stage, 0, f"stage {stage}", phase, index, 0, host, "1", launch, finish, **values)


# Two slots. Stage 1 from 10 to 20: slot b has no task after 14. Stage 2 from 22 to 24 has one task only.
TASKS = (
    task("a", 10, 20, index=0),
    task("b", 10, 12, index=1),
    task("b", 13, 14, index=2, run_s=0.5),
    task("a", 22, 24, stage=2),
)


def job(workers: list[dict[str, Any]] | None = None, **changes: Any) -> Trial:
    """24 s from submission to its end, 12 of which lie before the work."""
    evidence: dict[str, Any] = {
        "images": 10,
        "slots": 2,
        "phases": {"submit": 27.0, "total": 20.0, "start": 5.0, "inventory": 0.5, "commit": 0.25},
        "result": {"threads_per_task": 1, "workers": workers or []},
        "used": {},
    }
    return trial("cell", **{**evidence, **changes})


def split(one: Trial, tasks: tuple[TaskRow, ...] = TASKS) -> Decomposition:
    found = decomposition.decompose(one, tasks)
    assert isinstance(found, Decomposition), found
    return found


def test_idle_slots_have_three_reasons() -> None:
    found = occupancy(TASKS, 2)
    assert (found.covered, found.busy) == (12, 15)
    assert found.launching == 1  # slot b, 12 to 13
    assert found.straggling == 6  # slot b, 14 to 20
    assert found.unfilled == 2  # slot b, 22 to 24
    assert found.slots * found.covered == found.busy + found.launching + found.straggling + found.unfilled


def test_overlapping_stages_share_the_slots() -> None:
    found = occupancy([task("a", 0, 10), task("b", 2, 10, stage=2)], 2)
    assert (found.launching, found.straggling, found.unfilled) == (0, 0, 2)


def test_a_task_takes_over_the_slot_a_moment_before_the_last_ones_end_is_noted() -> None:
    tasks = (task("a", 0, 5.036, index=0), task("a", 5, 9, index=1), task("b", 5, 9, index=2), task("a", 6, 9, index=3))
    found = placed(tasks)
    assert [(one.finish_s, place) for one, place in found] == [(5, 0), (9, 0), (9, 0), (9, 1)]
    assert most_at_once([one for one, _ in found[:3]]) == 2
    # Short tasks that do run at the same time keep places of their own.
    short = placed((task("a", 0, 0.1, index=0), task("a", 0.02, 0.12, index=1)))
    assert [(one.finish_s, place) for one, place in short] == [(0.1, 0), (0.12, 1)]


def test_overlaps_of_moments_add_no_slot_and_no_time() -> None:
    own = (task("a", 10, 15.02, index=0), task("a", 15, 20, index=1), task("b", 10, 20.01, index=2))
    found = split(job(), own)
    assert found.slots == 2
    assert found.total == pytest.approx(2.7)


def test_more_tasks_at_once_than_slots_count_as_slots() -> None:
    assert most_at_once([task("a", 0, 2), task("b", 1, 3), task("c", 2, 4)]) == 2
    assert occupancy([task("a", 0, 2), task("b", 1, 3)], 1).slots == 2


def test_the_parts_add_up_to_the_wall_time() -> None:
    found = split(job())
    assert set(found.seconds) == set(PARTS)
    assert found.total == pytest.approx(27.0 / 10)
    whole = 2 * 10
    assert found.seconds["start-up"] == pytest.approx(2 * 12 / whole)
    assert found.seconds["straggler"] == pytest.approx(6 / whole)
    assert found.seconds["too few tasks"] == pytest.approx(2 / whole)
    assert found.seconds["scheduling"] == pytest.approx(1.5 / whole)
    assert found.seconds["inventory"] == pytest.approx(2 * 0.5 / whole)
    assert found.seconds["writing"] == pytest.approx(2 * 0.25 / whole)
    assert found.seconds["driver"] == pytest.approx(2 * (15 - 12 - 0.75) / whole)
    assert found.seconds["other"] == pytest.approx(14.5 / whole)


def test_workers_say_what_tasks_did_and_a_quota_takes_its_share_of_each_part() -> None:
    workers = [
        {"host": "a", "compile_seconds": 2.0, "infer_seconds": 6.0, "decode_seconds": 2.0, "input_seconds": 1.0},
        {"host": "b", "infer_seconds": 5.0},
    ]
    found = split(job(workers, used={"a": {"cpu_s": 9.0, "throttled_s": 3.0}}))
    whole = 2 * 10
    assert found.total == pytest.approx(2.7)
    assert found.seconds["throttled"] == pytest.approx(12 * 0.25 / whole)
    assert found.seconds["compile"] == pytest.approx(2 * 0.75 / whole)
    # b's worker claims twice the 2.5 s that its tasks ran: its part is scaled to them.
    assert found.seconds["compute"] == pytest.approx((8 * 0.75 + 2.5) / whole)
    assert found.seconds["serialisation"] == pytest.approx(1 * 0.75 / whole)
    assert found.seconds["other"] == pytest.approx((12 - 11) * 0.75 / whole)
    # By what was done, a stop is time of what it stopped; and means over trials keep that.
    assert sum(found.by_work.values()) == pytest.approx(2.7)
    assert found.by_work["compile"] == pytest.approx(2 / whole)
    assert "throttled" not in found.by_work
    twice = decomposition.mean_of([found, found])
    assert isinstance(twice, Decomposition)
    assert twice.by_work == pytest.approx(found.by_work)


def test_missing_evidence_is_no_zero() -> None:
    everything = ("compile", "compute", "serialisation", "throttled")
    assert split(job()).unmeasured == everything
    sampled = {host: {"cpu_s": 9.0, "throttled_s": 0.0} for host in "ab"}
    workers = [{"host": "a", "infer_seconds": 1.0}]
    assert split(job(used=sampled)).unmeasured == everything[:3]
    assert split(job(workers, used={"a": sampled["a"]})).unmeasured == ("throttled",)
    complete = split(job(workers, used=sampled))
    assert complete.unmeasured == ()
    assert "not measured" not in decomposition.sentence("a", complete)
    assert decomposition.sentence("a", split(job(workers))).endswith("; not measured, or not wholly: throttled.")
    both = decomposition.mean_of([complete, split(job(workers))])
    assert isinstance(both, Decomposition)
    assert both.unmeasured == ("throttled",)


def test_what_is_read_lazily_in_tasks_of_another_phase_is_not_measured() -> None:
    phases = {"submit": 27.0, "total": 20.0, "start": 5.0, "read": 0.1}
    assert "reading" in split(job(phases=phases, settings={"timing": "paper"})).unmeasured
    assert "reading" not in split(job(phases=phases, settings={"timing": "materialised"})).unmeasured
    # An engine setting may choose the timing: then the cell's settings do not say it.
    assert "reading" in split(job(phases=phases, settings={}, job={"timing": "paper"})).unmeasured
    # What workers do not say of compute is not all that may be missing of it.
    workers = [{"host": host, "infer_seconds": 1.0} for host in "ab"]
    assert "compute" not in split(job(workers, phases=phases, settings={"timing": "paper"})).unmeasured
    preprocessed = {**phases, "preprocess": 0.1}
    assert "compute" in split(job(workers, phases=preprocessed, settings={"timing": "paper"})).unmeasured
    del phases["read"]
    assert "reading" not in split(job(phases=phases, settings={"timing": "paper"})).unmeasured


def test_phases_of_one_kind_and_failed_attempts_have_parts_of_their_own() -> None:
    tasks = (
        task("a", 10, 12, phase="read"),
        task("a", 12, 15, phase="preprocess", stage=2),
        task("a", 15, 16, phase="commit", stage=3),
        task("a", 16, 18, phase="predict", stage=4, failed=True, run_s=1.5),
        task("a", 0, 9, phase="start", stage=0),
    )
    found = split(job(slots=1), tasks)
    assert found.slots == 1
    assert found.seconds["inventory"] == pytest.approx(0.5 / 10)
    assert found.seconds["reading"] == pytest.approx(2 / 10)
    assert found.seconds["compute"] == pytest.approx(3 / 10)
    assert found.seconds["writing"] == pytest.approx(1 / 10)
    assert found.seconds["failed attempts"] == pytest.approx(1.5 / 10)
    assert found.seconds["scheduling"] == pytest.approx(0.5 / 10)
    assert found.total == pytest.approx(2.7)


def test_threads_of_a_task_hold_their_cores() -> None:
    one = job(slots=4, result={"threads_per_task": 2, "workers": []})
    assert split(one).slots == 2


@pytest.mark.parametrize(
    ("changes", "tasks", "why"),
    [
        ({"phases": {}}, TASKS, "has no phases.submit, phases.total, phases.start"),
        ({}, None, "has no tasks"),
        ({}, (), "has no tasks"),
        ({"images": 0}, TASKS, "has no image"),
    ],
)
def test_without_evidence_there_is_no_decomposition(
    changes: dict[str, Any], tasks: tuple[TaskRow, ...] | None, why: str
) -> None:
    found = decomposition.decompose(job(**changes), tasks)
    assert isinstance(found, NoEstimate)
    assert why in found.reason


def made(**seconds: float) -> Decomposition:
    return Decomposition({part: seconds.get(part.replace(" ", "_").replace("-", "_"), 0.0) for part in PARTS}, 10, 2)


def test_sentences_are_made_from_the_numbers() -> None:
    first, second = made(compute=0.6, throttled=0.3, driver=0.08, reading=0.02), made(compute=0.6, driver=0.16)
    first = replace(first, stopped={"compute": 0.25, "reading": 0.05})
    assert decomposition.sentence("2 cores", first) == (
        "2 cores: 1.00 s per image from submission to the end, on average: compute 0.600 s (60 %), "
        "throttled 0.300 s (30 %), driver 0.080 s (8 %); all else 2 %."
    )
    times = Estimate(0.8, 0.7, 0.9, 5)
    assert decomposition.difference("2 cores", first, "4 cores", second, times) == (
        "4 cores takes 0.8 (0.7 to 0.9) times as long as 2 cores; on average 0.760 s against 1.00 s per image; what "
        "changed: compute -0.250 s, "
        "driver +0.080 s, reading -0.070 s; quotas stopped nodes for -0.300 s, which are counted with what they "
        "stopped."
    )
    assert "no part by 5 %" in decomposition.difference("a", first, "b", first, times)
    unseen = decomposition.not_told("a", first, "b", second, "which is not beyond noise")
    assert unseen.startswith("b cannot be told from a: ")
    assert unseen.endswith(" per image, which is not beyond noise.")
    few = decomposition.not_judged("a", first, "b", second, "4 pairs of trials; 5 are needed")
    assert few == "b beside a is not judged: 0.760 s against 1.00 s per image, 4 pairs of trials; 5 are needed."


def test_means_add_up() -> None:
    found = decomposition.mean_of([made(compute=1.0), made(driver=0.5)])
    assert isinstance(found, Decomposition)
    assert found.total == pytest.approx(0.75)
    assert isinstance(decomposition.mean_of([]), NoEstimate)


def test_raw_evidence_is_read_back(tmp_path: Path) -> None:
    sample = Sample(1.0, "a", 0.5, 10, 2, 0.1, 100.0, None, None, 0)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "samples").mkdir()
    content = {"schema": 1, "tasks": [{**asdict(one), "later": 1} for one in TASKS]}
    (tmp_path / "tasks" / "t.json").write_text(json.dumps(content))
    (tmp_path / "samples" / "t.jsonl").write_text(json.dumps(asdict(sample)) + "\n")
    assert raw.read_tasks(tmp_path, "t") == TASKS
    assert raw.read_samples(tmp_path, "t") == (sample,)
    assert raw.read_tasks(tmp_path, "other") is None
    assert raw.read_samples(tmp_path, "other") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ('{"schema": 2}', "schema = 2; this release knows 1"),
        ("[]", "schema = null"),
        ('{"schema": 1, "tasks": [{"host": "a"}]}', "entry 1 lacks stage_id"),
        ('{"schema": 1, "tasks": [3]}', "entry 1 lacks a table"),
    ],
)
def test_damaged_evidence_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "t.json").write_text(text)
    with pytest.raises(UserError, match=message):
        raw.read_tasks(tmp_path, "t")


def test_a_key_of_another_kind_is_named_with_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    whole = asdict(task("a", 1.0, 2.0))
    entries = [whole, {**whole, "launch_s": None}]
    (tmp_path / "tasks" / "t.json").write_text(json.dumps({"schema": 1, "tasks": entries}))
    with pytest.raises(UserError, match=r"t.json: entry 2 has launch_s = null: .*; restore the file"):
        raw.read_tasks(tmp_path, "t")


def test_workers_that_are_no_tables_say_nothing() -> None:
    found = split(job(result={"threads_per_task": 1, "workers": ["a", None]}))
    assert "compute" in found.unmeasured
