"""When is a cluster ready? When its services themselves say that everything the topology names has registered."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from experiments.types import ClusterSpec

SPARK_MASTER_PORT, NAMENODE_PORT, RESOURCEMANAGER_PORT = 8080, 9870, 8088

# A page of a service: (node, port inside, path) -> parsed JSON. Raises OSError while the service does not answer.
Fetch = Callable[[str, int, str], Any]


def http_fetch(ports: Mapping[str, Mapping[int, int]]) -> Fetch:
    """Fetches through the ports that are published on this host; ports: by node, inside -> outside."""

    def fetch(node: str, port: int, path: str) -> Any:
        if port not in ports.get(node, {}):
            raise OSError(f"port {port} of {node} is not published")
        url = f"http://127.0.0.1:{ports[node][port]}{path}"
        # A proxy of the host has no business with the host's own ports.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(url, timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, json.JSONDecodeError) as error:
            raise OSError(f"{node}:{port}{path}: {error}") from None

    return fetch


def missing(spec: ClusterSpec, fetch: Fetch) -> str | None:
    """What has not registered yet, in words; None when all has."""
    if spec.manager == "standalone":
        return _missing_in_standalone(spec, fetch)
    if spec.manager == "yarn":
        return _missing_in_hdfs(spec, fetch) or _missing_in_yarn(spec, fetch)
    return None


def _missing_in_standalone(spec: ClusterSpec, fetch: Fetch) -> str | None:
    master = spec.nodes_with("spark-master")[0].name
    try:
        workers = fetch(master, SPARK_MASTER_PORT, "/json/")["workers"]
    except OSError:
        return f"the Spark master on {master}"
    alive = {worker["host"]: worker for worker in workers if worker["state"] == "ALIVE"}
    lacking = []
    for node in spec.nodes_with("spark-worker"):
        assert node.executor is not None
        worker, heap = alive.get(node.name), node.executor.memory_mb * node.executor.instances
        if worker is None:
            lacking.append(f"the worker on {node.name}")
        elif worker["cores"] != node.executor.total_cores or worker["memory"] < heap:
            lacking.append(
                f"{node.name} offers {worker['cores']} cores and {worker['memory']} MB "
                f"instead of {node.executor.total_cores} and {heap}"
            )
    return ", ".join(lacking) or None


def _missing_in_hdfs(spec: ClusterSpec, fetch: Fetch) -> str | None:
    namenode = spec.nodes_with("namenode")[0].name
    try:
        beans = fetch(namenode, NAMENODE_PORT, "/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState")["beans"]
        live = beans[0]["NumLiveDataNodes"] if beans else 0
        safe = fetch(namenode, NAMENODE_PORT, "/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo")["beans"]
    except OSError:
        return f"the NameNode on {namenode}"
    expected = len(spec.nodes_with("datanode"))
    if live < expected:
        return f"{expected - live} of {expected} DataNodes"
    if not safe:
        return f"what the NameNode on {namenode} says of itself"
    return f"the NameNode's leave of safe mode ({safe[0]['Safemode'][:80]})" if safe[0]["Safemode"] else None


def _missing_in_yarn(spec: ClusterSpec, fetch: Fetch) -> str | None:
    manager = spec.nodes_with("resourcemanager")[0].name
    try:
        listed = (fetch(manager, RESOURCEMANAGER_PORT, "/ws/v1/cluster/nodes")["nodes"] or {}).get("node", [])
    except OSError:
        return f"the ResourceManager on {manager}"
    running = {node["nodeHostName"]: node for node in listed if node["state"] == "RUNNING"}
    lacking = []
    for node in spec.nodes_with("nodemanager"):
        assert node.executor is not None
        found = running.get(node.name)
        if found is None:
            lacking.append(f"the NodeManager on {node.name}")
            continue
        # What is used counts too: a job may be running.
        cores = found["availableVirtualCores"] + found["usedVirtualCores"]
        memory = found["availMemoryMB"] + found["usedMemoryMB"]
        if cores < node.executor.total_cores:
            lacking.append(f"{node.name} offers {cores} of {node.executor.total_cores} cores")
        elif memory < node.executor.total_memory_mb:
            lacking.append(f"{node.name} offers {memory} of {node.executor.total_memory_mb} MB")
    return ", ".join(lacking) or None


# Which role to blame, and to show the log of, when a part is missing.
def guilty(spec: ClusterSpec, lacking: str) -> list[tuple[str, str]]:
    """(node, role) pairs whose logs explain what is missing."""
    by_phrase = {
        "Spark master": "spark-master",
        "NameNode": "namenode",
        "DataNodes": "datanode",
        "ResourceManager": "resourcemanager",
        "NodeManager": "nodemanager",
        "worker": "spark-worker",
        "offers": "spark-worker" if spec.manager == "standalone" else "nodemanager",
    }
    roles = dict.fromkeys(role for phrase, role in by_phrase.items() if phrase in lacking)
    words = set(re.findall(r"[\w-]+", lacking))
    pairs = [(node.name, role) for role in roles for node in spec.nodes_with(role)]
    named = [pair for pair in pairs if pair[0] in words]
    return (named or pairs)[:3]
