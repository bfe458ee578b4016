"""What is measured of a host for its plans, and kept for its processor and image alone."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.errors import HostError
from experiments.host.command import Completed
from experiments.matrix.costs import Calibration
from experiments.runner import speeds


class _Engine:
    """In place of Docker: each container says how long a start takes, the next one half as long."""

    runs = 0

    def run_once(self, image: str, arguments: list[str], *, options: list[str]) -> Completed:
        type(self).runs += 1
        assert "--cpuset-cpus" in options
        return Completed((image, *arguments), 0, f"{1.5 / 2**self.runs}\n", "")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A host of that processor and image, of which nothing is known."""
    found = {"cpu_model": "made", "python": "f1"}
    _Engine.runs = 0
    monkeypatch.setattr(speeds, "_NETWORKS", tmp_path / "made" / "networks.json")
    monkeypatch.setattr(speeds, "_STARTS", tmp_path / "made" / "starts.json")
    monkeypatch.setattr(speeds, "Engine", _Engine)
    monkeypatch.setattr(speeds.capacity, "measure", lambda _: SimpleNamespace(cpu_model=found["cpu_model"]))
    monkeypatch.setattr(speeds.capacity, "first_core", lambda: 0)
    monkeypatch.setattr(speeds.images, "fingerprints", lambda: {"python": found["python"]})
    monkeypatch.setattr(speeds.images, "tag", lambda name: name)
    monkeypatch.setattr(speeds.images, "require_current", lambda *_, **__: None)
    monkeypatch.setattr(speeds.calibration, "seconds_per_image", lambda isa, _: float(len(isa)))
    return found


@pytest.fixture
def _host(host: dict[str, Any]) -> None:
    """The same, where it stays as it is."""


@pytest.mark.usefixtures("_host")
def test_nothing_is_known_before_it_is_measured() -> None:
    assert speeds.known_calibration() == Calibration({}, None)
    assert _Engine.runs == 0


@pytest.mark.usefixtures("_host")
def test_a_start_is_measured_before_each_run_and_the_last_is_known() -> None:
    first, second = speeds.calibrate(), speeds.calibrate()
    assert (first.start, second.start) == (0.75, 0.375)
    assert first.measured
    assert first.seconds == second.seconds
    assert speeds.known_calibration().start == 0.375
    assert _Engine.runs == 2


@pytest.mark.usefixtures("_host")
def test_nothing_is_measured_in_an_image_of_another_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(*_: object, packed: bool) -> None:
        assert not packed
        raise HostError("not of this checkout: python")

    monkeypatch.setattr(speeds.images, "require_current", stale)
    with pytest.raises(HostError, match="not of this checkout"):
        speeds.calibrate()
    assert speeds.known_calibration() == Calibration({}, None)


def test_a_file_that_was_cut_says_nothing(host: dict[str, Any]) -> None:
    speeds.calibrate()
    speeds._STARTS.write_text('{"made | f1": 0.')
    assert speeds.known_calibration().start is None
    assert speeds.calibrate().start is not None
    assert host["python"] == "f1"


@pytest.mark.parametrize(("what", "other"), [("cpu_model", "another"), ("python", "f2")])
def test_another_processor_or_image_is_another_host(host: dict[str, Any], what: str, other: str) -> None:
    speeds.calibrate()
    host[what] = other
    assert speeds.known_calibration() == Calibration({}, None)


@pytest.mark.usefixtures("_host")
def test_only_the_speeds_of_this_host_are_taken() -> None:
    speeds._NETWORKS.parent.mkdir()
    kept = {"made | f1 | AVX": 0.06, "made | f2 | AVX": 0.6, "another | f1 | AVX": 6.0}
    speeds._NETWORKS.write_text(json.dumps(kept))
    assert speeds.known_calibration().seconds == {"AVX": 0.06}
