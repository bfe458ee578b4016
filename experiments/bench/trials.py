"""One trial of one side: a job through an engine, or a yardstick's program; what it left, as a record."""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet

from cluster_app.contract.job import Job
from cluster_app.contract.result import Counts
from experiments.bench.bed import Bed
from experiments.bench.programs import FOLDER, PYTHON, TIMEOUT, memory_of, put, python, run, submission
from experiments.bench.types import Record
from experiments.cluster import spark
from experiments.cluster.submit import submit
from experiments.engine_settings import EngineSetting
from experiments.errors import RunFailed
from experiments.eventlog import event_logs, read_event_log
from experiments.host.engine import Engine
from experiments.peers.settings import settings as peer_settings
from experiments.render import container_name

_ENDED = re.compile(r"(?P<name>\w+) took (?P<seconds>[0-9.]+) s")
# The phases in which a file becomes a row; start-up and the listing of the input come before.
WORKING = ("read", "preprocess", "predict", "postprocess", "segment")


@dataclass(frozen=True)
class Trial:
    """A record, and the rows it left where it left any: they are compared, and not kept."""

    record: Record
    rows: Sequence[Mapping[str, Any]] = ()


Peer = Callable[[Bed, Job], Trial]


# Engines


def engine_trial(
    bed: Bed, setting: EngineSetting, job: Job, *, conf: Mapping[str, str] | None = None, quotas_late: bool = False
) -> Trial:
    """Submits the job in that setting, and removes its output.

    conf: Spark's settings over the setting's. quotas_late: whether quotas are lifted until the work begins, as they are
    while a cluster boots: how long a JVM takes to start under a quarter of a core is not what is measured.
    """
    wanted = replace(setting.applied(job, bed.spec), output=f"file:/srv/out/{uuid.uuid4().hex[:12]}")
    own = {**setting.spark, **(conf or {})}
    evidence = bed.scratch / wanted.output.rsplit("/", 1)[1]
    watch = _Watch(bed, late=quotas_late)
    with memory_of(bed) as watched:
        began = time.time()
        done = submit(bed.spec, wanted, evidence, watch.hear, timeout=TIMEOUT, conf=own)
    if quotas_late and not watch.put:
        raise RunFailed(f"{setting.name}: the job never said that its work began: no quota was put")
    bed.say(f"{setting.name}: {done.result.counts.images} images, submitted for {done.submit_seconds:.1f} s")
    _refuse_failures(setting.name, done.result.counts)
    record = {
        "setting": setting.name,
        "images": done.result.counts.images,
        "job": json.loads(wanted.to_json()),
        "spark": own,
        "slots": max(1, bed.spec.executor.cores // int(own.get("spark.task.cpus", wanted.threads_per_task))),
        "executors": int(own.get("spark.cores.max", bed.spec.total_executor_cores)) // bed.spec.executor.cores,
        "began": began,
        "wall_seconds": done.submit_seconds,
        "memory": watched,
        "phases": watch.phases,
        "result": json.loads(done.result.to_json()),
        **_tasks(done.event_log),
    }
    shutil.rmtree(evidence)
    return Trial(record, _rows(bed, wanted))


class _Watch:
    """Hears a job's lines: keeps what they say of phases, and puts quotas in force when its work begins.

    put: whether quotas are in force; with `late` they are lifted until then. phases: (name, seconds), in order.
    """

    def __init__(self, bed: Bed, *, late: bool) -> None:
        self._bed, self.put = bed, not late
        self.phases: list[tuple[str, float]] = []
        if late:
            bed.lift_quotas()

    def hear(self, line: str) -> None:
        """A phase is announced by its name and three dots; at its end the seconds are said."""
        if not self.put and line.endswith(" ...") and line.split()[0] in WORKING:
            self._bed.put_quotas()
            self.put = True
        ended = _ENDED.fullmatch(line)
        if ended:
            self.phases.append((ended["name"], float(ended["seconds"])))


def _tasks(folder: Path) -> dict[str, Any]:
    """From Spark's event log: when the application began, and the tasks that did the work."""
    (log,) = event_logs(folder)
    application = read_event_log(log)
    kept = [task for task in application.tasks if task.phase in WORKING and not task.failed]
    return {
        "application_start": application.start_time,
        "tasks": [
            {
                "phase": task.phase,
                "host": task.host,
                "executor": task.executor,
                "launch": task.launch_s,
                "finish": task.finish_s,
                "images": task.records_read,
            }
            for task in kept
        ],
    }


def _refuse_failures(name: str, counts: Counts) -> None:
    if counts.ok != counts.images:
        raise RunFailed(f"{name}: {counts.images - counts.ok} of {counts.images} images have no result")


def _rows(bed: Bed, job: Job) -> list[dict[str, Any]]:
    folder = bed.out / job.output.rsplit("/", 1)[1]
    if not (folder / "_SUCCESS").exists():
        raise RunFailed(f"{folder}: has no _SUCCESS: its rows do not count")
    rows: list[dict[str, Any]] = pyarrow.parquet.ParquetDataset(sorted(folder.glob("*.parquet"))).read().to_pylist()
    Engine().exec(bed.driver, ["rm", "-rf", job.output.removeprefix("file:")])
    return rows


# Yardsticks


def bare(bed: Bed, job: Job, *, images: int, way: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Inference alone with the job's model on the cores of the bed's node; without a way, all of the grid."""
    cores = bed.spec.executor.total_cores
    words = ["--model", job.model.removeprefix("file:"), "--precision", job.precision]
    words += ["--cores", str(cores), "--images", str(images)]
    if way is not None:
        words += ["--streams", str(way["streams"]), "--pinning", "yes" if way["pinning"] else "no"]
    put(bed.driver)
    return python(bed, bed.driver, "bare", words, threads=cores)


def best_way(tried: Mapping[str, Any]) -> dict[str, Any]:
    """Of the grid, the way with the most images a second."""
    best: dict[str, Any] = max(tried["grid"], key=lambda one: one["images"] / one["seconds"])
    return best


def solos(bed: Bed, job: Job, *, images: int) -> list[dict[str, Any]]:
    """Each node that runs executors, with the engine's work and without Spark, all at the same time."""
    nodes = [container_name(bed.spec.name, node.name) for node in bed.spec.executor_nodes]
    for container in nodes:
        put(container, job)
    words = [f"{FOLDER}/job.json", "--images", str(images)]
    with ThreadPoolExecutor(len(nodes)) as pool:
        return list(pool.map(lambda one: python(bed, one, "solo", words, threads=1), nodes))


def ray_trial(bed: Bed, job: Job) -> Trial:
    """The job's work by Ray Data's actors in the bed's node."""
    tuned = peer_settings().ray
    words = [f"{FOLDER}/job.json", "--actors", str(bed.spec.executor.total_cores), "--batch", str(tuned.batch)]
    words += ["--blocks", str(tuned.blocks), "--reader-cpus", str(tuned.reader_cpus)]
    # Paths of sockets have a limit of 107 bytes: the folder's is short.
    words += ["--store-mb", str(tuned.store_mb), "--temp", "/tmp/ray"]
    command = [PYTHON, "-m", "cluster_app.yardsticks.ray_actors", *words]
    return _peer(bed, "ray", job, command, tuned.environment)


def pandas_udf_trial(bed: Bed, job: Job) -> Trial:
    """The job's work by a pandas_udf in the bed's node."""
    conf = spark.resources(bed.spec) | spark.light_executors(bed.spec)
    conf |= {
        "spark.pyspark.driver.python": PYTHON,
        "spark.pyspark.python": PYTHON,
        **peer_settings().pandas_udf.spark,
    }
    return _peer(bed, "pandas-udf", job, submission(bed, "spark_udf", conf, f"{FOLDER}/job.json"), {})


def _peer(bed: Bed, name: str, job: Job, command: Sequence[str], environment: Mapping[str, str]) -> Trial:
    wanted = replace(job, output=f"file:/srv/out/{uuid.uuid4().hex[:12]}")
    put(bed.driver, wanted)
    with memory_of(bed) as watched:
        began = time.time()
        answer = run(bed, bed.driver, command, environment)
        seconds = time.time() - began
    rows = _rows(bed, wanted)
    bed.say(f"{name}: {answer['images']} images in {seconds:.1f} s")
    record = {"setting": name, "images": len(rows), "began": began, "wall_seconds": seconds, "memory": watched}
    record["processes"] = bed.spec.executor.total_cores
    return Trial({**record, **answer}, rows)


def empty_tasks(bed: Bed, *, tasks: int, repeats: int) -> dict[str, Any]:
    """Tasks that do nothing, through the driver of the bed's cluster, its quotas lifted."""
    put(bed.driver)
    conf = spark.resources(bed.spec) | spark.light_executors(bed.spec) | spark.waiting(120)
    conf |= {"spark.pyspark.python": PYTHON, "spark.pyspark.driver.python": PYTHON}
    return run(bed, bed.driver, submission(bed, "empty_tasks", conf, str(tasks), str(repeats)), {})
