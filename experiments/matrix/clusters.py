"""A cell's cluster: its topology with the cell's workers, cores and memory, its quotas at a CPU scale. Pure.

A node's *paper cores* are what its quota in the topology is worth in Spark cores: cpus / core_share. At a scale s every
paper core gets s of a host core, on every node that runs executors and in every cell that is compared. Nodes without
executors (a driver, a master) get a share of their machine that is reserved for them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from functools import cache

from experiments.errors import ClusterbedError
from experiments.fit import HostCapacity, check_fit, check_threads, executors_mb, reserve_mb
from experiments.matrix.types import Settings
from experiments.rules import cluster_problems
from experiments.topology import load_topology, scale
from experiments.types import ClusterSpec, Executor, MachineSpec, NodeSpec
from experiments.units import memory_mb, memory_text

# Under this share of a host core a JVM does little but start.
LEAST_SHARE = 0.05
# No paper core is worth more than one of the host's: Spark would start no second task on it.
MOST_SHARE = 1.0
# Shares and quotas are held to as many decimals, in a cluster's file too.
SHARE_DECIMALS = 4
_UNIT: float = 10**SHARE_DECIMALS
# What the host keeps for itself, in MB.
HOST_RESERVE_MB = 1024
_CLUSTER_KEYS = ("topology", "workers", "cores", "executor_memory", "executor_overhead", "limit", "isa")

Wanted = tuple[tuple[str, object], ...]


def wanted(settings: Settings) -> Wanted:
    """What of a cell's settings makes its cluster, to compare and to keep."""
    return tuple((key, settings.get(key)) for key in _CLUSTER_KEYS)


@cache
def shaped(cluster: Wanted) -> ClusterSpec:
    """The topology with the cell's workers, cores, executor memory and instruction set; quotas still as in its file.

    Raises UserError or HostError for a topology that is not there or does not allow it.
    """
    keys = dict(cluster)
    spec = load_topology(str(keys["topology"]))
    if keys["workers"] is not None:
        spec = scale(spec, int(str(keys["workers"])))
    nodes = tuple(_shaped_node(node, keys) for node in spec.nodes)
    return dataclasses.replace(spec, nodes=nodes)


def _shaped_node(node: NodeSpec, keys: Mapping[str, object]) -> NodeSpec:
    if keys["isa"] == "host":
        node = dataclasses.replace(node, profile=None, isa=None)
    if node.executor is None:
        return node
    before, changes = node.executor, dict[str, int]()
    if keys["cores"] is not None:
        changes["cores"] = int(str(keys["cores"]))
    for key, field in (("executor_memory", "memory_mb"), ("executor_overhead", "overhead_mb")):
        if keys[key] is not None:
            changes[field] = memory_mb(str(keys[key]))
    executor = dataclasses.replace(before, **changes)
    # A larger executor needs as much more of its node.
    grown = max(0, executor.total_memory_mb - before.total_memory_mb)
    cpus = (paper_cores(node) - before.total_cores + executor.total_cores) * before.core_share
    return dataclasses.replace(node, executor=executor, cpus=cpus, memory_mb=node.memory_mb + grown)


def paper_cores(node: NodeSpec) -> float:
    """Its quota in units of one Spark core; 0 for a node without executors."""
    return 0.0 if node.executor is None else max(node.cpus / node.executor.core_share, float(node.executor.total_cores))


def machine_cores(spec: ClusterSpec, host_cores: int) -> Mapping[str, int]:
    """Host cores of each machine: all of the host's, shared out as the topology has it, at least one each; so more
    than the host has where it has fewer cores than the cluster machines.
    """
    total = sum(machine.cores for machine in spec.machines)
    shares = {machine.name: max(1, host_cores * machine.cores // total) for machine in spec.machines}
    left = host_cores - sum(shares.values())
    for machine in spec.machines[: max(0, left)]:
        shares[machine.name] += 1
    for _ in range(-left):  # what the least got beyond their part, the largest give
        largest = max(shares, key=lambda name: shares[name])
        shares[largest] = max(1, shares[largest] - 1)
    return shares


def share_that_fits(spec: ClusterSpec, host_cores: int, services: float) -> float:
    """The most that a paper core of this cluster can be worth on a host of so many cores."""
    cores = machine_cores(spec, host_cores)
    shares = [MOST_SHARE]
    for machine in spec.machines:
        nodes = spec.nodes_on(machine.name)
        wanted_cores = sum(paper_cores(node) for node in nodes)
        reserved = cores[machine.name] * services if any(node.executor is None for node in nodes) else 0.0
        if wanted_cores:
            shares.append((cores[machine.name] - reserved) / wanted_cores)
    return math.floor(min(shares) * _UNIT) / _UNIT


def services_share(spec: ClusterSpec, host_cores: int, services: float) -> float:
    """Host cores of the node without executors that gets least; 1 where there is none."""
    cores = machine_cores(spec, host_cores)
    return min((_service_cpus(spec, node, services, cores) for node in spec.nodes if node.executor is None), default=1)


def _service_cpus(spec: ClusterSpec, node: NodeSpec, services: float, cores: Mapping[str, int]) -> float:
    alike = sum(one.executor is None for one in spec.nodes_on(node.machine))
    return _down(cores[node.machine] * services / alike)


def scaled(
    spec: ClusterSpec, share: float, services: float, host: HostCapacity, *, cpuset: bool, compact: bool
) -> ClusterSpec:
    """The cluster at a CPU scale on this host, under a name made from all its numbers.

    cpuset: machines get no more cores than the quotas on them need. compact: nodes have the memory that they need
    instead of the topology's.
    """
    cores = machine_cores(spec, host.cores)
    nodes = tuple(_scaled_node(spec, node, share, services, cores, compact) for node in spec.nodes)
    machines = tuple(
        MachineSpec(one.name, _used(nodes, one.name) if cpuset else cores[one.name]) for one in spec.machines
    )
    result = dataclasses.replace(spec, nodes=nodes, machines=machines)
    return dataclasses.replace(result, name=f"{spec.name[:20]}-{_digest(result)}")


def _scaled_node(
    spec: ClusterSpec, node: NodeSpec, share: float, services: float, cores: Mapping[str, int], compact: bool
) -> NodeSpec:
    memory = executors_mb(spec, node) + reserve_mb(spec, node) if compact else node.memory_mb
    if node.executor is None:
        cpus = _service_cpus(spec, node, services, cores)
        return dataclasses.replace(node, cpus=cpus, memory_mb=memory, ports={})
    executor = dataclasses.replace(node.executor, core_share=share)
    cpus = max(_down(paper_cores(node) * share), _up(executor.host_cores))
    return dataclasses.replace(node, executor=executor, cpus=cpus, memory_mb=memory, ports={})


def _used(nodes: tuple[NodeSpec, ...], machine: str) -> int:
    return max(1, math.ceil(sum(node.cpus for node in nodes if node.machine == machine) - 1e-6))


def _down(value: float) -> float:
    return math.floor(value * _UNIT + 1e-6) / _UNIT


def _up(value: float) -> float:
    return math.ceil(value * _UNIT - 1e-6) / _UNIT


def _digest(spec: ClusterSpec) -> str:
    plain = dataclasses.replace(spec, source="")
    return hashlib.sha256(repr(plain).encode()).hexdigest()[:8]


def misfits(spec: ClusterSpec, host: HostCapacity, threads: int) -> list[str]:
    """Why a scaled cluster cannot run such a job on this host; empty where it can."""
    room = HostCapacity(host.cores, max(0, host.memory_mb - HOST_RESERVE_MB))
    reasons = [*cluster_problems(spec), *(problem.message for problem in check_fit(spec, room))]
    try:
        check_threads(spec, threads)
    except ClusterbedError as error:
        reasons += error.messages
    return [reason.removeprefix(f"{spec.source}: ") for reason in reasons]


def memory_needed(spec: ClusterSpec, *, compact: bool) -> int:
    """MB of all nodes, as the topology has it or as they need at least."""
    if not compact:
        return sum(node.memory_mb for node in spec.nodes)
    return sum(executors_mb(spec, node) + reserve_mb(spec, node) for node in spec.nodes)


def to_toml(spec: ClusterSpec, comment: str) -> str:
    """The cluster as a topology file, each node an entry of its own."""
    lines = [f"# {comment}", "schema = 1", f'stack = "{spec.stack}"', f'manager = "{spec.manager}"']
    for machine in spec.machines:
        lines += ["", f"[machines.{machine.name}]", f"cores = {machine.cores}"]
    for node in spec.nodes:
        roles = ", ".join(f'"{role}"' for role in node.roles)
        lines += ["", "[[nodes]]", f'name = "{node.name}"', f"roles = [{roles}]", f'machine = "{node.machine}"']
        lines += [f'profile = "{node.profile}"'] if node.profile else []
        lines += [f'isa = "{node.isa}"'] if node.isa and not node.profile else []
        lines += [f"cpus = {node.cpus:.{SHARE_DECIMALS}f}", f'memory = "{memory_text(node.memory_mb)}"']
        lines += [_executor_line(node.executor)] if node.executor else []
    return "\n".join(lines) + "\n"


def _executor_line(executor: Executor) -> str:
    return (
        f'executor = {{ cores = {executor.cores}, memory = "{memory_text(executor.memory_mb)}", '
        f'overhead = "{memory_text(executor.overhead_mb)}", instances = {executor.instances}, '
        f"core_share = {executor.core_share:.{SHARE_DECIMALS}f} }}"
    )
