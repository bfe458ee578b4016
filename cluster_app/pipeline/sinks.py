"""What a job leaves behind: rows as Parquet, pictures, the result, and _SUCCESS last of all.

Everything is written beside the output and moved there when complete: an output folder is whole or absent.
"""

from __future__ import annotations

import posixpath
from typing import Any, List
from urllib.parse import quote

from cluster_app.contract.job import Job
from cluster_app.contract.result import JobResult
from cluster_app.contract.rows import RESULT_FILE, SUCCESS_FILE
from cluster_app.pipeline.errors import BadInput
from cluster_app.pipeline.storage import Storage
from cluster_app.tasks import Detection, Task


def partial_of(output: str) -> str:
    """Where an output is prepared: a hidden sibling, so that moving it is a rename."""
    folder, name = posixpath.split(output.rstrip("/"))
    return posixpath.join(folder, f".{name}.partial")


def refuse_existing(storage: Storage, job: Job) -> None:
    """Raises BadInput unless the output may be written."""
    if job.if_exists == "fail" and storage.names(job.output):
        raise BadInput(f'output: {job.output} exists and is not empty; give another URI, or set if_exists to "replace"')


def write_rows(rows: Any, folder: str) -> None:
    """The rows as Parquet, ordered by image, in one file for each partition that has any."""
    rows.write.mode("overwrite").parquet(folder)


def draw_overlays(storage: Storage, rows: Any, root: str, folder: str, job: Job, task: Task) -> List[str]:
    """Pictures of the first `overlays` images, by name, that have a detection; returns their paths in the output."""
    import cv2
    import numpy

    drawn = []
    chosen = rows.where("status = 'ok' and size(detections) > 0").orderBy("image").limit(job.overlays).collect()
    for row in chosen:
        data = numpy.frombuffer(storage.read(f"{root}/{row.image}"), numpy.uint8)
        image: Any = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        detections = [
            Detection(found.category_id, found.score, tuple(found.bbox), found.segmentation.asDict())
            for found in row.detections
        ]
        done, png = cv2.imencode(".png", task.draw(image, detections))
        if not done:
            raise OSError(f"{row.image}: the overlay could not be encoded as PNG")
        name = f"overlays/{quote(row.image, safe='')}.png"
        storage.write(f"{folder}/{name}", png.tobytes())
        drawn.append(name)
    return drawn


def commit(storage: Storage, job: Job, folder: str, result: JobResult) -> None:
    """Writes result and _SUCCESS into the prepared folder and moves it to the output."""
    storage.write(f"{folder}/{RESULT_FILE}", result.to_json().encode())
    storage.write(f"{folder}/{SUCCESS_FILE}", b"")
    # Again: another job may have written there meanwhile, and a rename onto a folder would move into it.
    refuse_existing(storage, job)
    storage.delete(job.output)
    storage.rename(folder, job.output)
