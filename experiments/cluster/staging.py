"""Where a cluster can read: the shared folder, or HDFS. Staging uploads there and rewrites URIs, nothing else."""

from __future__ import annotations

import hashlib
import posixpath
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from cluster_app.contract.job import Job
from experiments.cluster import spark, state
from experiments.cluster.hdfs import Hdfs
from experiments.errors import UserError
from experiments.host.engine import Engine
from experiments.host.paths import STATE
from experiments.render import container_name
from experiments.types import ClusterSpec

SHARED_IN, SHARED_OUT = "/srv/in", "/srv/out"
_HDFS_IN = "/staged"


def check_readable(spec: ClusterSpec, job: Job) -> None:
    """Raises UserError, all at once, for URIs that the nodes of this cluster have in no common place."""
    problems = []
    for key in ("input", "model", "priors", "output"):
        uri = getattr(job, key)
        scheme, path = uri.split(":", 1)[0], local_path(uri)
        folder = SHARED_OUT if key == "output" else SHARED_IN
        if spec.manager == "yarn" and scheme != "hdfs":
            problems.append(f"{key}: {uri}: the nodes of {spec.name} share HDFS only; give an hdfs: URI" + _hint(key))
        elif spec.manager != "yarn" and scheme != "file":
            problems.append(f"{key}: {uri}: {spec.name} has no HDFS; give a file: URI below {folder}" + _hint(key))
        elif scheme == "file" and not path.startswith((folder + "/", SHARED_OUT + "/")):
            problems.append(f"{key}: {uri}: nodes see only {SHARED_IN} and {SHARED_OUT}" + _hint(key))
    if problems:
        raise UserError(*problems)


def stage(spec: ClusterSpec, job: Job, say: Callable[[str], None]) -> Job:
    """Uploads input, model and priors of this host (file: URIs) to the cluster; returns the job with their new URIs.

    Raises UserError for a path that does not exist here.
    """
    for key in ("input", "model", "priors"):
        uri = getattr(job, key)
        paths = [_on_host(uri)] if key != "model" else [_on_host(uri), _on_host(uri).with_suffix(".bin")]
        missing = [path for path in paths if not uri.startswith("file:") or not path.exists()]
        if missing:
            raise UserError(f"{key}: {missing[0]}: there is no such path on this host; --stage uploads local paths")
    engine = Engine()
    source, model, priors = map(_on_host, (job.input, job.model, job.priors))
    say(f"staging {source} and {model.parent.name}")
    staged = _upload(engine, spec, {"input": [source], "model": [model, model.with_suffix(".bin"), priors]})
    return replace(
        job,
        input=f"{staged['input']}/{source.name}",
        model=f"{staged['model']}/{model.name}",
        priors=f"{staged['model']}/{priors.name}",
    )


def _upload(engine: Engine, spec: ClusterSpec, groups: dict[str, list[Path]]) -> dict[str, str]:
    """Copies each group of files or folders into a folder of the cluster of its own; returns the folders' URIs."""
    folders = {}
    for group, paths in groups.items():
        name = f"{group}-{_fingerprint(paths)}"
        if spec.manager == "yarn":
            folders[group] = _into_hdfs(engine, spec, paths, name)
        else:
            _into_share(spec, paths, name)
            folders[group] = f"file:{SHARED_IN}/{name}"
    return folders


def _into_share(spec: ClusterSpec, paths: list[Path], name: str) -> None:
    target = state.share(spec.name) / "in" / name
    if target.exists():
        return
    partial = target.with_name(f".{name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for path in paths:
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, partial / path.name)
    # The nodes' user is another: what this host's user may read, it may.
    for copied in (partial, *partial.rglob("*")):
        copied.chmod(0o755 if copied.is_dir() else 0o644)
    partial.rename(target)


def _into_hdfs(engine: Engine, spec: ClusterSpec, paths: list[Path], name: str) -> str:
    files, folder = hdfs_of(engine, spec), f"{_HDFS_IN}/{name}"
    if not files.exists(folder):
        partial = f"{_HDFS_IN}/.{name}.partial"
        files.delete(partial)
        for path in paths:
            files.put(path, f"{partial}/{path.name}")
        files.rename(partial, folder)
    return f"hdfs:{folder}"


def hdfs_of(engine: Engine, spec: ClusterSpec) -> Hdfs:
    """The HDFS of a YARN cluster that is up."""
    ports = {one.node: one.ports for one in engine.containers(spec.name)}
    return Hdfs(spec.nodes_with("namenode")[0].name, ports)


def ship_environment(engine: Engine, spec: ClusterSpec, packed: Path, say: Callable[[str], None]) -> float:
    """Puts the packed environment into HDFS, from where YARN gives it to its nodes; seconds, 0 where it was there."""
    if not packed.exists():
        raise UserError(f"the packed environment is missing ({packed}); `make images` packs it")
    files, path = hdfs_of(engine, spec), spark.PACKED.removeprefix("hdfs://")
    if files.exists(path):
        return 0.0
    begin = time.monotonic()
    say(f"shipping the packed environment ({packed.stat().st_size / 1e6:.0f} MB) through HDFS")
    files.put(packed, f"{path}.partial")
    files.rename(f"{path}.partial", path)
    return time.monotonic() - begin


def fetch_output(spec: ClusterSpec, job: Job, target: Path) -> None:
    """Copies a finished output folder to this host."""
    shutil.rmtree(target, ignore_errors=True)
    path = local_path(job.output)
    if job.output.startswith("file:"):
        shutil.copytree(state.share(spec.name) / "out" / posixpath.relpath(path, SHARED_OUT), target)
    else:
        hdfs_of(Engine(), spec).get(path, target)


def remove_partial(engine: Engine, spec: ClusterSpec, job: Job) -> None:
    """Removes what a job that was ended had half written."""
    folder, name = posixpath.split(local_path(job.output).rstrip("/"))
    partial = f"{folder}/.{name}.partial"
    if spec.manager == "yarn":
        hdfs_of(engine, spec).delete(partial)
    else:
        engine.exec(container_name(spec.name, spec.driver.name), ["rm", "-rf", partial], check=False)


def local_path(uri: str) -> str:
    """The path of a file: or hdfs: URI, as Hadoop takes it: a percent sign is itself."""
    rest = uri.split(":", 1)[1]
    if rest.startswith("//"):
        rest = "/" + rest[2:].split("/", 1)[1] if "/" in rest[2:] else "/"
    return rest


def _on_host(uri: str) -> Path:
    """The path on this host of a URI as its tools write them: quoted, or plain where that exists."""
    plain = Path(local_path(uri))
    return plain if plain.exists() else Path(unquote(str(plain)))


def _hint(key: str) -> str:
    return "" if key == "output" else ", or use --stage for a path of this host"


def _fingerprint(paths: list[Path]) -> str:
    """Of names, sizes and times: the same files are staged once."""
    digest = hashlib.sha256(str(STATE).encode())
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            status = file.stat()
            digest.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]
