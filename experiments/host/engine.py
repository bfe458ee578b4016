"""The Docker engine, as the rest of the project sees it. Only containers with the project's labels are touched."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.errors import APIError, DockerException, NotFound

import docker
from experiments.errors import HostError, RunFailed
from experiments.host.command import CommandFailed, Completed, run
from experiments.render import LABEL_CLUSTER, LABEL_NODE, LABEL_ROLES

DOCKER = "docker"
# The label of containers that run one command and end.
ONCE = "once"
_REMOVALS = 5


class NoEngine(HostError):
    """No Docker engine answers."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the Docker engine does not answer ({reason}); `make setup` or `clusterbed doctor --fix` starts it"
        )


@dataclass(frozen=True)
class Limits:
    """What the engine holds a container to. cpus: host cores, None without a quota; memory in MB, 0 without a limit."""

    cpus: float | None
    memory_mb: int
    cpuset: str


@dataclass(frozen=True)
class Container:
    """A container of a cluster: its node's name, state ("running", "exited" ...), roles, published ports, limits."""

    id: str
    name: str
    cluster: str
    node: str
    state: str
    roles: str
    ports: Mapping[int, int]
    limits: Limits


class Engine:
    """A thin layer over Docker's SDK, and over its client program where the SDK has no equal (exec, update)."""

    def __init__(self) -> None:
        try:
            self._client = docker.DockerClient.from_env(timeout=60)
            self._client.ping()
        except DockerException as error:
            raise NoEngine(_reason(error)) from None

    def info(self) -> dict[str, Any]:
        info: dict[str, Any] = self._client.info()
        return info

    # Images

    def image_labels(self, tag: str) -> dict[str, str] | None:
        """The labels of an image; None where there is no such image."""
        try:
            image = self._client.images.get(tag)
        except NotFound:
            return None
        return dict(image.labels or {})

    def image_mb(self, tag: str) -> float:
        """Uncompressed size in MB (10^6 bytes, as the engine prints it)."""
        return float(self._client.images.get(tag).attrs["Size"]) / 1e6

    # Containers of clusters

    def containers(self, cluster: str | None = None) -> list[Container]:
        """The containers of one cluster, or of all the project's clusters, also stopped ones, by node."""
        label = LABEL_CLUSTER if cluster is None else f"{LABEL_CLUSTER}={cluster}"
        found = self._client.containers.list(all=True, filters={"label": label})
        return sorted((_container(one.attrs) for one in found), key=lambda one: (one.cluster, one.node))

    def clusters(self) -> list[str]:
        """Names of the clusters that have containers; a container that runs one command is none."""
        return sorted({one.cluster for one in self.containers()} - {ONCE})

    def networks(self) -> list[str]:
        """Names of the networks of the project's clusters."""
        return sorted(network.name for network in self._client.networks.list(filters={"label": LABEL_CLUSTER}))

    def set_cpus(self, container: str, cpus: float) -> None:
        """Puts a quota of that many host cores in force at once."""
        run([DOCKER, "update", "--cpus", f"{cpus:.4f}", container], where=container)

    def exec(self, container: str, arguments: Sequence[str], *, timeout: float = 120, check: bool = True) -> Completed:
        """Runs a command in a container, as root, to its end."""
        return run([DOCKER, "exec", container, *arguments], where=container, timeout=timeout, check=check)

    def exec_streamed(
        self,
        container: str,
        arguments: Sequence[str],
        *,
        folder: str,
        environment: Mapping[str, str],
        log: Path,
        on_line: Callable[[str], None],
    ) -> tuple[int, str]:
        """Runs a command as the user cluster in a folder; gives each line of both streams to `on_line` and to a file.

        Returns (exit status, last 200 lines). The caller ends the command inside the container when it is
        interrupted: the client's end does not.
        """
        variables = [word for key, value in environment.items() for word in ("-e", f"{key}={value}")]
        command = [DOCKER, "exec", "-u", "cluster", "-w", folder, *variables, container, *arguments]
        log.parent.mkdir(parents=True, exist_ok=True)
        tail: list[str] = []
        # A session of its own: the terminal's Ctrl-C is answered here, in order, and not by the client.
        with (
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            ) as process,
            log.open("w") as sink,
        ):
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    sink.write(line)
                    sink.flush()
                    tail = [*tail[-199:], line.rstrip("\n")]
                    on_line(line.rstrip("\n"))
            except BaseException:
                process.kill()
                raise
            status = process.wait()
        return status, "\n".join(tail)

    def put(self, container: str, files: Mapping[str, bytes], folder: str) -> None:
        """Writes small files, by name, into an existing folder of a container, owned by the user cluster."""
        uid = int(self.exec(container, ["id", "-u", "cluster"]).stdout)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode, entry.uid, entry.gid = len(data), 0o644, uid, uid
                tar.addfile(entry, io.BytesIO(data))
        self._client.containers.get(container).put_archive(folder, archive.getvalue())

    def copy_out(self, container: str, source: str, target: Path, *, timeout: float = 600) -> bool:
        """Copies a file or folder out; false where there is none."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            run([DOCKER, "cp", f"{container}:{source}", str(target)], where=container, timeout=timeout)
        except CommandFailed as error:
            if "Could not find the file" in error.stderr or "No such container:path" in error.stderr:
                return False
            raise
        return True

    def remove(self, cluster: str, nodes: Collection[str] | None = None) -> None:
        """Removes the containers and networks of a cluster, running or not, or the containers of some nodes only."""
        # More than once: an interrupted client may have left the engine a request that it still carries out.
        for _ in range(_REMOVALS):
            gone = [one.id for one in self.containers(cluster) if nodes is None or one.node in nodes]
            if not gone:
                break
            run([DOCKER, "rm", "-f", "-v", *gone], timeout=120, check=False)
        else:
            raise RunFailed(f"{cluster}: containers could not be removed: {', '.join(gone)}; `docker rm -f` says why")
        if nodes is not None:
            return
        for network in self._client.networks.list(filters={"label": f"{LABEL_CLUSTER}={cluster}"}):
            try:
                network.remove()
            except APIError as error:
                raise RunFailed(f"the network {network.name} could not be removed: {error.explanation}") from None

    def run_once(
        self, image: str, arguments: Sequence[str], *, options: Sequence[str] = (), timeout: float = 600
    ) -> Completed:
        """Runs a command in a container of its own that is removed afterwards, without a network."""
        name = f"clusterbed-once-{_unique()}"
        command = [DOCKER, "run", "--rm", "--name", name, "--network", "none", "--label", f"{LABEL_CLUSTER}={ONCE}"]
        try:
            return run([*command, *options, image, *arguments], where=image, timeout=timeout)
        except BaseException:
            run([DOCKER, "rm", "-f", name], check=False)
            raise


def _unique() -> str:
    import uuid

    return uuid.uuid4().hex[:12]


def _reason(error: DockerException) -> str:
    text = str(error)
    for sign, meaning in (
        ("Permission denied", "permission denied on its socket: add yourself to the group docker"),
        ("No such file", "its socket does not exist"),
        ("Connection refused", "its socket refuses connections"),
    ):
        if sign in text:
            return meaning
    return (text.splitlines() or ["no reason given"])[0][:200]


def _container(attributes: Mapping[str, Any]) -> Container:
    labels, host = attributes["Config"]["Labels"], attributes["HostConfig"]
    published = attributes["NetworkSettings"]["Ports"] or {}
    ports = {int(inside.split("/")[0]): int(outside[0]["HostPort"]) for inside, outside in published.items() if outside}
    nano = host.get("NanoCpus") or 0
    return Container(
        id=attributes["Id"],
        name=attributes["Name"].lstrip("/"),
        cluster=labels[LABEL_CLUSTER],
        node=labels.get(LABEL_NODE, ""),
        state=attributes["State"]["Status"],
        roles=labels.get(LABEL_ROLES, ""),
        ports=ports,
        limits=Limits(nano / 1e9 if nano else None, (host.get("Memory") or 0) // 2**20, host.get("CpusetCpus") or ""),
    )


def compose_up(document: Path, environment: Mapping[str, str], where: str) -> None:
    """Starts what a Compose file describes. Raises HostError for a port in use, a missing image, a full disk."""
    try:
        run(
            [
                DOCKER,
                "compose",
                "--file",
                str(document),
                "up",
                "--detach",
                "--no-build",
                "--pull",
                "never",
                "--quiet-pull",
            ],
            where=where,
            timeout=180,
            environment=environment,
        )
    except CommandFailed as error:
        raise _explained(error) from None


def _explained(error: CommandFailed) -> Exception:
    text = error.stderr
    last = text.strip().splitlines()[-1] if text.strip() else ""
    if "port is already allocated" in text or "address already in use" in text:
        return HostError(
            f"{error.where}: a host port is in use: {last}; free it, or give another in the topology's `ports`"
        )
    if "No such image" in text or "pull access denied" in text or "not found: manifest" in text:
        return HostError(f"{error.where}: an image is missing: {last}; `make images` builds it")
    if "no space left" in text:
        return HostError(f"{error.where}: the disk is full: {last}; `make clean` says what it would free")
    return error
