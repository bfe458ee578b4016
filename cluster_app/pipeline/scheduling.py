"""How the fused engine's tasks share a slice: `spark.clusterbed.scheduling`, for the experiment on claim S3.

dynamic: small tasks to whichever slot is free, the engine's own way. static: one task a slot, of equal numbers of
images. barrier: the same as a barrier stage whose tasks wait for each other after each image; if one fails, all begin
again. With the last two, slices come one after the other.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Tuple

from cluster_app.contract.result import SCHEDULINGS
from cluster_app.pipeline.errors import BadInput

SETTING = "spark.clusterbed.scheduling"
DYNAMIC, STATIC, BARRIER = SCHEDULINGS

Segment = Callable[[Iterator[Any]], Iterator[Any]]


def asked(spark: Any) -> str:
    """The mode that Spark's settings ask for. Raises BadInput for one that there is not."""
    mode = str(spark.conf.get(SETTING, DYNAMIC))
    if mode not in SCHEDULINGS:
        raise BadInput(f"{SETTING} = {mode}: must be one of {', '.join(SCHEDULINGS)}; set it so, or leave it out")
    return mode


def in_step(spark: Any, files: Any, segment: Segment, columns: str, rounds: int) -> Any:
    """A barrier stage over a frame of (path, content), as a frame of `columns`; its tasks meet after each image.

    rounds: images of the largest task. A task with fewer comes to the meetings all the same: a barrier wants all.
    """

    def task(rows: Iterator[Any]) -> Iterator[Tuple[Any, ...]]:
        from pyspark import BarrierTaskContext

        context: Any = BarrierTaskContext.get()
        left = rounds
        batches = ({"path": [row.path], "content": [bytes(row.content)]} for row in rows)
        for done in segment(batches):
            yield from done.itertuples(index=False, name=None)
            context.barrier()
            left -= 1
        for _ in range(left):
            context.barrier()

    return spark.createDataFrame(files.rdd.barrier().mapPartitions(task), columns)
