"""What a job leaves behind: rows as Parquet, pictures, the result, and _SUCCESS last of all.

Everything is written beside the output and moved there when complete: an output folder is whole or absent. A slice
of the input is one file of rows, which is there when it is whole.
"""

from __future__ import annotations

import os
import posixpath
from typing import Any, Iterator, List, Mapping
from urllib.parse import quote

from cluster_app.contract.job import Job
from cluster_app.contract.result import JobResult
from cluster_app.contract.rows import RESULT_FILE, SUCCESS_FILE
from cluster_app.pipeline.decoding import decode
from cluster_app.pipeline.errors import BadInput
from cluster_app.pipeline.slices import Slice, committed
from cluster_app.pipeline.storage import Storage
from cluster_app.tasks import Detection, Task


def partial_of(output: str) -> str:
    """Where an output is prepared: a hidden sibling, so that moving it is a rename."""
    folder, name = posixpath.split(output.rstrip("/"))
    return posixpath.join(folder, f".{name}.partial")


def refuse_existing(storage: Storage, job: Job) -> None:
    """Raises BadInput unless the output may be written."""
    if job.if_exists != "replace" and storage.names(job.output):
        raise BadInput(f'output: {job.output} exists and is not empty; give another URI, or set if_exists to "replace"')


def is_complete(storage: Storage, job: Job, slices: List[Slice]) -> bool:
    """Whether a job to resume has nothing left to do: the output is there, of these slices, made in this way."""
    names = storage.names(job.output)
    return job.if_exists == "resume" and SUCCESS_FILE in names and len(committed(names, slices)) == len(slices)


def begin(storage: Storage, job: Job, slices: List[Slice]) -> List[Slice]:
    """Prepares the place of the output; returns the slices that are not committed yet.

    Raises BadInput for what an ended job has left, unless `if_exists` says what to do with it.
    """
    refuse_existing(storage, job)
    partial = partial_of(job.output)
    names = storage.names(partial)
    if job.if_exists == "fail" and names:
        raise BadInput(
            f"output: {partial} holds what a job had finished when it was ended, or is being written by one that runs; "
            'if none runs, set if_exists to "resume" to go on with it, or to "replace" to begin again'
        )
    done = committed(names, slices) if job.if_exists == "resume" else set()
    kept = {one.file_name for one in slices if one.number in done}
    for name in names:
        if name not in kept:
            storage.delete(f"{partial}/{name}")
    return [one for one in slices if one.number not in done]


def abandon(storage: Storage, job: Job) -> None:
    """Removes what a job had finished when it failed, unless it is to be resumed."""
    if job.if_exists != "resume":
        storage.delete(partial_of(job.output))


def commit_slice(storage: Storage, folder: str, job: Job, one: Slice, rows: Any) -> None:
    """Writes a slice's rows (a pyarrow Table); once the file has its name, the slice is not done again.

    folder: a local one, for the file on its way.
    """
    from pyarrow import parquet

    partial, local = partial_of(job.output), os.path.join(folder, one.file_name)
    parquet.write_table(rows, local, use_compliant_nested_type=True)
    storage.put(local, f"{partial}/.{one.file_name}")
    storage.rename(f"{partial}/.{one.file_name}", f"{partial}/{one.file_name}")
    os.remove(local)


def read_slices(storage: Storage, folder: str, job: Job, slices: List[Slice]) -> Iterator[Any]:
    """The rows of each slice as they were written, as a pyarrow Table. folder: a local one, for copies."""
    from pyarrow import parquet

    for one in slices:
        local = storage.fetch(f"{partial_of(job.output)}/{one.file_name}", folder)
        yield parquet.read_table(local)
        os.remove(local)


def draw_overlay(storage: Storage, root: str, job: Job, task: Task, row: Mapping[str, Any]) -> None:
    """Writes the picture of an image with its detections, `row` as in the output."""
    import cv2

    image: Any = decode(storage.read(f"{root}/{row['image']}"))
    detections = [
        Detection(found["category_id"], found["score"], tuple(found["bbox"]), found["segmentation"])
        for found in row["detections"]
    ]
    done, png = cv2.imencode(".png", task.draw(image, detections))
    if not done:
        raise OSError(f"{row['image']}: the overlay could not be encoded as PNG")
    storage.write(f"{partial_of(job.output)}/overlays/{quote(row['image'], safe='')}.png", png.tobytes())


def finish(storage: Storage, job: Job, result: JobResult) -> None:
    """Writes result and _SUCCESS into the prepared folder and moves it to the output."""
    partial = partial_of(job.output)
    storage.write(f"{partial}/{RESULT_FILE}", result.to_json().encode())
    storage.write(f"{partial}/{SUCCESS_FILE}", b"")
    # Again: another job may have written there meanwhile, and a rename onto a folder would move into it.
    refuse_existing(storage, job)
    storage.delete(job.output)
    storage.rename(partial, job.output)
