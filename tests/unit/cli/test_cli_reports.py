"""`clusterbed report`: status, messages, where it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.cli import app as program
from experiments.run_report import made, reading


def clusterbed(*words: str) -> int:
    return program.guarded(lambda: program.app(list(words), standalone_mode=False))


def test_a_report_by_its_runs_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reading, "RESULTS", tmp_path)
    made.write_run(tmp_path / "made-1", 10, repeats=2)
    assert clusterbed("report", "made-1", "--images", "24", "--deadline", "90") == 0
    out, progress = capsys.readouterr()
    assert out == f"report: ok, 12 figures, {tmp_path / 'made-1' / 'report.html'}\n"
    assert "Does it scale? Too few trials to say" in progress
    assert "for 24 images within 90 s" in (tmp_path / "made-1" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "no-such-run"], "there is no such run"),
        (["report", "a", "b"], "there is no such run"),
        (["report", "a", "--deadline", "3"], "give --images too"),
    ],
)
def test_bad_input_is_status_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert clusterbed(*words) == 2
    assert said in capsys.readouterr().err


def test_a_report_needs_a_run() -> None:
    assert clusterbed("report") == 2
