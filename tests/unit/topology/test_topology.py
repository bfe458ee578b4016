"""Topologies that are right: what becomes of them, and scaling."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from experiments.errors import HostError, UserError
from experiments.fit import HostCapacity, check_fit
from experiments.topology import load_topology, scale, shipped_topologies
from experiments.types import Executor

VALID = Path(__file__).parents[2] / "fixtures" / "topologies" / "valid"
SMALL_HOST = HostCapacity(cores=2, memory_mb=23_000)


def test_the_interface_example() -> None:
    spec = load_topology(str(VALID / "standalone.toml"))
    assert [node.name for node in spec.nodes] == ["master", "worker-1", "worker-2", "worker-3"]
    master, worker = spec.nodes[:2]
    assert (master.isa, master.cpus, master.memory_mb) == ("AVX512_CORE_VNNI", 0.5, 4096)  # the profile's
    assert (worker.isa, worker.cpus, worker.memory_mb) == ("AVX2", 0.5, 3072)
    assert (worker.entry, worker.counted, master.counted) == ("worker", True, False)
    assert worker.executor == Executor(cores=1, memory_mb=2048, overhead_mb=640, instances=1, core_share=0.5)
    assert (spec.stack, spec.manager, spec.driver.name) == ("paper", "standalone", "master")
    assert (spec.total_executors, spec.total_executor_cores) == (3, 3)
    assert check_fit(spec, SMALL_HOST) == []


def test_specs_cannot_be_changed() -> None:
    spec = load_topology("standalone")
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.nodes[0].cpus = 4.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        spec.nodes[0].ports["driver"] = 1  # type: ignore[index]


def test_a_count_of_one_numbers_its_node(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text((VALID / "standalone.toml").read_text().replace("count = 3", "count = 1"))
    assert [node.name for node in load_topology(str(path)).nodes] == ["master", "worker-1"]


def test_shipped_topologies_fit_a_host_of_two_cores() -> None:
    names = shipped_topologies()
    assert names == ("databricks", "heterogeneous", "local", "standalone", "yarn", "yarn-heterogeneous")
    for name in names:
        assert check_fit(load_topology(name), SMALL_HOST) == []


def test_the_papers_heterogeneous_clusters_have_the_old_processor_on_a_machine_of_its_own() -> None:
    for name, old in (("heterogeneous", "old-worker"), ("yarn-heterogeneous", "slave")):
        spec = load_topology(name)
        assert [node.name for node in spec.nodes if node.profile == "i7-3630QM"] == [old]
        assert spec.node(old).isa == "AVX"
        assert [node.name for node in spec.nodes_on(spec.node(old).machine)] == [old]


def test_yarn_master_runs_everything_and_an_executor() -> None:
    spec = load_topology("yarn")
    assert spec.driver.roles == ("driver", "namenode", "resourcemanager", "datanode", "nodemanager", "history-server")
    assert spec.application_master == spec.driver
    assert spec.total_executors == 3


def test_a_driver_of_its_own_leaves_the_application_master_to_the_first_nodemanager(tmp_path: Path) -> None:
    text = (VALID / "yarn.toml").read_text()
    path = tmp_path / "apart.toml"
    path.write_text(
        text.replace('"driver", ', "") + '[[nodes]]\nname = "front"\nroles = ["driver"]\nmachine = "a"\n'
        'cpus = 0.5\nmemory = "2g"\n'
    )
    spec = load_topology(str(path))
    assert spec.driver.name == "front"
    assert spec.application_master == spec.node("master")


@pytest.mark.parametrize(("name", "count", "nodes"), [
    ("standalone", 1, ["master", "worker-1"]),
    ("databricks", 2, ["driver", "worker-1", "worker-2"]),
    ("heterogeneous", 3, ["master", "worker-1", "worker-2", "worker-3", "old-worker"]),
    ("yarn", 1, ["master", "slave-1"]),
])  # fmt: skip
def test_scale(name: str, count: int, nodes: list[str]) -> None:
    spec = load_topology(name)
    scaled = scale(spec, count)
    assert [node.name for node in scaled.nodes] == nodes
    assert scaled.nodes[0] == spec.nodes[0]
    assert scale(scaled, len(spec.nodes_with("spark-worker")) or 2).machines == spec.machines


def test_scaling_to_the_same_count_changes_nothing() -> None:
    assert scale(load_topology("yarn"), 2) == load_topology("yarn")


@pytest.mark.parametrize("count", [0, -1, 65])
def test_scale_refuses_a_count_out_of_range(count: int) -> None:
    with pytest.raises(UserError, match=f"scale standalone {count}: must be a whole number from 1 to 64"):
        scale(load_topology("standalone"), count)


def test_scale_refuses_a_cluster_without_a_count() -> None:
    with pytest.raises(UserError, match=r"exactly one .* entry that has a count and runs executors; there is none"):
        scale(load_topology("yarn-heterogeneous"), 2)


def test_scale_refuses_two_counts(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    text = (VALID / "standalone.toml").read_text()
    path.write_text(text + text[text.rindex("[[nodes]]") :].replace('"worker"', '"other"'))
    with pytest.raises(UserError, match=r"there is 2 \(other, worker\)"):
        scale(load_topology(str(path)), 2)


def test_a_link_is_refused_only_where_the_file_is_right(tmp_path: Path) -> None:
    path = tmp_path / "linked.toml"
    text = (VALID / "standalone.toml").read_text().replace("count = 3", 'count = 3\nlink = "26mbit"')
    path.write_text(text)
    with pytest.raises(HostError, match="link"):
        load_topology(str(path))
    path.write_text(text.replace('machine = "a"\ncpus', 'machine = "z"\ncpus'))
    with pytest.raises(UserError, match="machine"):
        load_topology(str(path))
