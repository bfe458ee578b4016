"""A run's folder, over one session and several: name, changes, interruptions, another run beside it, summary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runner_fakes import HOST, Laboratory, plan_of

from experiments.errors import HostError, NoDisk, RunFailed, UserError
from experiments.host.alone import alone
from experiments.matrix.costs import Calibration
from experiments.matrix.plan import PlannedCell
from experiments.matrix.preset import as_run, load_preset
from experiments.runner import runs
from experiments.runner.seam import Outcome
from experiments.store import packing
from experiments.store.records import load


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    return tmp_path


def measured_by(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are made in memory, in place of clusters, on a host of two cores."""
    for name in ("known_calibration", "calibrate"):
        monkeypatch.setattr(runs.speeds, name, lambda: Calibration({}))
    monkeypatch.setattr(runs.environment, "host", lambda: HOST)
    monkeypatch.setattr(runs, "_laboratory", lambda *_: laboratory)


@pytest.fixture
def lab(results: Path, monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    assert not list(results.iterdir())
    made = Laboratory()
    measured_by(made, monkeypatch)
    return made


def summary(folder: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


def test_a_resumed_run_keeps_the_changes_that_it_was_begun_with(
    lab: Laboratory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ("repeats=3", "axes.images=[4, 8]")
    lab.interrupt_at = 20
    with pytest.raises(KeyboardInterrupt):
        runs.run("smoke", "mine", changes, resume=False)
    lab.interrupt_at = None
    folder, plan = runs.run("smoke", "mine", (), resume=True)
    assert "--set repeats=3, --set axes.images=[4, 8]" in capsys.readouterr().err
    assert (plan.preset.repeats, [one.cell.name for one in plan.cells]) == (3, ["images=4", "images=8"])
    assert as_run(folder / "preset.toml") == ("smoke", changes)
    assert {one["cell"] for one in load(folder / "records.jsonl").records} == {"images=4", "images=8"}
    assert folder == tmp_path / "mine"


def test_an_interrupted_session_has_a_summary_and_its_time_counts(lab: Laboratory, tmp_path: Path) -> None:
    lab.interrupt_at = 24
    with pytest.raises(KeyboardInterrupt):
        runs.run("smoke", "mine", (), resume=False)
    first = summary(tmp_path / "mine")
    assert first["states"]["measured"] > 0
    content = {**first, "session_seconds": 100.0}
    (tmp_path / "mine" / "summary.json").write_text(json.dumps(content))
    lab.interrupt_at = None
    runs.run("smoke", "mine", (), resume=True)
    assert summary(tmp_path / "mine")["session_seconds"] >= 100.0


@pytest.mark.usefixtures("lab")
def test_a_summary_that_a_killed_session_left_is_told_anew() -> None:
    folder, plan = runs.run("smoke", "mine", (), resume=False)
    whole = summary(folder)
    # Killed after its last record: the summary is of the session before it, and holds what a report wrote beside.
    stale = {**whole, "states": {}, "cells": {}, "planned_seconds": 1.0, "session_seconds": 2.0, "report": {"x": 1}}
    (folder / "summary.json").write_text(json.dumps(stale))
    runs.run("smoke", "mine", (), resume=True)
    assert summary(folder) == {**whole, "planned_seconds": 1.0, "session_seconds": 2.0, "report": {"x": 1}}
    assert runs.verdict(folder, plan).startswith("run: ok")
    before = (folder / "summary.json").read_bytes()
    runs.run("smoke", "mine", (), resume=True)
    assert (folder / "summary.json").read_bytes() == before


def test_trials_that_began_on_a_busy_host_are_told_at_the_end(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lab, "steady", lambda: {"quiet": False})
    folder, plan = runs.run("smoke", "mine", (), resume=False)
    made = summary(folder)["restless"]
    assert made == sum(summary(folder)["states"].values()) > 0
    runs.verdict(folder, plan)
    assert f"{made} of the trials were made on a host that was not steady, or did other work" in capsys.readouterr().err


def test_a_run_beside_another_leaves_nothing_behind(
    lab: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calibrate() -> Calibration:
        raise AssertionError("it would measure the other run")

    monkeypatch.setattr(runs.speeds, "calibrate", calibrate)
    with alone(), pytest.raises(RunFailed, match="another run or benchmark is under way"):
        runs.run("smoke", "mine", (), resume=False)
    assert not (tmp_path / "mine").exists()
    assert lab.calls == []


def test_a_host_that_cannot_be_calibrated_leaves_nothing_behind(
    lab: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calibrate() -> Calibration:
        raise HostError("the engine is gone")

    monkeypatch.setattr(runs.speeds, "calibrate", calibrate)
    with pytest.raises(HostError):
        runs.run("smoke", "mine", (), resume=False)
    assert not (tmp_path / "mine").exists()
    assert lab.calls == []


def test_more_trials_take_an_earlier_reports_words_and_keep_the_names_of_its_figures(
    lab: Laboratory, tmp_path: Path
) -> None:
    lab.interrupt_at = 24
    with pytest.raises(KeyboardInterrupt):
        runs.run("smoke", "mine", (), resume=False)
    path = tmp_path / "mine" / "summary.json"
    path.write_text(json.dumps({**summary(path.parent), "report": {"answers": ["old"], "figures": ["a"]}}))
    lab.interrupt_at = None
    runs.run("smoke", "mine", (), resume=True)
    assert summary(path.parent)["report"] == {"figures": ["a"]}


def test_an_id_that_is_there_needs_resume(results: Path) -> None:
    (results / "mine").mkdir()
    with pytest.raises(UserError, match="mine is there already; go on with --resume"):
        runs.run("smoke", "mine", (), resume=False)


def test_resume_needs_a_run(results: Path) -> None:
    (results / "other").mkdir()
    (results / "other" / "preset.toml").write_text("# preset: smoke\n")
    with pytest.raises(UserError, match=r"there is no run 'mine'.*there are: other"):
        runs.run("smoke", "mine", (), resume=True)


def test_resume_without_an_id_takes_the_presets_newest_run(results: Path) -> None:
    for name, preset in (("smoke-20260101-000000", "smoke"), ("smoke-20260102-000000", "smoke"), ("x", "table-2")):
        (results / name).mkdir()
        (results / name / "preset.toml").write_text(f"# preset: {preset}\n")
    assert runs.folder_of(load_preset("smoke"), None, resume=True).name == "smoke-20260102-000000"
    # A start that failed at once does not stand before a run that was begun.
    (results / "smoke-20260101-000000" / "records.jsonl").touch()
    assert runs.folder_of(load_preset("smoke"), None, resume=True).name == "smoke-20260101-000000"
    with pytest.raises(UserError, match="there is no run of the preset 'engines'"):
        runs.folder_of(load_preset("engines"), None, resume=True)


def test_resume_keeps_to_its_preset(results: Path) -> None:
    (results / "mine").mkdir()
    (results / "mine" / "preset.toml").write_text("# preset: table-2\n")
    with pytest.raises(UserError, match="mine is a run of the preset 'table-2'"):
        runs.run("smoke", "mine", (), resume=True)


@pytest.mark.parametrize("name", ["my preset", "x" * 80, "-é-"])
def test_a_new_run_of_any_preset_gets_an_id_that_is_allowed(results: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text('schema = 1\ntitle = "t"\n[[cells]]\nname = "only"\n')
    folder = runs.folder_of(load_preset(str(path)), None, resume=False)
    assert folder.parent == results
    assert runs._ID.fullmatch(folder.name)


@pytest.mark.parametrize("name", ["", "../x", "a b", ".hidden", "x" * 65])
def test_an_id_is_a_name_of_a_folder(results: Path, name: str) -> None:
    with pytest.raises(UserError, match="--run-id"):
        runs.run("smoke", name or "/", (), resume=False)
    assert list(results.iterdir()) == []


def test_a_preset_of_which_nothing_runs_here_is_refused_as_such(results: Path, tmp_path: Path) -> None:
    path = tmp_path / "linked.toml"
    path.write_text('schema = 1\ntitle = "t"\n[settings]\nlink = "26mbit"\n[[cells]]\nname = "a"\n')
    with pytest.raises(HostError, match=r"none of its 1 cells can run here: link = .26mbit.*not built yet"):
        runs.run(str(path), "mine", (), resume=False)
    assert not (results / "mine").exists()


def test_where_disk_is_lacking_that_is_told_apart(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lab.calls == []
    monkeypatch.setattr(runs.environment, "host", lambda: replace(HOST, disk_free_mb=5000))
    with pytest.raises(NoDisk, match="MB of disk are needed, 5000 are free"):
        runs.run("smoke", "mine", (), resume=False)
    assert lab.calls == []


def test_a_run_of_which_nothing_is_left_keeps_what_it_was_planned_to_take_and_took(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_by(Laboratory(), monkeypatch)
    folder, preset = results / "mine", load_preset("smoke", ["repeats=2"])

    def kept() -> list[bytes]:
        return [(folder / name).read_bytes() for name in ("plan.json", "summary.json", "environment.json")]

    runs.run_in(folder, preset, ["repeats=2"], resume=False)
    before = kept()
    monkeypatch.setattr(runs.environment, "host", lambda: replace(HOST, disk_free_mb=HOST.disk_free_mb - 1))
    runs.run_in(folder, preset, ["repeats=2"], resume=True)
    assert kept() == before
    longer = runs.run_in(folder, load_preset("smoke", ["repeats=3"]), ["repeats=3"], resume=True)
    seconds = [json.loads(text)["session_seconds"] for text in (before[1], kept()[1])]
    assert seconds[1] >= seconds[0]
    assert json.loads(kept()[0])["trials"] == longer.trials


class WithLogs(Laboratory):
    """Its trials leave a log each; Ctrl-C comes before the third."""

    folder: Path

    def run(self, planned: PlannedCell, trial: str) -> Outcome:
        if len(self.trials) == 2:
            raise KeyboardInterrupt
        (self.folder / packing.LOGS / trial).mkdir(parents=True)
        (self.folder / packing.LOGS / trial / "driver.log").write_text(trial)
        return super().run(planned, trial)


@pytest.mark.parametrize("packed", [True, False])
def test_an_interrupted_run_leaves_its_evidence_packed_where_that_is_asked_for(
    results: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    laboratory, folder = WithLogs(), results / "mine"
    laboratory.folder = folder
    measured_by(laboratory, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        runs.run_in(folder, load_preset("smoke", ["repeats=3"]), ["repeats=3"], resume=False, packed=packed)
    assert len(laboratory.trials) == 2
    assert (folder / packing.LOGS).exists() != packed
    for trial in laboratory.trials:
        assert packing.read(folder, packing.LOGS, f"{trial}/driver.log") == trial.encode()


def test_a_run_that_finds_another_one_leaves_that_ones_evidence_alone(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_by(Laboratory(), monkeypatch)
    (results / "mine" / packing.LOGS).mkdir(parents=True)
    with alone(), pytest.raises(RunFailed, match="another run or benchmark is under way"):
        runs.run_in(results / "mine", load_preset("smoke"), (), resume=True, packed=True)
    assert (results / "mine" / packing.LOGS).exists()


def test_a_summary_counts_states_by_cell() -> None:
    trials = [("a", "measured"), ("a", "failed"), ("b", "measured")]
    records = [{"kind": "trial", "cell": cell, "status": status, "block": 1, "hash": "h"} for cell, status in trials]
    records.insert(0, {**records[0], "hash": "of before it changed"})
    records.append({"kind": "warm-up", "cell": "a", "status": "measured", "block": 1})
    found = runs.summarise(plan_of(), records, 12.0)
    assert found["states"] == {"measured": 2, "failed": 1}
    assert found["cells"]["a"] == {"measured": 1, "failed": 1}
    assert (found["session_seconds"], found["older"]) == (12.0, 1)


def test_a_summary_does_not_count_what_a_cell_was_when_it_could_not_be_made_ready() -> None:
    base = {"kind": "trial", "cell": "a", "block": 1}
    faulty = {**base, "status": "failed", "hash": ""}
    assert runs.summarise(plan_of(), [faulty], 1.0)["states"] == {"failed": 1}
    records = [{**base, "round": 1, "status": "measured", "hash": "h"}, {**faulty, "round": 1}]
    found = runs.summarise(plan_of(), records, 1.0)
    assert (found["states"], found["older"]) == ({"measured": 1}, 1)
    # A round of which there is nothing else has failed.
    found = runs.summarise(plan_of(), [records[0], {**faulty, "round": 2}], 1.0)
    assert (found["states"], found["older"]) == ({"measured": 1, "failed": 1}, 0)


def test_a_cell_counts_as_skipped_while_the_plan_skips_it_and_it_has_no_trial() -> None:
    plan = plan_of(cells=[{"name": "a"}, {"name": "linked", "set": {"link": "26mbit"}}])
    skip = {"kind": "trial", "status": "skipped", "hash": "", "round": 0}
    records = [
        {**skip, "cell": "a", "block": 1},  # on a host that could not run it
        {**skip, "cell": "linked", "block": 1},
        {**skip, "cell": "linked", "block": 2},  # for another reason
        {**skip, "cell": "a", "block": 2, "round": 1, "hash": "h", "status": "measured"},
    ]
    found = runs.summarise(plan, records, 1.0)
    assert found["cells"] == {"a": {"measured": 1}, "linked": {"skipped": 1}}
    assert found["states"] == {"measured": 1, "skipped": 1}
    assert found["blocks"] == 1
    skipped_later = runs.summarise(plan, [*records, {**records[-1], "cell": "linked"}], 1.0)
    assert skipped_later["cells"]["linked"] == {"measured": 1}


def test_the_last_line_tells_skipped_cells_once(lab: Laboratory, tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    path.write_text(
        'schema = 1\ntitle = "t"\nwarm_ups = 0\nrepeats = 1\n'
        '[[cells]]\nname = "a"\n[[cells]]\nname = "linked"\nset = { link = "26mbit" }\n'
    )
    folder, plan = runs.run(str(path), "mine", (), resume=False)
    assert runs.verdict(folder, plan).startswith("run: ok, 1 cells, 1 skipped, 1 measured, ")
    assert lab.up_now == set()


def test_a_run_with_a_failed_trial_has_found_a_failure(lab: Laboratory) -> None:
    lab.invalid = {"images=8": "a row is missing"}
    folder, plan = runs.run("smoke", "mine", (), resume=False)
    kept = summary(folder)
    kept["cells"]["images=8"]["measured"] = 1
    (folder / "summary.json").write_text(json.dumps(kept))
    with pytest.raises(RunFailed, match=r"invalid.*not all trials were measured"):
        runs.verdict(folder, plan)


def test_two_equal_cells_give_the_noise_floor() -> None:
    plan = plan_of(same_cells=True, cells=[{"name": "a"}, {"name": "b"}])

    def trial(cell: str, number: int, seconds: float, **changes: Any) -> dict[str, Any]:
        per_image = dict.fromkeys(("stage_3", "wall", "tasks"), seconds)
        base = {
            "kind": "trial",
            "preset": "aa",
            "comparison": "aa",
            "cell": cell,
            "round": number,
            "block": 1,
            "status": "measured",
            "per_image": per_image,
            "hash": "h",
            "settings": {},
            "trial": f"{number:03d}-{cell}",
        }
        return {**base, **changes}

    pairs = [(1.0, 1.02), (1.0, 0.98), (2.0, 2.1), (1.0, 1.02), (1.0, 1.01)]
    trials = [trial(cell, n, pair[side]) for n, pair in enumerate(pairs) for side, cell in enumerate("ab")]
    trials.append(trial("a", 7, 9.0))  # its round has no other side
    trials.append(trial("b", 7, 1.0, status="invalid"))
    found = runs.summarise(plan, trials, 1.0)["noise_floor"]["wall"]
    assert found["value"] == pytest.approx(1.02)
    assert found["n"] == 5
    assert found["floor"] == pytest.approx(0.05)
    # By chance, four pairs may differ by nothing.
    assert runs.summarise(plan, trials[:8], 1.0)["noise_floor"] == {}
    assert runs.summarise(plan_of(), trials, 1.0)["noise_floor"] is None
