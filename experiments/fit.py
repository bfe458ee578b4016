"""Whether a cluster fits its own numbers and this host, before anything starts. Pure.

The rule: quotas on a machine are at most its cores, machines' cores at most the host's; cores x instances x core_share
is at most the node's cpus; executors and services have room in the node's memory, and nodes in the host's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from experiments.errors import HostError, UserError
from experiments.types import ClusterSpec, NodeSpec
from experiments.units import memory_text

# What the JVM of each role takes beside executors, in MB: its heap limit and what a JVM needs around it.
ROLE_RESERVE_MB: Mapping[str, int] = MappingProxyType(
    {
        "spark-master": 512,
        "spark-worker": 320,
        "driver": 1536,
        "namenode": 448,
        "datanode": 320,
        "resourcemanager": 448,
        "nodemanager": 320,
        "history-server": 320,
    }
)
AM_MEMORY_MB = 896  # YARN's ApplicationMaster: 512 heap, 384 beside it
YARN_STEP_MB = 64  # YARN rounds every container up to a multiple of this, its smallest allocation

_TOLERANCE = 1e-9  # quotas such as 0.1 + 0.2 add up to a hair more than they should


@dataclass(frozen=True)
class HostCapacity:
    """What the host has: cores that containers may use, and memory in MB."""

    cores: int
    memory_mb: int


@dataclass(frozen=True)
class Problem:
    """What does not fit, the number to change and a value that would do. side says whose limit it is."""

    side: Literal["topology", "host"]
    message: str


def container_mb(memory_mb: int) -> int:
    """What YARN allocates for a container of that size."""
    return math.ceil(memory_mb / YARN_STEP_MB) * YARN_STEP_MB


def executors_mb(spec: ClusterSpec, node: NodeSpec) -> int:
    """Memory of all executors on a node, heap and overhead, as the cluster's manager allocates it."""
    if node.executor is None:
        return 0
    if spec.manager != "yarn":
        return node.executor.total_memory_mb
    return node.executor.instances * container_mb(node.executor.memory_mb + node.executor.overhead_mb)


def reserve_mb(spec: ClusterSpec, node: NodeSpec) -> int:
    """Memory of a node's services. In local mode the driver is the executor and needs none of its own."""
    if spec.manager == "local":
        return 0
    services = sum(ROLE_RESERVE_MB[role] for role in node.roles)
    return services + (AM_MEMORY_MB if node == spec.application_master else 0)


def check_fit(spec: ClusterSpec, host: HostCapacity) -> list[Problem]:
    """All that does not fit, topology's own numbers first."""
    own = [*_machines(spec), *_cores(spec), *_memory(spec)]
    return [
        *(Problem("topology", f"{spec.source}: {message}") for message in dict.fromkeys(own)),
        *(Problem("host", f"{spec.source}: {message}") for message in _host(spec, host)),
    ]


def require_fit(spec: ClusterSpec, host: HostCapacity) -> None:
    """Raises UserError if the topology's numbers do not fit each other, HostError if only this host is too small.

    Either names all that was found.
    """
    problems = check_fit(spec, host)
    messages = [problem.message for problem in problems]
    if any(problem.side == "topology" for problem in problems):
        raise UserError(*messages)
    if problems:
        raise HostError(*messages)


def check_threads(spec: ClusterSpec, threads_per_task: int) -> None:
    """Raises UserError if a task of one Spark core would use more threads than its executor has cores."""
    cores = spec.executor.cores
    if threads_per_task > cores:
        raise UserError(
            f"threads_per_task = {threads_per_task}: an executor of {spec.name} has {cores} "
            f"core{'s' if cores > 1 else ''}; allowed: 1 to {cores}; or raise executor.cores in {spec.source}"
        )


def _machines(spec: ClusterSpec) -> list[str]:
    messages = []
    for machine in spec.machines:
        nodes = spec.nodes_on(machine.name)
        quotas = sum(node.cpus for node in nodes)
        if quotas > machine.cores + _TOLERANCE:
            share = _floor(machine.cores / len(nodes))
            messages.append(
                f"machines.{machine.name}.cores = {machine.cores}: the quotas of its {len(nodes)} nodes add up to "
                f"{_number(quotas)} ({', '.join(f'{node.name} {_number(node.cpus)}' for node in nodes)}); set cores to "
                f"{math.ceil(quotas - _TOLERANCE)}, or lower cpus, for example to {_number(share)} on each"
            )
    return messages


def _cores(spec: ClusterSpec) -> list[str]:
    messages = []
    for node, executor in spec.executors:
        if executor.host_cores <= node.cpus + _TOLERANCE:
            continue
        messages.append(
            f"nodes.{node.entry}.cpus = {_number(node.cpus)}: its executors are worth {_number(executor.host_cores)} "
            f"cores (cores {executor.cores} x instances {executor.instances} x core_share "
            f"{_number(executor.core_share)}); set cpus to {_number(executor.host_cores)}, or core_share to "
            f"{_number(_floor(node.cpus / executor.total_cores))}"
        )
    return messages


def _memory(spec: ClusterSpec) -> list[str]:
    messages = []
    for node in spec.nodes:
        executors, reserve = executors_mb(spec, node), reserve_mb(spec, node)
        needed = executors + reserve
        if needed <= node.memory_mb:
            continue
        message = f'nodes.{node.entry}.memory = "{memory_text(node.memory_mb)}": {needed} MB are needed, {reserve} for '
        message += f"its services ({', '.join(node.roles)})"
        if node == spec.application_master:
            message += " and YARN's ApplicationMaster"
        if node.executor is not None:
            message += f", {executors} for executors (memory + overhead, {node.executor.instances} of them)"
        messages.append(f'{message}; set memory to "{memory_text(needed)}"')
    return messages


def _host(spec: ClusterSpec, host: HostCapacity) -> list[str]:
    messages = []
    cores = sum(machine.cores for machine in spec.machines)
    if cores > host.cores:
        each = ", ".join(f"{machine.name} {machine.cores}" for machine in spec.machines)
        messages.append(
            f"machines: their cores add up to {cores} ({each}), this host has {host.cores}; lower machines.*.cores to "
            f"{host.cores} in all, and the quotas on them, or take a larger host"
        )
    memory = sum(node.memory_mb for node in spec.nodes)
    if memory > host.memory_mb:
        share = host.memory_mb // len(spec.nodes)
        messages.append(
            f"nodes: the memory of {len(spec.nodes)} adds up to {memory} MB, this host has {host.memory_mb}; lower "
            f'nodes.*.memory, for example to "{share}m" on each, or the count of nodes, or take a larger host'
        )
    return messages


def _floor(value: float) -> float:
    """Rounded down to thousandths."""
    return math.floor(value * 1000 + _TOLERANCE) / 1000


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
