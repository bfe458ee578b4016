"""A topology file (TOML, see the shipped ones) -> ClusterSpec.

Three steps: the file's shape is checked, its entries are expanded to nodes, and the cluster that results is held
against its manager's rules. A step reports all it finds.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from experiments.errors import HostError, UserError
from experiments.profiles import Profile, load_profiles
from experiments.rules import cluster_problems
from experiments.shapes import Count, Cpus, Isa, Memory, Number, Schema, Shape, Text, parse, read_toml, shown, unknown
from experiments.types import MANAGERS, ROLES, ClusterSpec, Executor, MachineSpec, Manager, NodeSpec

TOPOLOGIES = Path(__file__).with_name("topologies")
STACKS = ("paper",)
MAX_COUNT = 64
DEFAULT_OVERHEAD = "640m"

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_NAME_RULE = "small letters, digits and hyphens, 32 at most, a letter first and no hyphen last"


class _ExecutorTable(Shape):
    cores: Count
    memory: Memory
    overhead: Memory = Field(DEFAULT_OVERHEAD, validate_default=True)
    instances: Count = 1
    core_share: Number = 1.0


class _NodeTable(Shape):
    name: Text = Field(description=f"a name: {_NAME_RULE}", examples=["worker"], pattern=f"^{_NAME.pattern}$")
    count: Annotated[
        int | None, Field(gt=0, le=MAX_COUNT, description=f"a whole number from 1 to {MAX_COUNT}", examples=[3])
    ] = None
    roles: list[str] = Field(description="a list of roles", examples=[["spark-worker"]], min_length=1)
    machine: Text = Field(description="the name of a machine", examples=["a"])
    profile: str | None = Field(None, description="the name of a profile", examples=["i7-11370H"])
    cpus: Cpus | None = None
    memory: Memory | None = None
    isa: Isa | None = None
    link: str | None = Field(None, description="a bandwidth", examples=["26mbit"], min_length=1)
    executor: _ExecutorTable | None = Field(
        None, description="a table", examples=[{"cores": 1, "memory": "2g", "instances": 1, "core_share": 0.5}]
    )
    ports: dict[str, Annotated[int, Field(ge=1024, le=65535)]] = Field(
        {}, description="a table of host ports from 1024 to 65535 by role", examples=[{"spark-master": 8080}]
    )


class _MachineTable(Shape):
    cores: Count


class _TopologyFile(Shape):
    schema_: Schema = Field(alias="schema")
    stack: str = Field("paper", description="the name of a set of images", examples=["paper"])
    manager: Manager = Field(description=f"one of {', '.join(MANAGERS)}", examples=["standalone"])
    machines: dict[str, _MachineTable] = Field(
        description="tables, one a machine", examples=[{"a": {"cores": 2}}], min_length=1
    )
    nodes: list[_NodeTable] = Field(description="tables [[nodes]], one or more", min_length=1)


def shipped_topologies() -> tuple[str, ...]:
    """The names of the topologies that come with the project."""
    return tuple(sorted(path.stem for path in TOPOLOGIES.glob("*.toml")))


def load_topology(name_or_path: str) -> ClusterSpec:
    """The cluster of a shipped name, or of a path to a TOML file (one that ends in .toml or holds a slash).

    Raises UserError for anything wrong with name or file, HostError for what this release cannot shape.
    """
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
    elif name_or_path in shipped_topologies():
        path = TOPOLOGIES / f"{name_or_path}.toml"
    else:
        raise UserError(
            f"cluster {name_or_path!r}: there is no such topology; {unknown(name_or_path, shipped_topologies())}, "
            "or the path of a TOML file of yours"
        )
    return parse_topology(read_toml(path), name=path.stem, where=str(path), profiles=load_profiles())


def parse_topology(content: Mapping[str, Any], name: str, where: str, profiles: Mapping[str, Profile]) -> ClusterSpec:
    """A topology file's content -> the cluster `name`. `where` is the file that messages name.

    Raises UserError with all problems, HostError if it is right but asks for what cannot be done yet.
    """
    file = parse(_TopologyFile, content, where)
    problems = [f"{where}: {problem}" for problem in _entry_problems(file, name, profiles)]
    if problems:
        raise UserError(*problems)
    spec = ClusterSpec(
        name=name,
        source=where,
        stack=file.stack,
        manager=file.manager,
        machines=tuple(MachineSpec(machine, table.cores) for machine, table in file.machines.items()),
        nodes=tuple(
            _node(table, node_name, profiles) for table in file.nodes for node_name in _names(table.name, table.count)
        ),
    )
    problems = [f"{where}: {problem}" for problem in cluster_problems(spec)]
    if problems:
        raise UserError(*problems)
    links = [
        f'{where}: nodes.{table.name}.link = "{table.link}": shaping a link is not built yet; leave link out'
        for table in file.nodes
        if table.link is not None
    ]
    if links:
        raise HostError(*links)
    return spec


def scale(spec: ClusterSpec, count: int) -> ClusterSpec:
    """The same cluster with `count` nodes of its one entry that has a count and runs executors.

    Raises UserError if there is no such entry, or more than one, or count is out of range.
    """
    if not 1 <= count <= MAX_COUNT:
        raise UserError(f"scale {spec.name} {count}: must be a whole number from 1 to {MAX_COUNT}")
    entries = sorted({node.entry for node in spec.executor_nodes if node.counted})
    if len(entries) != 1:
        found = f"{len(entries)} ({', '.join(entries)})" if entries else "none"
        raise UserError(
            f"{spec.source}: scale needs exactly one [[nodes]] entry that has a count and runs executors; there is "
            f"{found}; give count to the one that is to grow, and no other"
        )
    template = next(node for node in spec.nodes if node.entry == entries[0])
    scaled = tuple(dataclasses.replace(template, name=name) for name in _names(template.entry, count))
    first = spec.nodes.index(template)
    others = [node for node in spec.nodes if node.entry != template.entry]
    result = dataclasses.replace(spec, nodes=(*others[:first], *scaled, *others[first:]))
    problems = [f"{spec.source}: {problem}" for problem in cluster_problems(result)]
    if problems:
        raise UserError(*problems)
    return result


def _entry_problems(file: _TopologyFile, name: str, profiles: Mapping[str, Profile]) -> list[str]:
    problems = []
    if not _NAME.fullmatch(name):
        problems.append(f"the file's name gives the cluster's, {name!r}: must be {_NAME_RULE}; rename the file")
    if file.stack not in STACKS:
        problems.append(f'stack = "{file.stack}": not built; {unknown(file.stack, STACKS)}')
    for machine in file.machines:
        if not _NAME.fullmatch(machine):
            problems.append(f"machines.{machine}: a machine's name must be {_NAME_RULE}; rename it")
        elif all(table.machine != machine for table in file.nodes):
            problems.append(f"machines.{machine}: no node is on it; take it out, or name it as a node's machine")
    for table in file.nodes:
        problems += _node_problems(table, file, profiles)
    return problems


def _node_problems(table: _NodeTable, file: _TopologyFile, profiles: Mapping[str, Profile]) -> list[str]:
    where = f"nodes.{table.name}"
    problems = []
    for role in dict.fromkeys(table.roles):
        if role not in ROLES:
            problems.append(f'{where}.roles: "{role}" is no role; {unknown(role, ROLES)}')
        if table.roles.count(role) > 1:
            problems.append(f'{where}.roles: "{role}" is given {table.roles.count(role)} times; give each role once')
    if table.machine not in file.machines:
        problems.append(f'{where}.machine = "{table.machine}": unknown; {unknown(table.machine, file.machines)}')
    if table.profile is not None and table.profile not in profiles:
        problems.append(f'{where}.profile = "{table.profile}": not known; {unknown(table.profile, profiles)}')
    if table.profile is not None and table.isa is not None:
        problems.append(
            f'{where}.isa = "{table.isa}": the profile "{table.profile}" gives the instruction set; leave isa out, '
            "or leave profile out and give cpus, memory and isa"
        )
    if table.profile is None:
        for key, value, example in (("cpus", table.cpus, "0.5"), ("memory", table.memory, '"4g"')):
            if value is None:
                problems.append(f"{where}.{key} is missing: give for example {key} = {example}, or name a profile")
    for role in table.ports:
        if role not in table.roles:
            problems.append(f"{where}.ports.{role}: the node has no such role; {unknown(role, table.roles)}")
    if table.ports and table.count is not None and table.count > 1:
        problems.append(
            f"{where}.ports = {shown(table.ports)}: {table.count} nodes cannot share a host port; leave ports out "
            "(each page gets a free one)"
        )
    return problems


def _names(entry: str, count: int | None) -> tuple[str, ...]:
    return (entry,) if count is None else tuple(f"{entry}-{number}" for number in range(1, count + 1))


def _node(table: _NodeTable, name: str, profiles: Mapping[str, Profile]) -> NodeSpec:
    profile = profiles.get(table.profile or "")
    cpus = table.cpus or (profile.cpus if profile else 0.0)
    memory = table.memory or (profile.memory_mb if profile else 0)
    return NodeSpec(
        name=name,
        entry=table.name,
        counted=table.count is not None,
        roles=tuple(table.roles),
        machine=table.machine,
        cpus=cpus,
        memory_mb=memory,
        isa=profile.isa if profile else table.isa,
        profile=table.profile,
        link=table.link,
        executor=_executor(table.executor) if table.executor else None,
        ports=MappingProxyType(dict(table.ports)),
    )


def _executor(table: _ExecutorTable) -> Executor:
    return Executor(
        cores=table.cores,
        memory_mb=table.memory,
        overhead_mb=table.overhead,
        instances=table.instances,
        core_share=table.core_share,
    )
