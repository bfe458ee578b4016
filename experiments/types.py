"""The words of the project as frozen types. They hold what was validated; they check nothing themselves.

Memory is in MB (2^20 bytes), CPU time in host cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Manager = Literal["local", "standalone", "yarn"]

MANAGERS: tuple[Manager, ...] = ("local", "standalone", "yarn")
ROLES = (
    "spark-master",
    "driver",
    "spark-worker",
    "namenode",
    "datanode",
    "resourcemanager",
    "nodemanager",
    "history-server",
)
# The role whose nodes run executors.
EXECUTOR_ROLE: Mapping[Manager, str] = MappingProxyType(
    {"local": "driver", "standalone": "spark-worker", "yarn": "nodemanager"}
)


@dataclass(frozen=True)
class Executor:
    """Spark's executors on one node: `instances` of them, each with `cores` and `memory_mb`.

    memory_mb is the JVM's heap; overhead_mb stands beside it, for Python and the inference library.
    core_share is what one Spark core is worth of a host core.
    """

    cores: int
    memory_mb: int
    overhead_mb: int
    instances: int
    core_share: float

    @property
    def total_cores(self) -> int:
        """Spark cores on the node."""
        return self.cores * self.instances

    @property
    def host_cores(self) -> float:
        """Host cores that the node's Spark cores are worth."""
        return self.total_cores * self.core_share

    @property
    def total_memory_mb(self) -> int:
        """Heap and what stands beside it, of all executors on the node."""
        return (self.memory_mb + self.overhead_mb) * self.instances


@dataclass(frozen=True)
class MachineSpec:
    """A physical machine of the paper: a set of `cores` host cores that its nodes share by quota."""

    name: str
    cores: int


@dataclass(frozen=True)
class NodeSpec:
    """One container that stands for a VM.

    entry is the name of its [[nodes]] entry, counted whether that entry has a count.
    isa is the cap in force, the profile's where a profile is named; None leaves the host's.
    ports maps a role to the host port of its web page; a role without one gets a free port.
    """

    name: str
    entry: str
    counted: bool
    roles: tuple[str, ...]
    machine: str
    cpus: float
    memory_mb: int
    isa: str | None = None
    profile: str | None = None
    link: str | None = None
    executor: Executor | None = None
    ports: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class ClusterSpec:
    """A topology, its counts expanded to nodes. source is its file, as messages name it."""

    name: str
    source: str
    stack: str
    manager: Manager
    machines: tuple[MachineSpec, ...]
    nodes: tuple[NodeSpec, ...]

    def node(self, name: str) -> NodeSpec:
        """The node of that name. Raises KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def machine(self, name: str) -> MachineSpec:
        """The machine of that name. Raises KeyError."""
        for machine in self.machines:
            if machine.name == name:
                return machine
        raise KeyError(name)

    def nodes_with(self, role: str) -> tuple[NodeSpec, ...]:
        return tuple(node for node in self.nodes if role in node.roles)

    def nodes_on(self, machine: str) -> tuple[NodeSpec, ...]:
        return tuple(node for node in self.nodes if node.machine == machine)

    @property
    def driver(self) -> NodeSpec:
        """The node that jobs are submitted from."""
        return self.nodes_with("driver")[0]

    @property
    def application_master(self) -> NodeSpec | None:
        """The node that YARN's ApplicationMaster runs on: the driver's, as in the paper, if it can hold one."""
        if self.manager != "yarn":
            return None
        return self.driver if "nodemanager" in self.driver.roles else self.nodes_with("nodemanager")[0]

    @property
    def executors(self) -> tuple[tuple[NodeSpec, Executor], ...]:
        """The nodes that run executors, each with its own."""
        return tuple((node, node.executor) for node in self.nodes if node.executor is not None)

    @property
    def executor_nodes(self) -> tuple[NodeSpec, ...]:
        return tuple(node for node, _ in self.executors)

    @property
    def executor(self) -> Executor:
        """The first node's: cores and memory are the same on all, instances and core_share may differ."""
        return self.executors[0][1]

    @property
    def total_executors(self) -> int:
        return sum(executor.instances for _, executor in self.executors)

    @property
    def total_executor_cores(self) -> int:
        return sum(executor.total_cores for _, executor in self.executors)
