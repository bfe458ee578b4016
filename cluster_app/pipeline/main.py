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
from typing import Any, Callable, Dict, List

from cluster_app.contract.checks import ContractError
from cluster_app.contract.job import Job, parse_job
from cluster_app.contract.result import JobResult, parse_result
from cluster_app.contract.rows import RESULT_FILE
from cluster_app.pipeline import arithmetic, bigdl_engine, fused_engine, sinks, summary
from cluster_app.pipeline.engine import Context
from cluster_app.pipeline.errors import BadInput, cause
from cluster_app.pipeline.inventory import list_input
from cluster_app.pipeline.phases import Phases
from cluster_app.pipeline.progress import Progress
from cluster_app.pipeline.session import open_session
from cluster_app.pipeline.slices import cut, identity
from cluster_app.pipeline.storage import Storage
from cluster_app.tasks import Task
from cluster_app.tasks.yolact.adapter import YolactTask
from cluster_app.tasks.yolact.categories import names_in_ir

_ENGINES: Dict[str, Any] = {"bigdl": bigdl_engine, "fused": fused_engine}


def main(arguments: List[str]) -> int:
    if len(arguments) != 1:
        print("usage: main.py JOB.json", file=sys.stderr)
        return 2
    begin = time.perf_counter()
    try:
        with open(arguments[0]) as file:
            job = parse_job(file.read(), arguments[0])
        result = run(job, begin, _yolact)
    except (ContractError, BadInput) as error:
        for line in str(error).splitlines():
            print(f"job: refused: {line}", file=sys.stderr)
        return 2
    except Exception as error:
        # The driver's log keeps the whole story; its last line says it in one.
        traceback.print_exc()
        print(f"job: failed: {type(error).__name__}: {cause(str(error))}", file=sys.stderr)
        return 1
    print("job-result: " + json.dumps(json.loads(result.to_json())), flush=True)
    return 1 if result.counts.failed else 0


def _yolact(ir_xml: str) -> YolactTask:
    """The task with the classes' names that the model keeps."""
    return YolactTask(names=names_in_ir(ir_xml))


def run(job: Job, begin: float, task_of: Callable[[str], Task]) -> JobResult:
    """The whole pipeline.

    begin: when the process started, on time.perf_counter's clock. task_of: gives the task of a model, from the text of
    its IR's .xml.
    """
    phases = Phases()
    with phases.measure("start"):
        spark = open_session(job.engine)
        storage, slots = Storage(spark), _slots(spark)
        # Names the phase in Spark's pages and in its event log.
        phases.announce = spark.sparkContext.setJobDescription

    with tempfile.TemporaryDirectory() as folder:
        with phases.measure("inventory"):
            _check(storage, job)
            root = storage.qualified(job.input)
            files = list_input(spark, root)
            if not files:
                raise BadInput(f"input: {job.input} holds no file")
            engine = _ENGINES[job.engine]
            slices = cut(files, job.slice_images or engine.SLICE_IMAGES, identity(job, _stamps(storage, job)))
            if sinks.is_complete(storage, job, slices):
                return _finished_before(storage, job)
            local_model, priors = _fetch_model(storage, job, folder)
            ir_xml = _read_text(local_model)
            storage_kind, task = arithmetic.storage_of(ir_xml), task_of(ir_xml)
            left = sinks.begin(storage, job, slices)
        try:
            progress = Progress.of(slices, left)
            context = Context(spark, job, task, root, priors, local_model, len(files), slots, phases, progress)
            outcome = engine.run(context, left, lambda one, rows: sinks.commit_slice(storage, folder, job, one, rows))

            with phases.measure("commit"):
                written = summary.read(zip(slices, sinks.read_slices(storage, folder, job, slices)), job.overlays)
                for row in written.to_draw:
                    sinks.draw_overlay(storage, root, job, task, row)
            # All that is left is writing this result and one rename.
            phases.seconds["total"] = time.perf_counter() - begin
            result = summary.result(spark, job, written, outcome, storage_kind, phases, (len(slices), len(left)))
            sinks.finish(storage, job, result)
        except Exception:
            sinks.abandon(storage, job)
            raise
    spark.stop()
    return result


def _slots(spark: Any) -> int:
    """How many tasks run at once: all cores, each task holding as many as it uses threads."""
    cores = int(spark.sparkContext.defaultParallelism)
    return max(1, cores // int(spark.conf.get("spark.task.cpus", "1")))


def _model_files(job: Job) -> Dict[str, str]:
    return {"model": job.model, "weights": job.model[: -len(".xml")] + ".bin", "priors": job.priors}


def _check(storage: Storage, job: Job) -> None:
    if not storage.is_directory(job.input):
        raise BadInput(f"input: {job.input} is not a folder that the cluster can read")
    for name, uri in _model_files(job).items():
        if not storage.exists(uri):
            raise BadInput(f"{'model' if name == 'weights' else name}: {uri} does not exist")


def _stamps(storage: Storage, job: Job) -> Dict[str, Any]:
    return {name: storage.stamp(uri) for name, uri in _model_files(job).items()}


def _fetch_model(storage: Storage, job: Job, folder: str) -> Any:
    """(local path of the IR's .xml with its .bin beside it, priors (N, 4) float32)."""
    import numpy

    files = _model_files(job)
    model = storage.fetch(files["model"], folder)
    storage.fetch(files["weights"], folder)
    return model, numpy.load(io.BytesIO(storage.read(files["priors"])))


def _finished_before(storage: Storage, job: Job) -> JobResult:
    """The result of the job that made this output, which has nothing left to do."""
    print(f"job: {job.output} is complete: nothing is left to do", file=sys.stderr, flush=True)
    where = f"{job.output}/{RESULT_FILE}"
    return parse_result(storage.read(where).decode(), where)


def _read_text(path: str) -> str:
    with open(path) as file:
        return file.read()


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Libraries register clean-up of contexts that this job does not have; it has stopped its own.
    os._exit(status)
