"""Commands on clusters: up, down, scale, status, list, logs, shell, render."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Annotated

import typer

from experiments.cli.output import as_json, progress, table
from experiments.cluster import lifecycle, state
from experiments.errors import UserError
from experiments.host.engine import Container, Engine
from experiments.host.paths import RESULTS
from experiments.matrix.preset import shipped_presets
from experiments.render import compose_document, container_name, to_yaml
from experiments.topology import load_topology, shipped_topologies
from experiments.types import ClusterSpec

Cluster = Annotated[str, typer.Argument(help="A shipped topology's name, or a path to a TOML.")]
Up = Annotated[str, typer.Argument(help="The name of a cluster that is up.")]
Node = Annotated[str, typer.Argument(help="A node's name, as `status` shows it.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def register(app: typer.Typer) -> None:
    for command in (up, down, scale, status, list_, logs, shell, render):
        app.command(name=command.__name__.rstrip("_"))(command)


def up(cluster: Cluster, workers: Annotated[int | None, typer.Option(help="Number of workers.")] = None) -> None:
    """Start a cluster; returns when a canary job has run on every executor and the quotas are in force."""
    spec = load_topology(cluster)
    ready = lifecycle.up(spec, progress, workers)
    seconds = f"registered in {ready.registered_seconds:.1f} s, canary job done in {ready.canary_seconds:.1f} s"
    progress(f"{spec.name} is up: {seconds}")
    table(("page", "address"), sorted(ready.addresses.items()))


def down(
    cluster: Annotated[str | None, typer.Argument(help="The name of a cluster.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every cluster of the project, also what a crash left.")] = False,
) -> None:
    """Take a cluster down, with its containers, network and data."""
    if all_ == (cluster is not None):
        raise UserError("down: give the name of a cluster, or --all; `clusterbed list` shows what is up")
    if cluster is None:
        lifecycle.down_all(progress)
    else:
        lifecycle.down(lifecycle.name_of(cluster), progress)


def scale(cluster: Up, count: Annotated[int, typer.Argument(help="How many workers.")]) -> None:
    """Change the number of workers of a cluster that is up."""
    ready = lifecycle.rescale(lifecycle.name_of(cluster), count, progress)
    progress(f"{ready.cluster} has {count} workers; the canary job ran on {len(ready.canary)} executors")


def status(cluster: Annotated[str | None, typer.Argument(help="One cluster only.")] = None, json: Json = False) -> None:
    """Nodes, roles, limits in force and addresses."""
    engine = Engine()
    name = None if cluster is None else lifecycle.name_of(cluster)
    if name is not None:
        lifecycle.spec_of(name)
    containers = engine.containers(name)
    if json:
        as_json([_node(one) for one in containers])
        return
    if not containers:
        progress("no cluster is up")
        return
    columns = ("cluster", "node", "state", "roles", "cpus", "memory", "cores", "address")
    table(columns, [_row(one) for one in containers])


def list_(json: Json = False) -> None:
    """Clusters that are up, topologies, presets and runs."""
    up_now = Engine().clusters()
    # A run that was interrupted has its preset and no summary yet; the demo has a summary and no preset.
    runs = sorted({path.parent.name for name in ("preset.toml", "summary.json") for path in RESULTS.glob(f"*/{name}")})
    listed = {"up": up_now, "topologies": list(shipped_topologies()), "presets": list(shipped_presets()), "runs": runs}
    if json:
        as_json(listed)
    else:
        table(("what", "names"), [(key, ", ".join(names) or "none") for key, names in listed.items()])


def logs(
    cluster: Up,
    node: Node,
    role: Annotated[str | None, typer.Argument(help="One role only.")] = None,
    lines: Annotated[int, typer.Option(help="How many of the last lines of each role.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
) -> None:
    """The logs of a node's roles."""
    spec, container = _running(cluster, node)
    roles = [one for one in spec.node(node).roles if one != "driver"]
    if role is not None and role not in roles:
        raise UserError(f"{node} has no role {role!r} with a log; it has: {', '.join(roles) or 'none'}")
    files = [f"/var/log/clusterbed/{one}/current" for one in ([role] if role else roles)]
    if not files:
        raise UserError(f"{node} runs no service of its own, so it has no log; a job's log lies with its results")
    os.execvp("docker", ["docker", "exec", container, "tail", *(["-F"] if follow else []), "-n", str(lines), *files])


def shell(cluster: Up, node: Node) -> None:
    """A shell on a node, as the user that its roles run as."""
    _, container = _running(cluster, node)
    terminal = ["-t"] if os.isatty(0) else []
    os.execvp("docker", ["docker", "exec", "-i", *terminal, "-u", "cluster", "-w", "/home/cluster", container, "bash"])


def render(cluster: Cluster) -> None:
    """Print the Compose document of a topology."""
    spec = load_topology(cluster)
    print(to_yaml(compose_document(spec), cluster), end="")


def _running(cluster: str, node: str) -> tuple[ClusterSpec, str]:
    spec = lifecycle.spec_of(lifecycle.name_of(cluster))
    names = [one.name for one in spec.nodes]
    if node not in names:
        raise UserError(f"{spec.name} has no node {node!r}; it has: {', '.join(names)}")
    return spec, container_name(spec.name, node)


def _row(one: Container) -> tuple[object, ...]:
    addresses = ", ".join(f"127.0.0.1:{port}" for port in sorted(one.ports.values()))
    limits = one.limits
    cpus = "no quota" if limits.cpus is None else f"{limits.cpus:.2f}"
    return (
        one.cluster,
        one.node,
        one.state,
        one.roles,
        cpus,
        f"{limits.memory_mb} MB",
        limits.cpuset or "all",
        addresses,
    )


def _node(one: Container) -> dict[str, object]:
    known = state.load(one.cluster)
    pages = known.addresses if known else {}
    return {
        "cluster": one.cluster,
        "node": one.node,
        "state": one.state,
        "roles": one.roles.split(),
        "limits": asdict(one.limits),
        "addresses": {key.split(" ", 1)[1]: page for key, page in pages.items() if key.split(" ", 1)[0] == one.node},
    }
