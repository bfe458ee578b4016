"""Runs a job on a cluster that is up: stages what it needs, submits it, watches it, brings its evidence home."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

from cluster_app.contract.checks import ContractError
from cluster_app.contract.job import Job
from cluster_app.contract.memory import SETTING
from cluster_app.contract.result import JobResult, parse_result
from experiments.cluster import spark, staging
from experiments.cluster.interrupts import uninterrupted
from experiments.errors import ClusterbedError, RunFailed, UserError
from experiments.fit import check_threads
from experiments.host.engine import Engine
from experiments.host.paths import ENVIRONMENT, ROOT
from experiments.memory.check import Plan, beyond_estimate, plan
from experiments.memory.facts import facts
from experiments.render import container_name
from experiments.types import ClusterSpec

TIMEOUT = 3600.0
# How long the driver waits for its executors: shipping the packed environment under a quota takes minutes.
EXECUTORS_TIMEOUT = 900
NO_CONF: Mapping[str, str] = MappingProxyType({})
_JOBS = "/srv/data/jobs"
_PARTS = ("__init__.py", "contract", "tasks", "pipeline")


@dataclass(frozen=True)
class Submitted:
    """A job that ended: its result, the wall time of its submission, the event log and the driver's log."""

    job: Job
    result: JobResult
    submit_seconds: float
    ship_environment_seconds: float | None
    event_log: Path
    log: Path


def submit(
    spec: ClusterSpec,
    job: Job,
    evidence: Path,
    say: Callable[[str], None],
    *,
    timeout: float = TIMEOUT,
    conf: Mapping[str, str] = NO_CONF,
    check_memory: bool = True,
) -> Submitted:
    """Submits a job and waits for its end; `evidence` gets the driver's log and Spark's event log.

    conf: Spark's settings that are to differ from the project's own. check_memory: whether a job that may not fit its
    executors is refused, and their memory shared out as it needs it; only an experiment on memory says no.
    On Ctrl-C or a time-out the job is ended and its half-written output is removed, unless the job says "resume".
    Raises UserError for a job that the cluster cannot read, run or hold, RunFailed with the driver's own message for
    one that failed.
    """
    check_threads(spec, job.threads_per_task)
    staging.check_readable(spec, job)
    planned = _planned(spec, job, conf) if check_memory else None
    conf = {**(_memory(spec, planned) if planned else {}), **conf}
    engine, container = Engine(), container_name(spec.name, spec.driver.name)
    shipped = staging.ship_environment(engine, spec, ENVIRONMENT, say) if spec.manager == "yarn" else None
    identity = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    folder = f"{_JOBS}/{identity}"
    engine.exec(container, ["as-cluster", "mkdir", "-p", folder, spark.EVENTS])
    engine.put(
        container, {"job.json": job.to_json().encode(), "main.py": _main(), "cluster_app.zip": application()}, folder
    )

    before = _event_logs(engine, container)
    begin = time.monotonic()
    log = evidence / "driver.log"
    try:
        status, tail = engine.exec_streamed(
            container,
            ["timeout", "-k", "10", str(int(timeout)), *_command(spec, job, folder, conf)],
            folder=folder,
            environment=_environment(job),
            log=log,
            on_line=lambda line: say(line.removeprefix("job: ")) if line.startswith("job: ") else None,
        )
    except BaseException:
        with uninterrupted():
            engine.exec(container, ["pkill", "-KILL", "-f", folder], check=False)
            _remove_partial(engine, spec, job, say)
        raise
    seconds = time.monotonic() - begin
    if status != 0:
        _remove_partial(engine, spec, job, say)
    # Before anything is raised: what a job that failed did is in its events.
    events = _bring_events(engine, container, before, evidence)
    result = _result(status, tail, log, timeout, seconds)
    for message in beyond_estimate(result):
        say(message)
    return Submitted(job, result, seconds, shipped, events, log)


def _planned(spec: ClusterSpec, job: Job, conf: Mapping[str, str]) -> Plan | None:
    """How the executors' memory is used; None where the input is not there, which the job then says."""
    known = facts(spec, job)
    return plan(spec, job, known, conf) if known else None


def _memory(spec: ClusterSpec, planned: Plan) -> dict[str, str]:
    return {**planned.conf(spec), SETTING: json.dumps(asdict(planned.estimate))}


def _remove_partial(engine: Engine, spec: ClusterSpec, job: Job, say: Callable[[str], None]) -> None:
    """Removes what a job left half written, unless it is to be resumed. Its own failure must not hide the job's."""
    if job.if_exists == "resume":
        return
    try:
        staging.remove_partial(engine, spec, job)
    except ClusterbedError as error:
        say(f"what the job had half written could not be removed: {error}")


def application() -> bytes:
    """The zip that goes with every job: contract, tasks and pipeline of cluster_app."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in _PARTS:
            path = ROOT / "cluster_app" / part
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                archive.write(file, file.relative_to(ROOT))
    return buffer.getvalue()


def _main() -> bytes:
    return (ROOT / "cluster_app" / "pipeline" / "main.py").read_bytes()


def settings(spec: ClusterSpec, job: Job, own: Mapping[str, str] = NO_CONF) -> dict[str, str]:
    """Spark's settings of a job, but for the sharing out of memory, which also needs to know the input."""
    conf = spark.resources(spec) | spark.waiting(EXECUTORS_TIMEOUT) | spark.bigdl(spec, job.threads_per_task)
    if job.engine == "fused":
        conf |= spark.light_executors(spec)
    return {**conf, **own}


def _environment(job: Job) -> dict[str, str]:
    return {"HOME": "/home/cluster"} | (spark.light_driver() if job.engine == "fused" else {})


def _command(spec: ClusterSpec, job: Job, folder: str, own: Mapping[str, str]) -> list[str]:
    conf = settings(spec, job, own)
    options = (*spark.bigdl_properties(), "--name", "clusterbed", "--py-files", f"{folder}/cluster_app.zip")
    return spark.arguments(spec, conf, f"{folder}/main.py", f"{folder}/job.json", options=options)


def _event_logs(engine: Engine, container: str) -> set[str]:
    return set(engine.exec(container, ["ls", spark.EVENTS]).stdout.split())


def _bring_events(engine: Engine, container: str, before: set[str], evidence: Path) -> Path:
    """Copies the event logs that came since `before` into the evidence; returns their folder."""
    target = evidence / "events"
    target.mkdir(parents=True, exist_ok=True)
    for name in sorted(_event_logs(engine, container) - before):
        engine.copy_out(container, f"{spark.EVENTS}/{name}", target / name)
    return target


def _result(status: int, tail: str, log: Path, timeout: float, seconds: float) -> JobResult:
    """The result that the driver printed. Raises UserError (its status 2) or RunFailed with its own message."""
    lines = tail.splitlines()
    said = [line.removeprefix("job: ") for line in lines if line.startswith("job: ")]
    printed = next((line.removeprefix("job-result: ") for line in lines if line.startswith("job-result: ")), None)
    refused = [line.removeprefix("refused: ") for line in said if line.startswith("refused: ")]
    failed = [line for line in said if line.startswith("failed: ")]
    if status == 2 and refused:
        raise UserError(*refused)
    if status == 1 and failed:
        raise RunFailed(f"the job {failed[-1]}; its log: {log}")
    if status == 137 and seconds < timeout:
        raise RunFailed(f"the driver was killed after {seconds:.0f} s, for memory or from outside; its log: {log}")
    if status in (124, 137):
        raise RunFailed(f"the job did not end within {timeout:.0f} s and was ended; its log: {log}")
    if printed is None:
        raise RunFailed(f"the job failed (status {status}): {_cause(lines)}; its log: {log}")
    try:
        return parse_result(json.loads(printed), str(log))
    except ContractError as error:
        raise RunFailed(f"the job's result is not complete: {error}") from None


def _cause(lines: list[str]) -> str:
    """The line of the driver's log that says most."""
    plain = [line.strip() for line in lines if line.strip()]
    caused = [line for line in plain if line.startswith(("Caused by:", "job failed:"))]
    errors = [line for line in plain if "Error" in line or "Exception" in line]
    return (caused[-1:] or errors[-1:] or plain[-1:] or ["its log is empty"])[0][:500]
