"""What is read of a job's input and model before it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_memory_check import JOB

from experiments.cluster import state
from experiments.memory.check import Facts
from experiments.memory.facts import facts
from experiments.topology import load_topology

MODEL = '<net><layers><layer type="Const"><data element_type="f16" size="3000000"/></layer></layers></net>'


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(state, "share", lambda _: tmp_path)
    for name in ("photos/a.jpg", "photos/deeper/b.png", "photos/.hidden", "photos/_logs", "model/fp16.xml"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(MODEL)
    return tmp_path


def test_files_are_counted_as_the_job_counts_them(share: Path) -> None:
    assert share.exists()
    assert facts(load_topology("standalone"), JOB) == Facts(images=2, weights_mb=6.0)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "file:/srv/in/none/fp16.xml"},
        {"input": "file:/srv/in/none"},
        {"input": "file:/elsewhere/photos"},
        {"model": "file:/elsewhere/fp16.xml"},
    ],
)
def test_what_is_not_there_is_left_to_the_job_to_say(share: Path, change: dict[str, str]) -> None:
    assert share.exists()
    assert facts(load_topology("standalone"), replace(JOB, **change)) is None


def test_a_model_that_is_none_is_left_to_the_job_to_say(share: Path) -> None:
    (share / "in/model/fp16.xml").write_text("not XML")
    assert facts(load_topology("standalone"), JOB) is None
