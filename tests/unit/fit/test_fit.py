"""The rule that quotas, machines, Spark's and YARN's cores, memory and the host fit each other."""

from __future__ import annotations

import dataclasses

import pytest

from experiments.errors import HostError, UserError
from experiments.fit import HostCapacity, check_fit, check_threads, container_mb, executors_mb, require_fit, reserve_mb
from experiments.topology import load_topology
from experiments.types import ClusterSpec

HOST = HostCapacity(cores=2, memory_mb=24_000)


def change(spec: ClusterSpec, entry: str, **values: object) -> ClusterSpec:
    """The cluster with other values for the nodes of an entry."""
    nodes = tuple(dataclasses.replace(n, **values) if n.entry == entry else n for n in spec.nodes)  # type: ignore[arg-type]
    return dataclasses.replace(spec, nodes=nodes)


def messages(spec: ClusterSpec, host: HostCapacity = HOST) -> list[str]:
    return [problem.message for problem in check_fit(spec, host)]


def test_a_quota_sum_that_only_rounding_puts_over_the_cores_fits() -> None:
    spec = load_topology("standalone")
    executor = dataclasses.replace(spec.executor, core_share=0.14)
    spec = change(change(spec, "master", cpus=1.58), "worker", cpus=0.14, executor=executor)
    assert sum(node.cpus for node in spec.nodes) > 2
    assert messages(spec) == []


def test_quotas_over_a_machine() -> None:
    (message,) = messages(change(load_topology("standalone"), "worker", cpus=0.75))
    assert "machines.a.cores = 2: the quotas of its 4 nodes add up to 2.75" in message
    assert "set cores to 3" in message
    assert "0.5 on each" in message


def test_spark_cores_worth_more_than_the_quota_are_told_once_for_an_entry() -> None:
    (message,) = messages(change(load_topology("standalone"), "worker", cpus=0.25))
    assert "nodes.worker.cpus = 0.25" in message
    assert "worth 0.5 cores (cores 1 x instances 1 x core_share 0.5)" in message
    assert "set cpus to 0.5, or core_share to 0.25" in message


def test_the_value_a_memory_message_gives_would_do() -> None:
    spec = load_topology("yarn")
    for entry in ("master", "slave"):
        (message,) = messages(change(spec, entry, memory_mb=2048))
        node = next(node for node in spec.nodes if node.entry == entry)
        needed = executors_mb(spec, node) + reserve_mb(spec, node)
        assert f'set memory to "{needed}m"' in message
        assert messages(change(spec, entry, memory_mb=needed)) == []
        assert messages(change(spec, entry, memory_mb=needed - 1)) != []


def test_the_application_master_counts_on_its_node_only() -> None:
    spec = load_topology("yarn")
    assert reserve_mb(spec, spec.node("master")) == 1536 + 448 + 448 + 320 + 320 + 320 + 896
    assert reserve_mb(spec, spec.node("slave-1")) == 320 + 320


def test_local_modes_driver_is_its_executor() -> None:
    spec = load_topology("local")
    assert reserve_mb(spec, spec.driver) == 0
    assert executors_mb(spec, spec.driver) == 6144


@pytest.mark.parametrize(("asked", "given"), [(64, 64), (65, 128), (2689, 2752), (896, 896)])
def test_yarn_rounds_containers_up(asked: int, given: int) -> None:
    assert container_mb(asked) == given


def test_a_host_with_too_few_cores() -> None:
    with pytest.raises(HostError) as caught:
        require_fit(load_topology("heterogeneous"), HostCapacity(cores=1, memory_mb=24_000))
    (message,) = caught.value.messages
    assert "add up to 2 (a 1, b 1), this host has 1" in message
    assert caught.value.exit_status == 3


def test_a_host_with_too_little_memory() -> None:
    spec = load_topology("standalone")
    with pytest.raises(HostError) as caught:
        require_fit(spec, HostCapacity(cores=2, memory_mb=8_000))
    (message,) = caught.value.messages
    assert f"the memory of 4 adds up to {sum(node.memory_mb for node in spec.nodes)} MB, this host has 8000" in message
    assert '"2000m" on each' in message


def test_a_topology_that_cannot_fit_anywhere_is_the_users_error_and_all_is_told() -> None:
    spec = change(load_topology("standalone"), "worker", cpus=1.5, memory_mb=1024)
    with pytest.raises(UserError) as caught:
        require_fit(spec, HostCapacity(cores=1, memory_mb=2_000))
    assert len(caught.value.messages) == 4
    assert all(message.startswith(spec.source) for message in caught.value.messages)


def test_threads_of_a_task_are_at_most_its_executors_cores() -> None:
    check_threads(load_topology("local"), 2)
    with pytest.raises(UserError, match=r"threads_per_task = 3: an executor of local has 2 cores; allowed: 1 to 2"):
        check_threads(load_topology("local"), 3)
    with pytest.raises(UserError, match=r"threads_per_task = 2: an executor of yarn has 1 core; allowed: 1"):
        check_threads(load_topology("yarn"), 2)
