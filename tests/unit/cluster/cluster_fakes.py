"""Clusters without Docker: shipped topologies, and an engine that holds containers in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.host.command import Completed
from experiments.host.engine import Container, Limits
from experiments.render import container_name
from experiments.types import ClusterSpec


def container(cluster: str, node: str, state: str = "running", ports: Mapping[int, int] | None = None) -> Container:
    name = container_name(cluster, node)
    return Container(f"id-{node}", name, cluster, node, state, "", dict(ports or {}), Limits(None, 1024, "0"))


class FakeEngine:
    """Does what the engine does with containers; `calls` says in which order."""

    def __init__(self, *containers: Container, networks: tuple[str, ...] = ()) -> None:
        self.held = list(containers)
        self.held_networks = list(networks)
        self.calls: list[tuple[Any, ...]] = []
        self.cpus: dict[str, float] = {}

    @classmethod
    def of(cls, spec: ClusterSpec, state: str = "running") -> FakeEngine:
        return cls(*(container(spec.name, node.name, state) for node in spec.nodes))

    def containers(self, cluster: str | None = None) -> list[Container]:
        return [one for one in self.held if cluster in (None, one.cluster)]

    def clusters(self) -> list[str]:
        return sorted({one.cluster for one in self.held})

    def networks(self) -> list[str]:
        return self.held_networks

    def remove(self, cluster: str, nodes: object = None) -> None:
        self.calls.append(("remove", cluster, nodes))
        self.held = [one for one in self.held if one.cluster != cluster]
        self.held_networks = [name for name in self.held_networks if name != f"clusterbed-{cluster}"]

    def copy_out(self, container: str, source: str, target: object, **_: object) -> bool:
        self.calls.append(("copy_out", container, source, str(target)))
        return True

    def exec(self, container: str, arguments: list[str], **_: object) -> Completed:
        self.calls.append(("exec", container, *arguments))
        return Completed(tuple(arguments), 0, "a line\n", "")
