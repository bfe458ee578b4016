"""Compose documents, and that the committed ones are those that would be rendered."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.render import COMPOSE, ROLE_TEMPLATES, compose_document, cpuset_variable, image, to_yaml, web_port
from experiments.topology import load_topology, scale, shipped_topologies
from experiments.types import ROLES, ClusterSpec

VALID = Path(__file__).parents[2] / "fixtures" / "topologies" / "valid"


def service(spec: ClusterSpec, node: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = compose_document(spec, **options)["services"][node]
    return found


def test_committed_documents_are_rendered_from_the_shipped_topologies() -> None:
    assert {path.stem for path in COMPOSE.glob("*.yml")} == set(shipped_topologies())
    for name in shipped_topologies():
        rendered = to_yaml(compose_document(load_topology(name)), name)
        assert (COMPOSE / f"{name}.yml").read_text() == rendered, f"clusterbed render {name} > compose/{name}.yml"


@pytest.mark.parametrize("name", shipped_topologies())
def test_yaml_reads_back_as_the_document(name: str) -> None:
    document = compose_document(load_topology(name))
    assert yaml.safe_load(to_yaml(document, name)) == document


def test_a_template_for_each_role_and_none_besides() -> None:
    assert {path.stem for path in ROLE_TEMPLATES.glob("*.yml")} == set(ROLES)
    assert len({web_port(role) for role in ROLES}) == len(ROLES)


def test_names_labels_and_network() -> None:
    document = compose_document(load_topology("standalone"))
    assert document["name"] == "clusterbed-standalone"
    assert document["networks"]["default"]["name"] == "clusterbed-standalone"
    assert list(document["services"]) == ["master", "worker-1", "worker-2", "worker-3"]
    worker = document["services"]["worker-2"]
    assert (worker["container_name"], worker["hostname"]) == ("clusterbed-standalone-worker-2", "worker-2")
    assert worker["labels"] == {
        "org.clusterbed.cluster": "standalone",
        "org.clusterbed.node": "worker-2",
        "org.clusterbed.roles": "spark-worker",
    }


def test_images_follow_manager_and_roles() -> None:
    yarn, standalone = load_topology("yarn"), load_topology("standalone")
    assert image(yarn, yarn.node("master")) == "clusterbed/yarn-master:paper"
    assert image(yarn, yarn.node("slave-1")) == "clusterbed/yarn-slave:paper"
    assert {image(standalone, node) for node in standalone.nodes} == {"clusterbed/spark:paper"}


def test_quotas_are_the_topologys_the_given_ones_or_absent() -> None:
    spec = load_topology("heterogeneous")
    assert service(spec, "old-worker")["cpus"] == 0.33
    assert service(spec, "old-worker", quotas={"old-worker": 0.1834999})["cpus"] == 0.183
    assert service(spec, "master", quotas={"old-worker": 0.1})["cpus"] == 0.34
    assert "cpus" not in service(spec, "master", limited=False)


def test_memory_is_limited_without_swap() -> None:
    worker = service(load_topology("standalone"), "worker-1", limited=False)
    assert worker["mem_limit"] == worker["memswap_limit"] == "3584m"


def test_a_machine_is_one_variable_that_may_be_empty() -> None:
    assert cpuset_variable("rack-2") == "CLUSTERBED_CPUSET_RACK_2"
    assert service(load_topology("heterogeneous"), "old-worker")["cpuset"] == "${CLUSTERBED_CPUSET_B:-}"


def test_environment_of_standalone_nodes() -> None:
    spec = load_topology("standalone")
    worker, master = service(spec, "worker-1")["environment"], service(spec, "master")["environment"]
    assert worker["CLUSTERBED_SPARK_MASTER"] == master["CLUSTERBED_SPARK_MASTER"] == "master"
    assert (worker["CLUSTERBED_WORKER_CORES"], worker["CLUSTERBED_WORKER_MEMORY_MB"]) == ("1", "2048")
    assert "CLUSTERBED_WORKER_CORES" not in master
    assert master["CLUSTERBED_ROLES"] == "spark-master driver"
    assert master["CLUSTERBED_UID"] == "${CLUSTERBED_UID:-0}"
    assert "CLUSTERBED_NAMENODE" not in worker


def test_a_worker_offers_all_its_executors() -> None:
    spec = load_topology("standalone")
    executor = dataclasses.replace(spec.executor, cores=2, instances=3)
    spec = dataclasses.replace(spec, nodes=tuple(
        dataclasses.replace(node, executor=executor) if node.executor else node for node in spec.nodes
    ))  # fmt: skip
    worker = service(spec, "worker-1")["environment"]
    assert (worker["CLUSTERBED_WORKER_CORES"], worker["CLUSTERBED_WORKER_MEMORY_MB"]) == ("6", "6144")


def test_environment_of_yarn_nodes() -> None:
    spec = load_topology("yarn")
    master, slave = service(spec, "master")["environment"], service(spec, "slave-1")["environment"]
    for node in (master, slave):
        assert node["CLUSTERBED_NAMENODE"] == node["CLUSTERBED_RESOURCEMANAGER"] == "master"
    offer = ("CLUSTERBED_YARN_VCORES", "CLUSTERBED_YARN_MEMORY_MB", "CLUSTERBED_YARN_AM_SLOTS")
    assert [master[key] for key in offer] == ["2", str(3072 + 896), "1"]
    assert [slave[key] for key in offer] == ["1", "3072", "0"]


@pytest.mark.parametrize("kind", ["standalone", "yarn"])
def test_nodes_do_not_change_when_others_come(kind: str) -> None:
    """Compose would start them again."""
    spec = load_topology(kind)
    few, more = (compose_document(scale(spec, count), limited=False)["services"] for count in (1, 2))
    assert few.items() <= more.items()
    assert len(more) == len(few) + 1


def test_instruction_sets_reach_the_environment_only_where_capped() -> None:
    old = service(load_topology("heterogeneous"), "old-worker")["environment"]
    assert (old["ONEDNN_MAX_CPU_ISA"], old["OPENBLAS_CORETYPE"]) == ("AVX", "Sandybridge")
    host = service(load_topology(str(VALID / "yarn.toml")), "slave")["environment"]
    assert "ONEDNN_MAX_CPU_ISA" not in host


def test_pages_are_bound_to_the_host_itself(tmp_path: Path) -> None:
    path = tmp_path / "fixed.toml"
    text = (VALID / "standalone.toml").read_text()
    path.write_text(text.replace('profile = "i7-11370H"', 'profile = "i7-11370H"\nports = { driver = 14040 }'))
    assert service(load_topology(str(path)), "master")["ports"] == ["127.0.0.1::8080", "127.0.0.1:14040:4040"]
    for name in shipped_topologies():
        ports = [port for one in compose_document(load_topology(name))["services"].values() for port in one["ports"]]
        assert ports
        assert all(port.startswith("127.0.0.1:") for port in ports)


def test_only_nodes_that_are_not_yarns_share_a_folder() -> None:
    assert service(load_topology("standalone"), "worker-1", share="/data")["volumes"] == [
        "${CLUSTERBED_SHARE:-/data}/in:/srv/in:ro",
        "${CLUSTERBED_SHARE:-/data}/out:/srv/out",
    ]
    assert all("volumes" not in one for one in compose_document(load_topology("yarn"))["services"].values())


def test_nodes_give_up_the_rights_they_do_not_need() -> None:
    worker = service(load_topology("standalone"), "worker-1")
    assert worker["cap_drop"] == ["ALL"]
    assert "SYS_ADMIN" not in worker["cap_add"]
    assert worker["security_opt"] == ["no-new-privileges:true"]
