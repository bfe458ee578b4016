"""evaluate, evaluate-models, video: what they refuse before any container starts, and what they pass on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.cli import app as program
from experiments.cli import evaluation as commands
from experiments.host import evaluation


@pytest.fixture(autouse=True)
def _no_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def started(*_: object) -> None:
        raise AssertionError("a container would have been started")

    monkeypatch.setattr(evaluation, "attend", started)
    monkeypatch.setattr(program, "LOGS", tmp_path / "logs")
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def clusterbed(*words: str) -> int:
    return program.guarded(lambda: program.app(list(words), standalone_mode=False))


REFUSED = [
    (("evaluate", "none", "--annotations", "a.json"), "OUTPUT=none: there is no such folder"),
    (("evaluate", "a.json", "--annotations", "a.json"), "OUTPUT=a.json: is a file; give a folder"),
    (("evaluate", "folder", "--annotations", "none.json"), "--annotations=none.json: there is no such file"),
    (("evaluate", "folder", "--annotations", "folder"), "--annotations=folder: is a folder; give a file"),
    (("evaluate", "odd:name", "--annotations", "a.json"), "Docker mounts no path with a colon in it"),
    (("evaluate-models", "none", "--model", "folder"), "FOLDER=none: there is no such folder"),
    (("evaluate-models", "folder", "--model", "none"), "--model=none: there is no such folder"),
    (("evaluate-models", "folder", "--model", "folder", "--out", "a.json"), "a.json: is there already"),
    (("evaluate-models", "folder", "--model", "folder", "--out", "odd:name"), "odd:name: is there already"),
    (("evaluate-models", "folder"), "no `small` model is built below"),
    (("video", "none.mp4", "b.mp4", "--model", "folder"), "IN=none.mp4: there is no such file"),
    (("video", "folder", "b.mp4", "--model", "folder"), "IN=folder: is a folder; give a file"),
    (("video", "a.json", "b.mp4", "--model", "a.json"), "--model=a.json: is a file; give a folder"),
    (("video", "a.json", "a.json", "--model", "folder"), "a.json: is there already; give another name, or --force"),
    (("video", "a.json", "folder", "--model", "folder", "--force"), "folder: is there already; give another name"),
    (("video", "a.json", "b.mp4"), "no `small` model is built below"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_is_refused(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setattr(commands, "MODELS", tmp_path / "models")
    Path("folder").mkdir()
    Path("odd:name").mkdir()
    Path("odd:name", "file").touch()
    Path("a.json").write_text("{}")
    before = sorted(os.walk("."))
    assert clusterbed(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1
    assert sorted(os.walk(".")) == before


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "folder"],
        ["evaluate-models", "folder", "--limit", "0"],
        ["evaluate-models", "folder", "--threads", "0"],
        ["video", "a.mp4"],
        ["video", "a.mp4", "b.mp4", "--least-score", "2"],
        ["video", "a.mp4", "b.mp4", "--limit", "none"],
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert clusterbed(*words) == 2
    assert capsys.readouterr().out == ""


def test_results_to_stdout_progress_to_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def attend(what: evaluation.Program, say: evaluation.Say) -> str:
        asked.append(what)
        say("halfway")
        return '{"mask": {}}\n'

    monkeypatch.setattr(evaluation, "attend", attend)
    Path("output").mkdir()
    Path("a.json").write_text("{}")
    assert clusterbed("evaluate", "output", "--annotations", "a.json", "--json") == 0
    assert capsys.readouterr() == ('{"mask": {}}\n', "halfway\n")
    assert asked[0].arguments == ["--output", "/output/output", "--annotations", "/annotations/a.json", "--json"]


def test_the_newest_small_model_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MODELS", tmp_path)
    for index, name in enumerate(("a", "b")):
        folder = tmp_path / name / "yolact-small-192"
        folder.mkdir(parents=True)
        (folder / "manifest.json").touch()
        os.utime(folder / "manifest.json", (index, index))
    assert commands._model(None) == tmp_path / "b" / "yolact-small-192"
    assert commands._model(Path("own")) == Path("own")
