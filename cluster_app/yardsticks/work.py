"""The job's work as the yardsticks do it: the fused engine's own code for one image, its rows, its output file.

What differs between an engine and a yardstick is only how files come to a process and rows leave it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from cluster_app.contract.job import Job, parse_job
from cluster_app.contract.rows import SUCCESS_FILE
from cluster_app.pipeline import fused_worker
from cluster_app.pipeline.inventory import InputFile, unread
from cluster_app.pipeline.paths import hidden, local_path
from cluster_app.pipeline.rows import assemble
from cluster_app.pipeline.worker_report import Place, Tally
from cluster_app.tasks import Floats, PostprocessOptions
from cluster_app.tasks.yolact.adapter import YolactTask

OUTPUT_FILE = "part-00000.parquet"


@dataclass(frozen=True)
class Work:
    """A job file's work: what is to be read, and with what. It is small, and goes to each process."""

    job: Job
    priors: Floats

    def segment(self, paths: Sequence[str], contents: Sequence[bytes]) -> List[Dict[str, Any]]:
        """Files (file: URIs and their bytes) -> for each image, its packed row, the process and when it was done."""
        import pandas

        model = fused_worker.ModelSettings(self.job.model, self.job.precision, self.job.threads_per_task)
        options = PostprocessOptions(self.job.score_threshold, self.job.mask_threshold, self.job.top_k)
        frame = pandas.DataFrame({"path": list(paths), "content": list(contents)})
        done: List[Dict[str, Any]] = []
        for rows in fused_worker.segment(
            iter([frame]), self.job.input, model, YolactTask(), self.priors, options, _unheard
        ):
            now = time.time()
            done += [
                {"image": image, "packed": packed, "process": str(os.getpid()), "at": now}
                for image, packed in zip(rows["image"], rows["packed"])
            ]
        return done


def read_work(path: str) -> Work:
    """The work of a job file whose URIs are file: ones. Raises ContractError and OSError."""
    import numpy

    with open(path) as file:
        job = parse_job(file.read(), path)
    return Work(job, numpy.load(local_path(job.priors)))


def files_of(job: Job) -> List[InputFile]:
    """The input's files, by name."""
    root = local_path(job.input).rstrip("/")
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            image = os.path.relpath(path, root)
            if not hidden(image):
                found.append(InputFile(image, os.path.getsize(path), int(os.path.getmtime(path) * 1000)))
    return sorted(found, key=lambda one: one.image)


def to_read(job: Job, files: Sequence[InputFile]) -> List[str]:
    """URIs of the files that are read at all; the others have their rows by their size."""
    passed_over = unread(files)
    return [f"{job.input.rstrip('/')}/{file.image}" for file in files if file.image not in passed_over]


def write(job: Job, files: Sequence[InputFile], done: Sequence[Mapping[str, Any]]) -> int:
    """Writes the output's rows as the engines do, one for each file; returns how many there are."""
    from pyarrow import parquet

    packed: List[Tuple[str, bytes]] = [(row["image"], bytes(row["packed"])) for row in done]
    table = assemble(files, packed, unread(files))
    folder = local_path(job.output)
    os.makedirs(folder)
    partial = os.path.join(folder, f".{OUTPUT_FILE}")
    parquet.write_table(table, partial, use_compliant_nested_type=True)
    os.rename(partial, os.path.join(folder, OUTPUT_FILE))
    with open(os.path.join(folder, SUCCESS_FILE), "w"):
        return len(table)


def _unheard(_: Dict[Place, Tally]) -> None:
    """Tallies are for the engine's own result; a yardstick says when each image was done instead."""
