"""A cluster's state on disk, and the decisions of up and down, with an engine that is none."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_fakes import FakeEngine, container

from experiments.cluster import lifecycle, state
from experiments.cluster.calibration import Factor
from experiments.cluster.interrupts import uninterrupted
from experiments.errors import HostError, RunFailed, UserError
from experiments.host.capacity import Host
from experiments.host.engine import Limits
from experiments.topology import load_topology
from experiments.waiting import TimedOut

SPEC = load_topology("standalone")
STATE = state.State(
    cluster="standalone",
    topology="standalone.toml",
    workers=None,
    fingerprint=lifecycle.fingerprint(SPEC),
    registered_seconds=1.5,
    canary_seconds=2.5,
    ready_seconds=3.5,
    addresses={"master spark-master": "http://127.0.0.1:40001"},
    boot={"master": Limits(None, 3072, "0,1")},
    measured={"master": Limits(0.5, 3072, "0,1")},
    calibration=[{"node": "master", "factor": 1.0}],
    canary=["worker-1 0"],
)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Clusters and logs in folders of the test's."""
    monkeypatch.setattr(state, "CLUSTERS", tmp_path / "clusters")
    monkeypatch.setattr(lifecycle, "CLUSTERS", tmp_path / "clusters")
    monkeypatch.setattr(lifecycle, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(state.os, "chown", lambda *_: None)
    return tmp_path


def saved(one: state.State) -> state.State:
    state.prepare(one.cluster)
    state.save(one)
    return one


# State


def test_what_is_saved_is_loaded() -> None:
    assert state.load("standalone") is None
    saved(STATE)
    assert state.load("standalone") == STATE
    assert not list(state.folder("standalone").glob("*.partial"))
    assert json.loads((state.folder("standalone") / "state.json").read_text())["schema"] == 1


def test_a_later_state_replaces_the_earlier_one() -> None:
    saved(STATE)
    state.save(replace(STATE, workers=5))
    loaded = state.load("standalone")
    assert loaded is not None
    assert loaded.workers == 5


def test_preparing_starts_afresh_and_forgetting_leaves_nothing(folders: Path) -> None:
    saved(STATE)
    (state.share("standalone") / "in" / "older").touch()
    state.prepare("standalone")
    assert state.load("standalone") is None
    assert sorted(path.name for path in state.share("standalone").rglob("*")) == ["in", "out"]
    state.forget("standalone")
    state.forget("standalone")
    assert list((folders / "clusters").iterdir()) == []


# Names, quotas


@pytest.mark.parametrize(
    ("given", "name"),
    [("yarn", "yarn"), ("mine.toml", "mine"), ("./folder/mine.toml", "mine"), ("/tmp/a.b/mine.toml", "mine")],
)
def test_the_name_of_a_cluster(given: str, name: str) -> None:
    assert lifecycle.name_of(given) == name


def test_quotas_are_nominal_times_the_factor() -> None:
    factors = {node.name: Factor(node.name, node.profile, 1.0, "") for node in SPEC.nodes}
    factors["worker-2"] = replace(factors["worker-2"], factor=0.8)
    assert lifecycle.quotas(SPEC, factors) == pytest.approx(
        {"master": 0.5, "worker-1": 0.5, "worker-2": 0.4, "worker-3": 0.5}
    )


def test_each_machine_gets_cores_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle.os, "sched_getaffinity", lambda _: {7, 2, 5})
    found = lifecycle._environment(load_topology("heterogeneous"))
    assert (found["CLUSTERBED_CPUSET_A"], found["CLUSTERBED_CPUSET_B"]) == ("2", "5")
    assert lifecycle._environment(SPEC)["CLUSTERBED_CPUSET_A"] == "2,5"
    assert found["CLUSTERBED_UID"] == str(os.getuid())


# Is it up already?


def test_nothing_is_up() -> None:
    other = FakeEngine(container("yarn", "master"))
    assert lifecycle._already_up(other, SPEC) is None  # type: ignore[arg-type]


def test_it_is_up_as_asked_for() -> None:
    saved(STATE)
    assert lifecycle._already_up(FakeEngine.of(SPEC), SPEC) == STATE  # type: ignore[arg-type]


def test_it_is_up_with_another_topology() -> None:
    saved(replace(STATE, fingerprint="another"))
    with pytest.raises(UserError, match="up with another topology"):
        lifecycle._already_up(FakeEngine.of(SPEC), SPEC)  # type: ignore[arg-type]


def test_containers_without_a_state_are_half_up() -> None:
    with pytest.raises(RunFailed, match=r"half up \(4 containers.*clusterbed down standalone"):
        lifecycle._already_up(FakeEngine.of(SPEC), SPEC)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", ["stopped", "gone"])
def test_a_node_that_is_stopped_or_gone_is_half_up(change: str) -> None:
    saved(STATE)
    engine = FakeEngine.of(SPEC)
    engine.held[2:3] = [replace(engine.held[2], state="exited")] if change == "stopped" else []
    with pytest.raises(RunFailed, match="half up"):
        lifecycle._already_up(engine, SPEC)  # type: ignore[arg-type]


# Up that fails


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs `up` on an engine; its start makes the containers and then raises."""
    host = Host(4, 32_000, 90_000, "CPU", frozenset(), "6.1", "v2")
    monkeypatch.setattr(lifecycle.capacity, "measure", lambda _: host)
    monkeypatch.setattr(lifecycle.images, "require", lambda *_: None)

    def run(engine: FakeEngine, error: BaseException, say: Callable[[str], None] = lambda _: None) -> None:
        def start(*_: object) -> None:
            state.prepare(SPEC.name)
            engine.held += FakeEngine.of(SPEC).held
            raise error

        monkeypatch.setattr(lifecycle, "_start", start)
        monkeypatch.setattr(lifecycle, "Engine", lambda: engine)
        lifecycle.up(SPEC, say)

    return run


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RunFailed("x"), TimedOut("a", 1, "b"), OSError("c")])
def test_whatever_fails_is_taken_down_logs_first(starting: Callable[..., None], error: BaseException) -> None:
    engine = FakeEngine(container("yarn", "master"))
    with pytest.raises(type(error)) as caught:
        starting(engine, error)
    assert caught.value is error
    assert [one.cluster for one in engine.held] == ["yarn"]
    assert [call[0] for call in engine.calls] == ["copy_out"] * 4 + ["remove"]
    assert not state.folder(SPEC.name).exists()


def test_clusters_that_are_up_beside_it_are_named(starting: Callable[..., None]) -> None:
    for engine, expected in ((FakeEngine(container("yarn", "master")), 1), (FakeEngine(), 0)):
        said: list[str] = []
        with pytest.raises(KeyboardInterrupt):
            starting(engine, KeyboardInterrupt(), said.append)
        assert len([line for line in said if line.startswith("also up: yarn;")]) == expected


def test_a_cluster_that_is_up_is_never_taken_down_by_up(
    starting: Callable[..., None],
) -> None:
    saved(replace(STATE, fingerprint="another"))
    engine = FakeEngine.of(SPEC)
    with pytest.raises(UserError):
        starting(engine, AssertionError("started"))
    assert len(engine.held) == 4
    assert engine.calls == []


def test_a_host_that_is_too_small_starts_nothing(
    starting: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for host, said in (
        (Host(1, 32_000, 90_000, "CPU", frozenset(), "6.1", "v2"), "this host has 1"),
        (Host(4, 32_000, 100, "CPU", frozenset(), "6.1", "v2"), "100 MB of disk are free"),
    ):
        monkeypatch.setattr(lifecycle.capacity, "measure", lambda _, host=host: host)
        engine = FakeEngine()
        with pytest.raises(HostError, match=said):
            starting(engine, AssertionError("started"))
        assert engine.calls == []


# Down


def test_down_removes_the_cluster_and_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    saved(STATE)
    engine = FakeEngine.of(SPEC)
    engine.held.append(container("yarn", "master"))
    monkeypatch.setattr(lifecycle, "Engine", lambda: engine)
    said: list[str] = []
    assert lifecycle.down("standalone", said.append) is True
    assert [one.cluster for one in engine.held] == ["yarn"]
    assert state.load("standalone") is None
    assert lifecycle.down("standalone", said.append) is False
    assert said == ["standalone is down", "standalone is not up; nothing to do"]


def test_down_all_finds_containers_networks_and_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine(container("a", "master", "exited"), networks=("clusterbed-b",))
    state.prepare("c")
    monkeypatch.setattr(lifecycle, "Engine", lambda: engine)
    assert lifecycle.down_all(lambda _: None) == ["a", "b", "c"]
    assert lifecycle.down_all(lambda _: None) == []


def test_a_cluster_that_is_not_up_is_named_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "Engine", lambda: FakeEngine(container("yarn", "master")))
    with pytest.raises(UserError, match="'standalone' is not up; up are: yarn"):
        lifecycle.spec_of("standalone")


# Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tear_down_is_not_cut_in_two(number: signal.Signals) -> None:
    heard: list[int] = []
    before = signal.signal(number, lambda got, _: heard.append(got))
    try:
        with uninterrupted():
            with uninterrupted():
                os.kill(os.getpid(), number)
            assert heard == []
        assert heard == [number]
        with pytest.raises(RunFailed), uninterrupted():
            raise RunFailed("inside")
        os.kill(os.getpid(), number)
        assert heard == [number, number]
    finally:
        signal.signal(number, before)
