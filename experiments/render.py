"""ClusterSpec -> Compose document. Pure, but for reading the role templates in compose/roles.

The document works by hand with plain `docker compose`: the quotas in it are the topology's, and what depends on the
host is a variable with a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from experiments.fit import AM_MEMORY_MB, executors_mb
from experiments.isa import environment as isa_environment
from experiments.types import ClusterSpec, NodeSpec

COMPOSE = Path(__file__).resolve().parents[1] / "compose"
ROLE_TEMPLATES = COMPOSE / "roles"

LABEL_CLUSTER = "org.clusterbed.cluster"
LABEL_NODE = "org.clusterbed.node"
LABEL_ROLES = "org.clusterbed.roles"

# What node-init needs as root: to own folders, to renumber its user, to start roles as that user and to end them.
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")


@dataclass(frozen=True)
class RoleTemplate:
    """A role's part of a service: its page's port, and environment with {placeholders} for the node's values."""

    web_port: int
    environment: Mapping[str, str]


def project_name(cluster: str) -> str:
    """Compose's project and the cluster's network."""
    return f"clusterbed-{cluster}"


def container_name(cluster: str, node: str) -> str:
    return f"clusterbed-{cluster}-{node}"


def cpuset_variable(machine: str) -> str:
    """The variable that holds a machine's host cores in a rendered document."""
    return f"CLUSTERBED_CPUSET_{machine.upper().replace('-', '_')}"


def image(spec: ClusterSpec, node: NodeSpec) -> str:
    """The image of a node: YARN's slaves have no Python, a driver needs it."""
    if spec.manager != "yarn":
        kind = "spark"
    elif "driver" in node.roles or "history-server" in node.roles:
        kind = "yarn-master"
    else:
        kind = "yarn-slave"
    return f"clusterbed/{kind}:{spec.stack}"


def web_port(role: str) -> int:
    """The port of a role's page inside its node."""
    return _template(role).web_port


def compose_document(
    spec: ClusterSpec,
    quotas: Mapping[str, float] | None = None,
    limited: bool = True,
    share: str = "./share",
) -> dict[str, Any]:
    """The Compose document of a cluster.

    quotas: host cores by node name in place of the topology's, which hold for nodes it does not name.
    limited: False leaves quotas out, the state a cluster boots in.
    share: the default folder that holds in/ and out/, relative to the document.
    """
    return {
        "name": project_name(spec.name),
        "services": {
            node.name: _service(spec, node, (quotas or {}).get(node.name, node.cpus) if limited else None, share)
            for node in spec.nodes
        },
        "networks": {"default": {"name": project_name(spec.name), "labels": {LABEL_CLUSTER: spec.name}}},
    }


def to_yaml(document: Mapping[str, Any], source: str) -> str:
    """The document as YAML under a line that names where it came from; source is what `clusterbed render` was given."""
    header = f"# Rendered by `clusterbed render {source}` from its TOML topology. Change that, and render again.\n"
    return header + yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def _service(spec: ClusterSpec, node: NodeSpec, quota: float | None, share: str) -> dict[str, Any]:
    limits: dict[str, Any] = {} if quota is None else {"cpus": round(quota, 3)}
    memory = f"{node.memory_mb}m"
    service: dict[str, Any] = {
        "image": image(spec, node),
        "container_name": container_name(spec.name, node.name),
        "hostname": node.name,
        "labels": {
            LABEL_CLUSTER: spec.name,
            LABEL_NODE: node.name,
            LABEL_ROLES: " ".join(node.roles),
        },
        **limits,
        "cpuset": f"${{{cpuset_variable(node.machine)}:-}}",
        "mem_limit": memory,
        "memswap_limit": memory,
        "environment": _environment(spec, node),
        "ports": [_port(node, role) for role in node.roles],
        "cap_drop": ["ALL"],
        "cap_add": list(_CAPABILITIES),
        "security_opt": ["no-new-privileges:true"],
        "stop_grace_period": "2s",
    }
    if spec.manager != "yarn":
        folder = f"${{CLUSTERBED_SHARE:-{share}}}"
        service["volumes"] = [f"{folder}/in:/srv/in:ro", f"{folder}/out:/srv/out"]
    return service


def _environment(spec: ClusterSpec, node: NodeSpec) -> dict[str, str]:
    variables = {
        "CLUSTERBED_CLUSTER": spec.name,
        "CLUSTERBED_NODE": node.name,
        "CLUSTERBED_ROLES": " ".join(node.roles),
        "CLUSTERBED_UID": "${CLUSTERBED_UID:-0}",
        **_addresses(spec),
    }
    values = _values(spec, node)
    for role in node.roles:
        for key, text in _template(role).environment.items():
            variables[key] = text.format_map(values)
    return {**variables, **isa_environment(node.isa)}


def _addresses(spec: ClusterSpec) -> dict[str, str]:
    if spec.manager == "standalone":
        return {"CLUSTERBED_SPARK_MASTER": spec.nodes_with("spark-master")[0].name}
    if spec.manager == "yarn":
        return {
            "CLUSTERBED_NAMENODE": spec.nodes_with("namenode")[0].name,
            "CLUSTERBED_RESOURCEMANAGER": spec.nodes_with("resourcemanager")[0].name,
        }
    return {}


def _values(spec: ClusterSpec, node: NodeSpec) -> Mapping[str, int]:
    """What role templates may name in braces."""
    if node.executor is None:
        return {}
    masters = 1 if node == spec.application_master else 0
    return {
        "executor_cores": node.executor.total_cores,
        "heap_mb": node.executor.memory_mb * node.executor.instances,
        "yarn_vcores": node.executor.total_cores + masters,
        "yarn_memory_mb": executors_mb(spec, node) + masters * AM_MEMORY_MB,
        "yarn_am_slots": masters,
    }


def _port(node: NodeSpec, role: str) -> str:
    inside = web_port(role)
    return f"127.0.0.1:{node.ports.get(role, '')}:{inside}"


@cache
def _template(role: str) -> RoleTemplate:
    content = yaml.safe_load((ROLE_TEMPLATES / f"{role}.yml").read_text(encoding="utf-8"))
    return RoleTemplate(content["web_port"], MappingProxyType(dict(content["environment"])))


class _Dumper(yaml.SafeDumper):
    """Indents the items of a list, as Compose files do, and repeats instead of referring to an anchor."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 (PyYAML's name)
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (PyYAML's name)
        return True
