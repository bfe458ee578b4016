"""The job's entry: `spark-submit ... main.py JOB.json`. One argument, a job file; see cluster_app/contract/job.py.

Exit status: 0 done; 1 ran and found a failure; 2 the job file, the input or the model is bad.
The last line on stdout is "job-result: " and the result as JSON; messages go to stderr.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from typing import Any, Dict, List, Mapping

from cluster_app.contract.checks import ContractError
from cluster_app.contract.job import Job, parse_job
from cluster_app.contract.result import Arithmetic, Counts, ExecutorShare, JobResult, Partitions, Phase
from cluster_app.contract.rows import STATUSES
from cluster_app.pipeline import arithmetic, bigdl_engine, sinks
from cluster_app.pipeline.errors import BadInput
from cluster_app.pipeline.inventory import InputFile, take_inventory
from cluster_app.pipeline.phases import Phases
from cluster_app.pipeline.rows import complete
from cluster_app.pipeline.storage import Storage
from cluster_app.tasks.yolact.adapter import YolactTask

# Messages of failed images that go into the result; the rows hold all of them.
_MAX_ERRORS = 20


def main(arguments: List[str]) -> int:
    if len(arguments) != 1:
        print("usage: main.py JOB.json", file=sys.stderr)
        return 2
    begin = time.perf_counter()
    try:
        with open(arguments[0]) as file:
            job = parse_job(file.read(), arguments[0])
        result = run(job, begin)
    except (ContractError, BadInput) as error:
        for line in str(error).splitlines():
            print(f"job: refused: {line}", file=sys.stderr)
        return 2
    except Exception as error:
        # The driver's log keeps the whole story; its last line says it in one.
        traceback.print_exc()
        print(f"job: failed: {type(error).__name__}: {_first_line(error)}", file=sys.stderr)
        return 1
    print("job-result: " + json.dumps(json.loads(result.to_json())), flush=True)
    return 1 if result.counts.failed else 0


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    return (causes[-1:] or lines[:1] or ["no message"])[0][:500]


def run(job: Job, begin: float) -> JobResult:
    """The whole pipeline. `begin` is when the process started, on time.perf_counter's clock."""
    phases, task = Phases(), YolactTask()
    with phases.measure("start"):
        spark = _session()
        storage, slots = Storage(spark), spark.sparkContext.defaultParallelism
        # Names the phase in Spark's pages and in its event log.
        phases.announce = spark.sparkContext.setJobDescription
    with tempfile.TemporaryDirectory() as folder:
        with phases.measure("inventory"):
            _check(storage, job)
            root = storage.qualified(job.input)
            files = take_inventory(spark, root)
            if not files:
                raise BadInput(f"input: {job.input} holds no file")
            model, priors = _fetch_model(storage, job, folder)
            config = bigdl_engine.estimator_config(job)
            precision = arithmetic.verified(job, arithmetic.probe(spark, model, config, job.batch_size, slots))
        predicted = bigdl_engine.run(spark, job, task, files, model, priors, root, phases)
        storage_kind = arithmetic.storage_of(_read_text(model))

    partial = sinks.partial_of(job.output)
    with phases.measure("commit"):
        storage.delete(partial)
        sinks.write_rows(complete(spark, files, predicted.rows), partial)
        rows = spark.read.parquet(partial).persist()
        sinks.draw_overlays(storage, rows, root, partial, job, task)
    # All that is left is writing this result and one rename.
    phases.seconds["total"] = time.perf_counter() - begin
    result = _result(spark, job, files, rows, phases, precision, storage_kind, predicted.partitions)
    sinks.commit(storage, job, partial, result)
    spark.stop()
    return result


def _session() -> Any:
    from bigdl.orca import init_orca_context
    from pyspark.sql import SparkSession

    # An executor gateway keeps the JVM of local mode alive after the job; nothing here needs one.
    context = init_orca_context(cluster_mode="spark-submit", init_executor_gateway=False, redirect_spark_log=False)
    context.setLogLevel("WARN")
    hadoop = context._jsc.hadoopConfiguration()
    # _SUCCESS is written when everything is there, not when Parquet is.
    hadoop.set("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
    return SparkSession(context)


def _check(storage: Storage, job: Job) -> None:
    if not storage.is_directory(job.input):
        raise BadInput(f"input: {job.input} is not a folder that the cluster can read")
    for key, uri in (("model", job.model), ("model", job.model[: -len(".xml")] + ".bin"), ("priors", job.priors)):
        if not storage.exists(uri):
            raise BadInput(f"{key}: {uri} does not exist")
    sinks.refuse_existing(storage, job)


def _fetch_model(storage: Storage, job: Job, folder: str) -> Any:
    """(local path of the IR's .xml with its .bin beside it, priors (N, 4) float32)."""
    import numpy

    model = storage.fetch(job.model, folder)
    storage.fetch(job.model[: -len(".xml")] + ".bin", folder)
    return model, numpy.load(io.BytesIO(storage.read(job.priors)))


def _read_text(path: str) -> str:
    with open(path) as file:
        return file.read()


def _result(
    spark: Any,
    job: Job,
    files: List[InputFile],
    rows: Any,
    phases: Phases,
    precision: str,
    storage_kind: str,
    partitions: Mapping[str, int],
) -> JobResult:
    # One pass: each further query would be a job of its own.
    seen = rows.selectExpr("image", "status", "error", "host", "size(detections) as found").collect()
    if len(seen) != len(files):
        raise RuntimeError(f"{len(seen)} rows were written for {len(files)} input files")
    by_status, by_host = Counter(row.status for row in seen), Counter(row.host for row in seen if row.host)
    failures = sorted(f"{row.image}: {row.error}" for row in seen if row.status == "failed")
    return JobResult(
        engine=job.engine,
        timing=job.timing,
        phases=tuple(Phase(name, seconds) for name, seconds in phases.seconds.items()),
        counts=Counts(
            images=len(files),
            detections=sum(row.found for row in seen if row.status == "ok"),
            **{status: by_status[status] for status in STATUSES},
        ),
        arithmetic=Arithmetic(job.precision, precision, storage_kind),
        threads_per_task=job.threads_per_task,
        partitions=Partitions(**partitions),
        executors=tuple(ExecutorShare(host, images) for host, images in sorted(by_host.items())),
        versions=_versions(spark),
        deviations=bigdl_engine.DEVIATIONS,
        errors=tuple(failures[:_MAX_ERRORS]),
    )


def _versions(spark: Any) -> Dict[str, str]:
    import platform
    from importlib.metadata import version

    names = ("bigdl-orca-spark3", "openvino", "numpy", "pandas", "pyarrow", "opencv-python-headless")
    return {
        "python": platform.python_version(),
        "spark": spark.version,
        "java": spark._jvm.java.lang.System.getProperty("java.version"),
        "hadoop": spark._jvm.org.apache.hadoop.util.VersionInfo.getVersion(),
        **{name: version(name) for name in names},
    }


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Libraries register clean-up of contexts that this job does not have; it has stopped its own.
    os._exit(status)
