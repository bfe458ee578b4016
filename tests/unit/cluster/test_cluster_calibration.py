"""What a quota is multiplied with, from speeds that the test makes up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.cluster import calibration
from experiments.host.capacity import Host
from experiments.profiles import load_profiles
from experiments.topology import load_topology

FAST, SLOW = load_profiles()["i7-11370H"], load_profiles()["i7-3630QM"]
PUBLISHED = SLOW.single_thread / FAST.single_thread
HETEROGENEOUS = load_topology("heterogeneous")


def speeds(monkeypatch: pytest.MonkeyPatch, fast: float, slow: float) -> None:
    """Seconds per image under each profile's instruction set."""
    seconds = {FAST.isa: fast, SLOW.isa: slow}
    monkeypatch.setattr(calibration, "seconds_per_image", lambda isa, _: seconds[isa])


def test_one_processor_needs_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "seconds_per_image", lambda *_: pytest.fail("measured"))
    found = calibration.factors(load_topology("standalone"), print)
    assert {name: one.factor for name, one in found.items()} == {
        "master": 1.0,
        "worker-1": 1.0,
        "worker-2": 1.0,
        "worker-3": 1.0,
    }


def test_a_quota_makes_up_what_the_instruction_set_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds(monkeypatch, fast=0.8, slow=1.0)
    found = calibration.factors(HETEROGENEOUS, print)
    old = found["old-worker"]
    assert old.measured_ratio == 0.8
    assert old.factor == pytest.approx(PUBLISHED / 0.8, abs=1e-4)
    assert old.factor < 1
    # Quota and instruction set together give the published ratio.
    assert old.factor * 0.8 == pytest.approx(PUBLISHED, abs=1e-4)
    assert {one.factor for name, one in found.items() if name != "old-worker"} == {1.0}
    assert old.profile == "i7-3630QM"


def test_the_same_speed_leaves_all_to_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds(monkeypatch, fast=1.0, slow=1.0)
    assert calibration.factors(HETEROGENEOUS, print)["old-worker"].factor == pytest.approx(PUBLISHED, abs=1e-4)


def test_an_instruction_set_that_does_more_than_that_gets_no_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds(monkeypatch, fast=0.4, slow=1.0)
    old = calibration.factors(HETEROGENEOUS, print)["old-worker"]
    assert (old.factor, old.measured_ratio) == (1.0, 0.4)
    assert "no quota added" in old.note


def test_where_most_nodes_are_old_the_new_one_is_still_the_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    swapped = {FAST.name: SLOW.name, SLOW.name: FAST.name}
    nodes = tuple(replace(node, profile=swapped[str(node.profile)]) for node in HETEROGENEOUS.nodes)
    speeds(monkeypatch, fast=0.8, slow=1.0)
    found = calibration.factors(replace(HETEROGENEOUS, nodes=nodes), print)
    assert found["old-worker"].factor == 1.0
    others = [one.factor for name, one in found.items() if name != "old-worker"]
    assert others == pytest.approx([PUBLISHED / 0.8] * 3, abs=1e-4)


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The instruction sets that were measured, on a host and an environment of the test's."""
    asked: list[str] = []

    def measure(isa: str) -> float:
        asked.append(isa)
        return 0.25

    monkeypatch.setattr(calibration, "_CACHE", tmp_path / "new" / "calibration.json")
    monkeypatch.setattr(calibration, "_measure", measure)
    on(monkeypatch, cpu="CPU a", environment="one")
    return asked


def on(monkeypatch: pytest.MonkeyPatch, *, cpu: str, environment: str) -> None:
    host = Host(2, 16_000, 90_000, cpu, frozenset(), "6.1", "v2")
    monkeypatch.setattr(calibration.capacity, "measure", lambda _: host)
    monkeypatch.setattr(calibration.images, "fingerprints", lambda: {"python": environment})


def test_a_host_is_measured_once(measured: list[str], tmp_path: Path) -> None:
    said: list[str] = []
    assert [calibration.seconds_per_image("AVX", said.append) for _ in range(3)] == [0.25] * 3
    assert measured == ["AVX"]
    assert len(said) == 1
    assert list(json.loads((tmp_path / "new" / "calibration.json").read_text()).values()) == [0.25]
    calibration.seconds_per_image("AVX2", said.append)
    assert measured == ["AVX", "AVX2"]


@pytest.mark.parametrize(("cpu", "environment"), [("CPU b", "one"), ("CPU a", "two")])
def test_another_processor_or_environment_is_measured_again(
    measured: list[str], monkeypatch: pytest.MonkeyPatch, cpu: str, environment: str
) -> None:
    calibration.seconds_per_image("AVX", print)
    on(monkeypatch, cpu=cpu, environment=environment)
    calibration.seconds_per_image("AVX", print)
    assert measured == ["AVX", "AVX"]
