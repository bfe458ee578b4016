"""The paper's stage 4: YOLACT's post-processing of what predict returned, on the executors or on the driver."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any, Iterator, List, Mapping, Optional, Tuple

from cluster_app.pipeline import fingerprint
from cluster_app.pipeline.engine import Context
from cluster_app.pipeline.images import OK, Inspection
from cluster_app.pipeline.rows import ImageRow, pack
from cluster_app.tasks import Floats, PostprocessOptions, Task

_COLUMNS = "image string, host string, packed binary, fingerprint binary"


@dataclass(frozen=True)
class Finished:
    """An image's packed row, the host that post-processed it, and the fingerprint that came with its outputs."""

    image: str
    host: str
    packed: bytes
    fingerprint: bytes


@dataclass(frozen=True)
class Finisher:
    """All that an image's outputs need to become a row. shapes: of the model's outputs for one image, by name."""

    task: Task
    priors: Floats
    options: PostprocessOptions
    shapes: Mapping[str, List[int]]

    def row(self, outputs: Mapping[str, Any], image: str, seen: Inspection, host: str) -> ImageRow:
        """outputs: flat floats by name. An image that fails has a row that says so; the job goes on."""
        import numpy

        shaped = {
            name: numpy.asarray(outputs[name], numpy.float32).reshape(self.shapes[name])
            for name in self.task.output_names
        }
        height, width = seen.height or 0, seen.width or 0
        try:
            found = self.task.postprocess(shaped, self.priors, height, width, self.options)
        except Exception as error:
            # Whatever it is, it concerns this image alone, and its row says so.
            return ImageRow(image, width, height, "failed", f"post-processing: {type(error).__name__}: {error}", host)
        return ImageRow(image, width, height, OK, None, host, found)


def rows_of(
    context: Context, predictions: Any, shapes: Mapping[str, List[int]], known: Mapping[str, Inspection]
) -> List[Finished]:
    """The rows of predict's results, each with its fingerprint where the model gives one."""
    job = context.job
    names = [*context.task.output_names, *([fingerprint.OUTPUT] if job.verify else [])]
    flat = predictions.select("name", *[_flattened(predictions, name).alias(name) for name in names])
    options = PostprocessOptions(job.score_threshold, job.mask_threshold, job.top_k)
    finisher = Finisher(context.task, context.priors, options, shapes)
    if job.post_processing == "driver":
        return list(_on_the_driver(context, flat, names, finisher, known))
    return _on_the_executors(context, flat, finisher, known)


def _on_the_executors(
    context: Context, flat: Any, finisher: Finisher, known: Mapping[str, Inspection]
) -> List[Finished]:
    shared, threads = context.spark.sparkContext.broadcast(finisher), context.job.threads_per_task

    def postprocess(batches: Iterator[Any]) -> Iterator[Any]:
        import cv2
        import pandas

        cv2.setNumThreads(threads)
        host = socket.gethostname()
        for batch in batches:
            columns = list(batch.columns)
            made = []
            for one in batch.itertuples(index=False, name=None):
                outputs = dict(zip(columns, one))
                image = outputs["name"]
                packed = pack(shared.value.row(outputs, image, known[image], host))
                made.append((image, host, packed, _fingerprint_of(outputs)))
            yield pandas.DataFrame(made, columns=["image", "host", "packed", "fingerprint"])

    found = flat.mapInPandas(postprocess, _COLUMNS).collect()
    return [Finished(row.image, row.host, bytes(row.packed), bytes(row.fingerprint)) for row in found]


def _on_the_driver(
    context: Context, flat: Any, names: List[str], finisher: Finisher, known: Mapping[str, Inspection]
) -> Iterator[Finished]:
    """The tensors come to the driver a partition at a time, each as its bytes; host is the node that they come from."""
    import cv2
    import numpy

    def packed(batches: Iterator[Any]) -> Iterator[Any]:
        import pandas

        host = socket.gethostname()
        for batch in batches:
            tensors = {name: [numpy.asarray(one, numpy.float32).tobytes() for one in batch[name]] for name in names}
            yield pandas.DataFrame({"image": batch["name"], "host": host, **tensors})

    cv2.setNumThreads(context.job.threads_per_task)
    columns = "image string, host string, " + ", ".join(f"{name} binary" for name in names)
    for row in flat.mapInPandas(packed, columns).toLocalIterator():
        outputs = {name: numpy.frombuffer(row[name], numpy.float32) for name in names}
        made = finisher.row(outputs, row.image, known[row.image], row.host)
        yield Finished(row.image, row.host, pack(made), _fingerprint_of(outputs))


def _fingerprint_of(outputs: Mapping[str, Any]) -> bytes:
    import numpy

    found: Optional[Any] = outputs.get(fingerprint.OUTPUT)
    return b"" if found is None else numpy.asarray(found, numpy.float32).tobytes()


def fingerprints(finished: List[Finished]) -> List[Tuple[str, bytes]]:
    """(image, fingerprint) of each row."""
    return [(one.image, one.fingerprint) for one in finished]


def _flattened(frame: Any, column: str) -> Any:
    """The column as one list of floats: nested lists would cross to Python element by element."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType

    expression, kind = F.col(column), frame.schema[column].dataType
    while isinstance(kind.elementType, ArrayType):
        expression, kind = F.flatten(expression), kind.elementType
    return expression
