"""Watching a container from before its start to its end, with the engine behind a seam."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from experiments.host.command import Completed
from experiments.runner import once
from experiments.runner.once import Watched
from experiments.runner.samples import Sample


class Container:
    """Stands for cgroups that are there for so many looks."""

    looks = 2

    def __init__(self, pid: int) -> None:
        assert pid == 4711

    def quota(self) -> float:
        return 0.75

    def read(self, node: str, t: float) -> Sample:
        if not Container.looks:
            raise FileNotFoundError("gone")
        Container.looks -= 1
        return Sample(t, node, 2.0 - Container.looks, 10, 1, 0.1, 50.0 + Container.looks, None, None, 0)


@pytest.fixture
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["0", "4711"])  # at first it is made, and does not run yet

    def run(command: list[str], **_: Any) -> Completed:
        assert command[-1] == "0123abc"
        return Completed(tuple(command), 0, next(answers), "")

    Container.looks = 2
    monkeypatch.setattr(once, "run", run)
    monkeypatch.setattr(once, "Reader", Container)
    monkeypatch.setattr(once, "INTERVAL", 0.01)
    monkeypatch.setattr(once, "_LOOK", 0.01)


@pytest.mark.usefixtures("_engine")
def test_a_container_is_watched_from_its_start_until_it_is_gone(tmp_path: Path) -> None:
    cidfile = tmp_path / "container"
    with Watched(cidfile, "limited") as watched:
        cidfile.write_text("0123abc")
        deadline = time.monotonic() + 10
        while Container.looks and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
    assert watched.cpus == pytest.approx(0.75)
    assert watched.problem == ""
    assert watched.used is not None
    assert (watched.used.cpu_s, watched.used.memory_mb, watched.used.samples) == (1.0, 51.0, 2)
    watched.save(tmp_path / "samples" / "001-a.jsonl")
    assert (tmp_path / "samples" / "001-a.jsonl").read_text().count("\n") == 2


def test_a_container_that_never_came_says_so(tmp_path: Path) -> None:
    with Watched(tmp_path / "container", "bare") as watched:
        pass
    assert (watched.used, watched.cpus, watched.problem) == (None, None, "it was not seen")
