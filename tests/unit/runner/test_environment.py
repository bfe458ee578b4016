"""What a block says of its host, with the engine behind a seam."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.errors import HostError, RunFailed
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


def free(monkeypatch: pytest.MonkeyPatch, root: Path | None, mb: int) -> None:
    """So much is free on the engine's own disk, and enough on the checkout's."""
    told = {"DockerRootDir": str(root)} if root else {}
    monkeypatch.setattr(Engine, "info", lambda _: told, raising=False)
    monkeypatch.setattr(
        environment.capacity, "measure", lambda folder: SimpleNamespace(disk_free_mb=mb if folder == root else 10_000)
    )


def test_the_engines_own_disk_may_be_the_full_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    free(monkeypatch, tmp_path, 100)
    with pytest.raises(HostError, match=f"{tmp_path}: 100 MB of disk are free; make room"):
        environment.able()
    free(monkeypatch, tmp_path, 1000)
    environment.able()


def test_a_plan_knows_the_engines_disk_where_it_is_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured = environment.capacity.measure(tmp_path)

    def measure(folder: Path) -> object:
        return replace(measured, disk_free_mb=7 if folder == tmp_path else 9000)

    monkeypatch.setattr(environment.capacity, "measure", measure)
    monkeypatch.setattr(Engine, "info", lambda _: {"DockerRootDir": str(tmp_path)}, raising=False)
    monkeypatch.setattr(environment, "ROOT", tmp_path / "checkout")
    (tmp_path / "checkout").mkdir()
    assert environment.host().engine_free_mb is None, "it is the same disk"
    monkeypatch.setattr(environment, "ROOT", Path("/proc"))
    assert (environment.host().disk_free_mb, environment.host().engine_free_mb) == (9000, 7)


def test_a_plan_can_be_made_without_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> object:
        raise HostError("the Docker engine does not answer")

    monkeypatch.setattr(Engine, "info", gone, raising=False)
    assert environment.host().engine_free_mb is None


def test_clusters_that_are_up_beside_a_run_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "clusters", lambda _: ["mine", "standalone", "yarn"], raising=False)
    said: list[str] = []
    assert environment.beside(["mine"], said.append) == ["standalone", "yarn"]
    assert said == [
        "up beside this run: standalone, yarn; `clusterbed down NAME` keeps what they do out of its figures"
    ]
    assert environment.beside(["mine", "standalone", "yarn"], said.append) == []
    assert len(said) == 1


@pytest.mark.parametrize("root", [None, Path("/another/machine/docker")])
def test_where_the_engine_keeps_its_files_elsewhere_the_checkouts_disk_counts(
    monkeypatch: pytest.MonkeyPatch, root: Path | None
) -> None:
    free(monkeypatch, root, 100)
    environment.able()


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
