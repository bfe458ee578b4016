"""Runs in a container: the job with a task that goes wrong on purpose. Usage: faulty_job.py JOB.json FAULT.

FAULT: "crash", the Python worker dies; "kill", its executor is killed; "slow", the task hangs until another copy of it
has won. Each strikes first attempts of some partitions only, and leaves a file .FAULT-struck beside the output.
"swap": the first two images by name come back from predict with each other's results.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from pyspark import TaskContext

from cluster_app.contract.job import parse_job
from cluster_app.pipeline.main import run
from cluster_app.pipeline.paths import local_path
from cluster_app.tasks import Detection, Floats, PostprocessOptions
from cluster_app.tasks.yolact.adapter import YolactTask


def crash() -> None:
    os._exit(1)


def kill() -> None:
    """Kills the executor: the parent of the daemon that forked this worker."""
    with open(f"/proc/{os.getppid()}/stat") as file:
        os.kill(int(file.read().rsplit(")", 1)[1].split()[1]), signal.SIGKILL)
    time.sleep(60)


def slow() -> None:
    time.sleep(3600)


FAULTS: dict[str, Callable[[], None]] = {"crash": crash, "kill": kill, "slow": slow}


def swap() -> None:
    from pyspark.sql import functions as F

    from cluster_app.pipeline import bigdl_engine

    plain = bigdl_engine._predict

    def swapped(job: Any, estimator: Any, tensors: Any) -> Any:
        predictions, name = plain(job, estimator, tensors), F.col("name")
        first, second = (row.name for row in tensors.select("name").orderBy("name").limit(2).collect())
        names = F.when(name == first, second).when(name == second, first).otherwise(name)
        return predictions.withColumn("name", names)

    bigdl_engine._predict = swapped


class FaultyTask(YolactTask):
    def __init__(self, fault: Callable[[], None], struck: str) -> None:
        super().__init__()
        self._fault, self._struck = fault, struck

    def postprocess(
        self, outputs: Mapping[str, Floats], priors: Floats, height: int, width: int, options: PostprocessOptions
    ) -> list[Detection]:
        context: Any = TaskContext.get()
        if context.attemptNumber() == 0 and context.partitionId() == 2:
            with open(self._struck, "w"):
                self._fault()
        return super().postprocess(outputs, priors, height, width, options)


if __name__ == "__main__":
    with open(sys.argv[1]) as job_file:
        job = parse_job(job_file.read(), sys.argv[1])
    folder, name = os.path.dirname(local_path(job.output)), sys.argv[2]
    if name == "swap":
        swap()
    task = YolactTask() if name == "swap" else FaultyTask(FAULTS[name], f"{folder}/.{name}-struck")
    result = run(job, time.perf_counter(), lambda _: task)
    print("job-result: " + json.dumps(json.loads(result.to_json())), flush=True)
    os._exit(0)
