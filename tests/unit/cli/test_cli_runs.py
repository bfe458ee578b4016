"""Commands on experiments, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.cli import app as program
from experiments.matrix.plan import Host
from experiments.run_report.made import write_run
from experiments.runner import environment, runs


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "host", lambda: Host(2, 24_000, 50_000, "made"))
    monkeypatch.setattr(runs, "RESULTS", tmp_path)


def clusterbed(*words: str) -> int:
    return program.guarded(lambda: program.app(list(words), standalone_mode=False))


def test_plan_says_what_runs_and_what_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert clusterbed("plan", "table-8") == 0
    out = capsys.readouterr().out
    assert "skipped: link" in out
    assert "a paper core is worth 0.6 of a host core" in out
    assert "master 1 7424m, slave 0.6 3840m" in out
    assert "minutes" in out


def test_plan_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert clusterbed("plan", "smoke", "--json", "--set", "repeats=4") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["trials"] == 8
    assert [one["cell"] for one in content["cells"]] == ["images=8", "images=24"]


def test_plan_of_a_users_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('schema = 1\ntitle = "mine"\n[axes]\nworkers = [1, 2]\n')
    assert clusterbed("plan", str(path)) == 0
    assert "workers=2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plan", "smoek"), "did you mean 'smoke'"),
        (("plan", "smoke", "--set", "repeats"), "give key=value"),
        (("run", "smoke", "--run-id", "../x"), "--run-id ../x"),
        (("run", "smoke", "--resume"), "there is no run of the preset 'smoke'"),
        (("plan", "absent.toml"), "cannot be read"),
    ],
)
def test_bad_input_is_status_2_with_one_line(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert clusterbed(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_preset_that_cannot_run_here_is_status_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "linked.toml"
    path.write_text('schema = 1\ntitle = "t"\n[settings]\nlink = "26mbit"\n[[cells]]\nname = "a"\n')
    assert clusterbed("run", str(path)) == 3
    assert 'link = "26mbit": shaping a link is not built yet' in capsys.readouterr().err


def test_a_run_ends_with_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "mine", trials=25, repeats=5)
    monkeypatch.setattr(runs, "run", lambda *_, **__: (folder, None))
    monkeypatch.setattr(runs, "verdict", lambda *_: "run: ok")
    assert clusterbed("run", "smoke") == 0
    assert (folder / "report.html").exists()
    assert capsys.readouterr().out == "run: ok\n"
    # A report that cannot be made takes nothing from the run.
    (folder / "environment.json").write_text("{")
    assert clusterbed("run", "smoke") == 0
    captured = capsys.readouterr()
    assert captured.out == "run: ok\n"
    assert "environment.json: cannot be read" in captured.err
    assert "`clusterbed report mine` makes it" in captured.err
