"""A run's folder over several sessions: changes that it was begun with, interruptions, another run under way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from runner_fakes import HOST, Laboratory

from experiments.errors import RunFailed
from experiments.matrix.costs import Calibration
from experiments.matrix.preset import as_run
from experiments.runner import runs
from experiments.store.records import load


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    """In place of clusters; results are below tmp_path."""
    made = Laboratory()
    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    monkeypatch.setattr(runs, "STATE", tmp_path)
    for name in ("known_calibration", "calibrate"):
        monkeypatch.setattr(runs.environment, name, lambda: Calibration({}))
    monkeypatch.setattr(runs.environment, "host", lambda: HOST)
    monkeypatch.setattr(runs, "_laboratory", lambda *_: made)
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


def test_a_run_beside_another_leaves_nothing_behind(
    lab: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calibrate() -> Calibration:
        raise AssertionError("it would measure the other run")

    monkeypatch.setattr(runs.environment, "calibrate", calibrate)
    with runs.alone(), pytest.raises(RunFailed, match="another run is under way"):
        runs.run("smoke", "mine", (), resume=False)
    assert not (tmp_path / "mine").exists()
    assert lab.calls == []
