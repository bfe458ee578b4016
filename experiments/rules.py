"""Which roles make a cluster of each manager, and where executors and their sizes may stand. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from experiments.types import EXECUTOR_ROLE, ClusterSpec, Manager
from experiments.units import memory_text

MANY = None

# How many nodes have each role: so many, or MANY, one or more. Roles that are in neither table are not allowed.
_REQUIRED: Mapping[Manager, Mapping[str, int | None]] = MappingProxyType(
    {
        "local": {"driver": MANY},
        "standalone": {"spark-master": 1, "driver": 1, "spark-worker": MANY},
        "yarn": {"driver": 1, "namenode": 1, "resourcemanager": 1, "datanode": MANY, "nodemanager": MANY},
    }
)
_OPTIONAL: Mapping[Manager, tuple[str, ...]] = MappingProxyType(
    {"local": (), "standalone": ("history-server",), "yarn": ("history-server",)}
)


def cluster_problems(spec: ClusterSpec) -> list[str]:
    """What is wrong with a cluster whose nodes are each right, one message a problem, without the file's name."""
    found = [*_names(spec), *_roles(spec), *_history_server(spec), *_executors(spec), *_executor_sizes(spec)]
    return list(dict.fromkeys(found))  # the nodes of one entry share its mistakes


def _names(spec: ClusterSpec) -> list[str]:
    problems = []
    for name, number in Counter(node.name for node in spec.nodes).items():
        if number > 1:
            problems.append(
                f'nodes.{name}: {number} nodes have the name "{name}" (an entry with a count names its own worker-1 '
                "and so on); rename one"
            )
    return problems


def _roles(spec: ClusterSpec) -> list[str]:
    required = _REQUIRED[spec.manager]
    allowed = (*required, *_OPTIONAL[spec.manager])
    problems = []
    if spec.manager == "local" and len(spec.nodes) != 1:
        problems.append(
            f'nodes: there are {len(spec.nodes)} with manager = "local"; exactly 1 is allowed, with roles = '
            '["driver"]; take the others out'
        )
    for node in spec.nodes:
        for role in node.roles:
            if role not in allowed:
                problems.append(
                    f'nodes.{node.entry}.roles: "{role}" has no place with manager = "{spec.manager}"; '
                    f"allowed: {', '.join(allowed)}"
                )
    for role, number in required.items():
        holders = spec.nodes_with(role)
        if not holders:
            problems.append(f'nodes: none has the role "{role}", which manager = "{spec.manager}" needs; add it to one')
        elif number is not MANY and len(holders) > number:
            problems.append(
                f'nodes: {len(holders)} have the role "{role}" ({", ".join(node.name for node in holders)}); exactly '
                f"{number} is allowed; take it from the others"
            )
    return problems


def _history_server(spec: ClusterSpec) -> list[str]:
    return [
        f'nodes.{node.entry}.roles: "history-server" reads the event logs of the driver; put it on the node that has '
        'the role "driver"'
        for node in spec.nodes_with("history-server")
        if "driver" not in node.roles
    ]


def _executors(spec: ClusterSpec) -> list[str]:
    role = EXECUTOR_ROLE[spec.manager]
    problems = []
    for node in spec.nodes:
        if role in node.roles and node.executor is None:
            problems.append(
                f'nodes.{node.entry}.executor is missing: a node with the role "{role}" runs executors; give for '
                'example executor = { cores = 1, memory = "2g", instances = 1, core_share = 0.5 }'
            )
        if role not in node.roles and node.executor is not None:
            problems.append(
                f'nodes.{node.entry}.executor: only nodes with the role "{role}" run executors with manager = '
                f'"{spec.manager}"; leave executor out or add the role'
            )
        if spec.manager == "local" and node.executor is not None and node.executor.instances != 1:
            problems.append(
                f"nodes.{node.entry}.executor.instances = {node.executor.instances}: local mode is one JVM; allowed: "
                "1; give more cores instead"
            )
    return problems


def _executor_sizes(spec: ClusterSpec) -> list[str]:
    """Spark asks for executors of one size; how many and what a core is worth may differ by node."""
    problems = []
    for node, executor in spec.executors[1:]:
        first_node, first = spec.executors[0]
        for key, given, expected in (
            ("cores", str(executor.cores), str(first.cores)),
            ("memory", f'"{memory_text(executor.memory_mb)}"', f'"{memory_text(first.memory_mb)}"'),
            ("overhead", f'"{memory_text(executor.overhead_mb)}"', f'"{memory_text(first.overhead_mb)}"'),
        ):
            if given != expected:
                problems.append(
                    f"nodes.{node.entry}.executor.{key} = {given}: nodes.{first_node.entry} has {expected}, and Spark "
                    "asks for executors of one size; make them equal (instances and core_share may differ)"
                )
    return problems
