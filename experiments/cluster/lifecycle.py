"""A cluster's life: up (boot without quotas, ready, canary, calibrated, limited) and down."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from experiments.cluster import calibration, canary, readiness, state
from experiments.cluster.interrupts import uninterrupted
from experiments.errors import HostError, RunFailed, UserError
from experiments.fit import HostCapacity, require_fit
from experiments.host import capacity, images
from experiments.host.command import run
from experiments.host.engine import Engine, Limits, compose_up
from experiments.host.paths import CLUSTERS, LOGS, ROOT
from experiments.profiles import load_profiles
from experiments.render import compose_document, container_name, cpuset_variable, image, to_yaml, web_port
from experiments.shapes import read_toml
from experiments.topology import parse_topology, scale
from experiments.types import ClusterSpec
from experiments.waiting import TimedOut, wait_until

Say = Callable[[str], None]

REGISTRATION_TIMEOUT = 180.0
# The unpacked environment of a YARN node, three times, and images with their outputs.
DISK_NEEDED_MB = 8000
# A container's quota as the engine reports it, against the one asked for.
_QUOTA_TOLERANCE = 1e-3


def up(spec: ClusterSpec, say: Say, workers: int | None = None) -> state.State:
    """Brings a cluster up and returns when a canary job has run on every executor and the quotas are in force.

    A cluster that is up with the same topology is left as it is. On any failure, and on Ctrl-C, what was started is
    taken down again. workers: as in `scale`. Raises UserError, HostError or RunFailed.
    """
    engine = Engine()
    spec = scale(spec, workers) if workers is not None else spec
    with state.locked(spec.name):
        known = _already_up(engine, spec)
        if known is not None:
            say(f"{spec.name} is already up; nothing to do")
            return known
        _check_host(engine, spec)
        others = [name for name in engine.clusters() if name != spec.name]
        if others:
            say(f"also up: {', '.join(others)}; clusters share the host's cores and memory, so times of both suffer")
        try:
            return _start(engine, spec, say, workers)
        except BaseException as error:
            with uninterrupted():
                try:
                    kept = _keep_logs(engine, spec.name)
                finally:
                    engine.remove(spec.name)
                    state.forget(spec.name)
            if isinstance(error, RunFailed) and kept:
                say(f"logs of the roles are kept in {kept}")
            raise


def _check_host(engine: Engine, spec: ClusterSpec) -> None:
    """Raises UserError or HostError for what would not work, before anything starts."""
    host = capacity.measure(ROOT)
    require_fit(spec, HostCapacity(host.cores, host.memory_mb))
    if host.disk_free_mb < DISK_NEEDED_MB:
        raise HostError(
            f"{ROOT}: {host.disk_free_mb} MB of disk are free, a cluster needs {DISK_NEEDED_MB}; "
            "`make clean` says what it would free"
        )
    images.require(engine, {image(spec, node) for node in spec.nodes})


def down(cluster: str, say: Say) -> bool:
    """Takes a cluster down, whatever state it is in; false where there was nothing to take down."""
    engine = Engine()
    with uninterrupted():
        found = bool(engine.containers(cluster)) or cluster in _networks(engine)
        engine.remove(cluster)
        state.forget(cluster)
    say(f"{cluster} is down" if found else f"{cluster} is not up; nothing to do")
    return found


def down_all(say: Say) -> list[str]:
    """Takes every cluster of the project on this host down, also what a crash left behind."""
    engine = Engine()
    names = sorted({one.cluster for one in engine.containers()} | set(_networks(engine)) | set(_state_folders()))
    for name in names:
        down(name, say)
    if not names:
        say("no cluster is up; nothing to do")
    return names


def spec_of(cluster: str) -> ClusterSpec:
    """The topology that a cluster was brought up with. Raises UserError if it is not up."""
    path, known = state.folder(cluster) / "topology.toml", state.load(cluster)
    engine = Engine()
    if known is None or not any(one.state == "running" for one in engine.containers(cluster)):
        listed = ", ".join(engine.clusters()) or "none"
        raise UserError(f"the cluster {cluster!r} is not up; up are: {listed}; `clusterbed up {cluster}` starts it")
    spec = parse_topology(read_toml(path), name=cluster, where=str(path), profiles=load_profiles())
    return scale(spec, known.workers) if known.workers is not None else spec


def name_of(cluster: str) -> str:
    """The name of a cluster that is given by its name or by its topology's path."""
    return Path(cluster).stem if cluster.endswith(".toml") or "/" in cluster else cluster


def fingerprint(spec: ClusterSpec) -> str:
    return hashlib.sha256(json.dumps(compose_document(spec), sort_keys=True, default=str).encode()).hexdigest()[:16]


def _already_up(engine: Engine, spec: ClusterSpec) -> state.State | None:
    running = engine.containers(spec.name)
    if not running:
        return None
    known = state.load(spec.name)
    complete = {one.node for one in running if one.state == "running"} == {node.name for node in spec.nodes}
    if known is None or not complete:
        raise RunFailed(
            f"{spec.name} is half up ({len(running)} containers, not ready): a command crashed before "
            f"it was; `clusterbed down {spec.name}` clears it"
        )
    if known.fingerprint != fingerprint(spec):
        raise UserError(
            f"{spec.name} is up with another topology than {spec.source}; `clusterbed down {spec.name}` first"
        )
    return known


def _start(engine: Engine, spec: ClusterSpec, say: Say, workers: int | None) -> state.State:
    state.prepare(spec.name)
    factors = calibration.factors(spec, say)
    document = state.folder(spec.name) / "compose.yml"
    document.write_text(to_yaml(compose_document(spec, limited=False), spec.name))
    # As brought up: a later edit of its file does not change a running cluster.
    shutil.copyfile(spec.source, state.folder(spec.name) / "topology.toml")

    begin = time.monotonic()
    say(f"starting {len(spec.nodes)} nodes without quotas")
    compose_up(document, _environment(spec), spec.name)
    containers = {one.node: one for one in engine.containers(spec.name)}
    boot = {name: one.limits for name, one in containers.items()}
    _await_registration(engine, spec)
    registered = time.monotonic() - begin
    say(f"everything registered after {registered:.1f} s; running the canary job")
    places = canary.run(engine, spec)
    canaried = time.monotonic() - begin
    say(f"the canary job ran on {len(places)} executors after {canaried:.1f} s; applying quotas")
    measured = _limit(engine, spec, factors)
    ready = state.State(
        cluster=spec.name,
        topology=spec.source,
        workers=workers,
        fingerprint=fingerprint(spec),
        registered_seconds=round(registered, 2),
        canary_seconds=round(canaried, 2),
        ready_seconds=round(time.monotonic() - begin, 2),
        addresses=addresses(engine, spec),
        boot=boot,
        measured=measured,
        calibration=[asdict(factor) for factor in factors.values()],
        canary=places,
    )
    state.save(ready)
    return ready


def rescale(cluster: str, count: int, say: Say) -> state.State:
    """Changes the number of workers of a cluster that is up; those that stay are not restarted.

    On YARN it only grows: a node that left would be counted among the living for ten minutes.
    """
    engine, before, known = Engine(), spec_of(cluster), state.load(cluster)
    assert known is not None
    spec = scale(before, count)
    if spec.manager == "yarn" and len(spec.nodes) < len(before.nodes):
        raise UserError(f"{cluster}: a YARN cluster that is up only grows; take it down, and up with --workers {count}")
    host = capacity.measure(ROOT)
    require_fit(spec, HostCapacity(host.cores, host.memory_mb))
    with state.locked(cluster):
        try:
            return _rescaled(engine, before, spec, replace(known, workers=count), say)
        except BaseException:
            with uninterrupted():
                say(f"{cluster} is between two sizes; taking it down")
                engine.remove(cluster)
                state.forget(cluster)
            raise


def _rescaled(engine: Engine, before: ClusterSpec, spec: ClusterSpec, known: state.State, say: Say) -> state.State:
    cluster = spec.name
    factors = calibration.factors(spec, say)
    gone = {node.name for node in before.nodes} - {node.name for node in spec.nodes}
    engine.remove(cluster, gone)
    document = state.folder(cluster) / "compose.yml"
    document.write_text(to_yaml(compose_document(spec, limited=False), cluster))
    begin = time.monotonic()
    compose_up(document, _environment(spec), cluster)
    registered = _await_registration(engine, spec)
    places = canary.run(engine, spec)
    canaried = time.monotonic() - begin
    ready = replace(
        known,
        fingerprint=fingerprint(spec),
        registered_seconds=round(registered, 2),
        canary_seconds=round(canaried, 2),
        addresses=addresses(engine, spec),
        measured=_limit(engine, spec, factors),
        calibration=[asdict(factor) for factor in factors.values()],
        canary=places,
    )
    state.save(ready)
    return ready


def addresses(engine: Engine, spec: ClusterSpec) -> dict[str, str]:
    """The web pages of the cluster's services on this host: "NODE ROLE" -> address."""
    ports = {one.node: one.ports for one in engine.containers(spec.name)}
    return {
        f"{node.name} {role}": f"http://127.0.0.1:{ports[node.name][web_port(role)]}"
        for node in spec.nodes
        for role in node.roles
        if web_port(role) in ports.get(node.name, {})
    }


def quotas(spec: ClusterSpec, factors: Mapping[str, calibration.Factor]) -> dict[str, float]:
    """Host cores for each node while measuring: its nominal quota times its profile's factor."""
    return {node.name: node.cpus * factors[node.name].factor for node in spec.nodes}


def _await_registration(engine: Engine, spec: ClusterSpec) -> float:
    """Seconds until everything has registered. Raises RunFailed with the logs of those who are to blame."""
    fetch = readiness.http_fetch({one.node: one.ports for one in engine.containers(spec.name)})
    try:
        return wait_until(
            lambda: _crashed(engine, spec) or readiness.missing(spec, fetch),
            what=f"registration of {spec.name}",
            timeout=REGISTRATION_TIMEOUT,
        )
    except TimedOut as error:
        raise RunFailed(*error.messages, *_explanations(engine, spec, error.missing)) from None


def _limit(engine: Engine, spec: ClusterSpec, factors: Mapping[str, calibration.Factor]) -> dict[str, Limits]:
    wanted = quotas(spec, factors)
    for one in engine.containers(spec.name):
        engine.set_cpus(one.id, wanted[one.node])
    found = {one.node: one.limits for one in engine.containers(spec.name)}
    for name, limits in found.items():
        if limits.cpus is None or abs(limits.cpus - wanted[name]) > _QUOTA_TOLERANCE:
            raise RunFailed(f"{name}: the quota in force is {limits.cpus}, not {wanted[name]:.3f} host cores")
    return found


def _environment(spec: ClusterSpec) -> dict[str, str]:
    """Variables of the Compose document: the cpusets of the machines, the shared folder, the person's id."""
    cores = sorted(os.sched_getaffinity(0))
    environment = dict(os.environ) | {
        "CLUSTERBED_SHARE": str(state.share(spec.name)),
        "CLUSTERBED_UID": str(os.getuid()),
    }
    for machine in spec.machines:
        taken, cores = cores[: machine.cores], cores[machine.cores :]
        environment[cpuset_variable(machine.name)] = ",".join(str(core) for core in taken)
    return environment


def _crashed(engine: Engine, spec: ClusterSpec) -> str | None:
    """Raises RunFailed at once when a node has exited: waiting would not bring it back."""
    exited = [one for one in engine.containers(spec.name) if one.state in ("exited", "dead")]
    if exited:
        last = run(["docker", "logs", "--tail", "5", exited[0].id], check=False)
        raise RunFailed(f"{spec.name}: node {exited[0].node} ended by itself: {(last.stderr or last.stdout).strip()}")
    return None


def _explanations(engine: Engine, spec: ClusterSpec, lacking: str) -> list[str]:
    """The last lines of the logs of the roles that are to blame."""
    texts = []
    for node, role in readiness.guilty(spec, lacking):
        tail = engine.exec(
            container_name(spec.name, node), ["tail", "-n", "8", f"/var/log/clusterbed/{role}/current"], check=False
        )
        body = "\n".join("    " + line for line in (tail.stdout or tail.stderr).strip().splitlines())
        texts.append(f"last lines of the log of {role} on {node}:\n{body or '    (empty)'}")
    return texts


def _keep_logs(engine: Engine, cluster: str) -> Path | None:
    """Copies the logs of a cluster that is about to be removed; None where there are none. Never raises."""
    target = LOGS / f"failed-{cluster}"
    shutil.rmtree(target, ignore_errors=True)
    try:
        containers = engine.containers(cluster)
        kept = [engine.copy_out(one.id, "/var/log/clusterbed", target / one.node, timeout=10) for one in containers]
    except Exception:
        # Whatever it is, it must not keep the cluster from being taken down, nor hide why it is.
        return None
    return target if any(kept) else None


def _networks(engine: Engine) -> list[str]:
    return [name.removeprefix("clusterbed-") for name in engine.networks()]


def _state_folders() -> list[str]:
    return [path.name for path in CLUSTERS.iterdir() if path.is_dir()] if CLUSTERS.is_dir() else []
