"""The canary job: a JVM task on every executor; where Python is installed, each task also imports what jobs need."""

from __future__ import annotations

from experiments.cluster import spark
from experiments.cluster.staging import hdfs_of
from experiments.errors import RunFailed
from experiments.host.engine import Engine
from experiments.host.paths import LOGS
from experiments.render import container_name
from experiments.types import ClusterSpec

TIMEOUT = 240.0
_JAR = "/opt/clusterbed/canary.jar"
_IMPORTS = ("/opt/env/bin/python3", "-c", "import cv2, numpy, pyarrow, openvino.runtime, bigdl.orca")


def run(engine: Engine, spec: ClusterSpec) -> list[str]:
    """Runs it and returns "HOST EXECUTOR" of each executor that took part. Raises RunFailed naming what is missing."""
    container = container_name(spec.name, spec.driver.name)
    if spec.manager == "yarn":
        _stage_libraries(engine, spec, container)
    executors = spec.total_executors if spec.manager != "local" else 1
    command = () if spec.manager == "yarn" else _IMPORTS
    conf = spark.resources(spec) | spark.waiting(120) | spark.light_executors(spec) | {"spark.ui.enabled": "false"}
    application = (_JAR, str(executors), str(spec.total_executor_cores), *command)
    arguments = spark.arguments(spec, conf, *application, options=("--class", "Canary"))
    done = engine.exec(container, ["as-cluster", "env", "HOME=/home/cluster", *arguments], timeout=TIMEOUT, check=False)
    places = [line.split()[1:3] for line in done.stdout.splitlines() if line.startswith("canary ")]
    hosts = {host for host, _ in places}
    expected = {node.name for node in spec.executor_nodes}
    if done.status != 0 or hosts != expected:
        lacking = ", ".join(sorted(expected - hosts)) or "none"
        log = LOGS / f"canary-{spec.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stderr)
        raise RunFailed(
            f"{spec.name}: the canary job failed (status {done.status}); nodes without a task: {lacking}; "
            f"{_cause(done.stderr)} (whole log: {log})"
        )
    return sorted(" ".join(place) for place in places)


def _cause(log: str) -> str:
    """The line of a driver's log that says most: the innermost cause, or the first exception, or the last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    exceptions = [line for line in lines if "Exception" in line and not line.startswith("at ")]
    return (causes[-1:] or exceptions[:1] or lines[-1:] or ["its log is empty"])[0][:500]


def _stage_libraries(engine: Engine, spec: ClusterSpec, container: str) -> None:
    """Puts Spark's own jars into HDFS: YARN nodes have no Spark installed."""
    files, path = hdfs_of(engine, spec), spark.LIBRARIES.removeprefix("hdfs://")
    if not files.exists(path):
        files.mkdirs(path.rsplit("/", 1)[0])
        engine.exec(container, ["hdfs-files", "-put", "/opt/clusterbed/spark-libraries.zip", path], timeout=180)
