"""Programs of `cluster_app.yardsticks` in the containers of a bed: how they get there, run, and answer."""

from __future__ import annotations

import io
import json
import subprocess
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cluster_app.contract.job import Job
from experiments.bench.bed import Bed
from experiments.cluster import spark
from experiments.cluster.interrupts import uninterrupted
from experiments.errors import RunFailed
from experiments.host.engine import DOCKER, Engine
from experiments.host.paths import ROOT

PYTHON = "/opt/env/bin/python3"
FOLDER = "/srv/data/yardsticks"
TIMEOUT = 1200.0
_PARTS = ("__init__.py", "contract", "tasks", "pipeline", "yardsticks")
_MARK = "yardstick: "


def python(bed: Bed, container: str, module: str, words: Sequence[str], *, threads: int) -> dict[str, Any]:
    """Runs a yardstick under the environment's Python, with that many threads for its libraries; returns its answer."""
    variables = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    return run(bed, container, [PYTHON, "-m", f"cluster_app.yardsticks.{module}", *words], variables)


def submission(bed: Bed, module: str, conf: dict[str, str], *words: str) -> list[str]:
    """The command that submits a yardstick to the bed's Spark."""
    program = f"{FOLDER}/{module}.py"
    content = (ROOT / "cluster_app" / "yardsticks" / f"{module}.py").read_bytes()
    Engine().exec(bed.driver, ["as-cluster", "mkdir", "-p", FOLDER])
    Engine().put(bed.driver, {f"{module}.py": content}, FOLDER)
    return spark.arguments(bed.spec, conf, program, *words, options=("--py-files", f"{FOLDER}/cluster_app.zip"))


def put(container: str, job: Job | None = None) -> None:
    """Brings the yardsticks' code to a node, and a job file."""
    engine = Engine()
    engine.exec(container, ["as-cluster", "mkdir", "-p", FOLDER])
    files = {"cluster_app.zip": _application()}
    if job is not None:
        files["job.json"] = job.to_json().encode()
    engine.put(container, files, FOLDER)


def _application() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in _PARTS:
            path = ROOT / "cluster_app" / part
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                archive.write(file, file.relative_to(ROOT))
    return buffer.getvalue()


def run(bed: Bed, container: str, command: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Runs a yardstick's program to its end, and returns its answer. Whatever ends this, the program is ended too."""
    engine = Engine()
    log = bed.scratch / f"{uuid.uuid4().hex[:12]}.log"
    variables = {"HOME": "/home/cluster", "PYTHONPATH": f"{FOLDER}/cluster_app.zip", **environment}
    try:
        status, tail = engine.exec_streamed(
            container,
            ["timeout", "-k", "10", str(int(TIMEOUT)), *command],
            folder=FOLDER,
            environment=variables,
            log=log,
            on_line=lambda _: None,
        )
    except BaseException:
        with uninterrupted():
            engine.exec(container, ["pkill", "-KILL", "-f", FOLDER], check=False)
        raise
    lines = tail.splitlines()
    if status != 0:
        errors = [line for line in lines if line.startswith("error: ")] or lines[-1:] or ["it said nothing"]
        raise RunFailed(f"{command[1:3]} on {container} ended with status {status}: {errors[-1]}; its log: {log}")
    return _answer(lines, container)


def _answer(lines: Sequence[str], where: str) -> dict[str, Any]:
    answers = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    if not answers:
        raise RunFailed(f"{where}: the program ended without an answer")
    found: dict[str, Any] = json.loads(answers[-1])
    return found


@contextmanager
def memory_of(bed: Bed) -> Iterator[dict[str, float]]:
    """The peak memory of the node that jobs are submitted from; filled in when the work inside has ended."""
    found: dict[str, float] = {}
    put(bed.driver)
    words = [DOCKER, "exec", "-i", "-w", FOLDER, "-e", f"PYTHONPATH={FOLDER}/cluster_app.zip", bed.driver, PYTHON]
    with subprocess.Popen(
        [*words, "-m", "cluster_app.yardsticks.memory"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as watcher:
        assert watcher.stdout is not None
        watcher.stdout.readline()
        try:
            yield found
        finally:
            with uninterrupted():
                said = watcher.communicate(timeout=30)[0]
    found.update(_answer(said.splitlines(), "memory"))
