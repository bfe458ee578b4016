"""What a block says of its host, with the engine behind a seam."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.errors import RunFailed
from experiments.host.command import Completed
from experiments.runner import environment


class Engine:
    """Answers once, and counts."""

    asked = 0
    answer: str | None = '{"FULL_DEVICE_NAME": "made"}'

    def run_once(self, image: str, arguments: list[str], *, options: list[str]) -> Completed:
        assert options[0] == "--entrypoint"
        Engine.asked += 1
        if Engine.answer is None:
            raise RunFailed(f"{image}: {arguments[0]}: no")
        return Completed((), 0, Engine.answer, "")


@pytest.fixture(autouse=True)
def _seam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Engine.asked, Engine.answer = 0, '{"FULL_DEVICE_NAME": "made"}'
    monkeypatch.setattr(environment, "Engine", Engine)
    monkeypatch.setattr(environment, "_OPENVINO", tmp_path / "artefacts" / "openvino-properties.json")


def test_a_processor_is_asked_once_for_openvinos_properties() -> None:
    assert environment._openvino() == {"FULL_DEVICE_NAME": "made"}
    assert environment._openvino() == {"FULL_DEVICE_NAME": "made"}
    assert Engine.asked == 1


@pytest.mark.parametrize("answer", [None, "", "a warning\n{}"])
def test_properties_that_are_not_told_keep_nothing_from_being_measured(answer: Any) -> None:
    Engine.answer = answer
    assert environment._openvino() is None
    Engine.answer = "{}"
    assert environment._openvino() == {}
