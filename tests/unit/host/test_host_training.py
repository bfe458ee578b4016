"""`make train` on the host: one container in the foreground, stopped in order, and results put in place whole."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiments import training
from experiments.errors import RunFailed
from experiments.host.command import Completed


class Client:
    """Stands for `docker run` in the foreground: ends with a status, or is interrupted."""

    def __init__(self, ends: Callable[[], int]) -> None:
        self.ends = ends
        self.arguments: Sequence[str] = ()

    def __call__(self, arguments: Sequence[str], **_: Any) -> Client:
        self.arguments = arguments
        return self

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def wait(self) -> int:
        return self.ends()


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The docker commands beside the run itself; all succeed and print nothing."""
    seen: list[tuple[str, ...]] = []

    def record(arguments: Sequence[str], **_: Any) -> Completed:
        seen.append(tuple(arguments))
        return Completed(tuple(arguments), 0, "", "")

    monkeypatch.setattr(training, "run_command", record)
    return seen


def start(monkeypatch: pytest.MonkeyPatch, ends: Callable[[], int]) -> Client:
    client = Client(ends)
    monkeypatch.setattr(subprocess, "Popen", client)
    training._in_container(Path("/photographs"))
    return client


def test_the_container_has_no_network_and_only_its_folder_to_write(
    monkeypatch: pytest.MonkeyPatch, commands: list[tuple[str, ...]]
) -> None:
    line = " ".join(start(monkeypatch, lambda: 0).arguments)
    assert "--network none" in line
    assert "--rm" in line
    assert f"{training.WORK}:/work " in line
    assert line.count(":ro") == 2
    assert [command[1] for command in commands] == ["ps"]


def test_an_interrupt_stops_the_container_and_removes_it(
    monkeypatch: pytest.MonkeyPatch, commands: list[tuple[str, ...]]
) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(monkeypatch, interrupted)
    assert [command[1] for command in commands] == ["ps", "stop", "rm"]
    assert all(command[-1] == training.CONTAINER for command in commands[1:])


def test_a_failed_training_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, commands: list[tuple[str, ...]]) -> None:
    with pytest.raises(RunFailed, match="ended with status 1, see above; `make train` goes on"):
        start(monkeypatch, lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        start(monkeypatch, lambda: 130)
    assert len(commands) == 2


def test_a_second_training_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "run_command", lambda arguments, **_: Completed(tuple(arguments), 0, "abc\n", ""))
    with pytest.raises(RunFailed, match="a training runs already, in the container clusterbed-training"):
        start(monkeypatch, lambda: 0)


def test_results_replace_the_shipped_files(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "small.pth").write_text("new")
    (source / "small.json").write_text("{}")
    target.mkdir()
    (target / "small.pth").write_text("old")
    training._place(source, target)
    assert {path.name: path.read_text() for path in target.iterdir()} == {"small.pth": "new", "small.json": "{}"}
