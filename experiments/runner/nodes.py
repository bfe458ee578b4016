"""What the runner does to nodes that are up, beside jobs: their processes' numbers, their logs, a job's output."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from experiments.cluster import staging
from experiments.host.command import run
from experiments.host.engine import DOCKER, Engine
from experiments.render import container_name
from experiments.types import ClusterSpec

_ROLE_LOGS = "/var/log/clusterbed"


def pids(cluster: str) -> dict[str, int]:
    """The first process of each node, as this host numbers it."""
    found = {one.id: one.node for one in Engine().containers(cluster)}
    done = run([DOCKER, "inspect", "--format", "{{.Id}} {{.State.Pid}}", *found])
    return {found[words[0]]: int(words[1]) for line in done.stdout.splitlines() if len(words := line.split()) == 2}


def role_logs(spec: ClusterSpec, logs: Path) -> None:
    """Copies each role's log; all nodes at once, since each copy is a wait for the engine."""
    engine, scratch = Engine(), logs / ".roles"
    found = {one.node: one.id for one in engine.containers(spec.name)}

    def copy(node: str) -> None:
        engine.copy_out(found[node], _ROLE_LOGS, scratch / node, timeout=30)

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(copy, found))
    for path in sorted(scratch.glob("*/*/current")):
        path.replace(logs / f"{path.parent.parent.name}-{path.parent.name}.log")
    shutil.rmtree(scratch, ignore_errors=True)


def remove_output(spec: ClusterSpec, uri: str) -> None:
    """Removes a job's output from its cluster; it has been brought home by then."""
    path = staging.local_path(uri)
    if spec.manager == "yarn":
        staging.hdfs_of(Engine(), spec).delete(path)
    else:
        Engine().exec(container_name(spec.name, spec.driver.name), ["rm", "-rf", path], check=False)
