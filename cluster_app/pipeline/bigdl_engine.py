"""The paper's four stages (section "YOLACT OpenVINO distributed inference ... on Azure Databricks", Table 9).

1. Spark's own image reader. 2. BigDL's ChainedPreprocessing in an NNModel around an identity model, then a UDF that
turns its one-dimensional result into three dimensions. 3. Orca's Estimator.from_openvino and its predict. 4. YOLACT's
post-processing, on the executors. Deviations: docs/deviations.md.
"""

from __future__ import annotations

import socket
from collections import Counter
from typing import Any, Dict, Iterator, List, Mapping, Sequence

from cluster_app.contract.job import Job
from cluster_app.contract.result import EngineSettings
from cluster_app.pipeline import arithmetic
from cluster_app.pipeline.bigdl_reading import image_struct, read_images, three_channels, undecodable
from cluster_app.pipeline.engine import Commit, Context, Outcome
from cluster_app.pipeline.images import OK, Inspection
from cluster_app.pipeline.inventory import InputFile, classify
from cluster_app.pipeline.rows import ImageRow, assemble, pack
from cluster_app.pipeline.slices import Slice
from cluster_app.tasks import PostprocessOptions, Task

# Images of a slice. Each slice costs its stages' starts and a compilation for each partition; all of its tensors are
# kept at once.
SLICE_IMAGES = 512
DEVIATIONS = (
    "a Reshape follows the identity model: BigDL's NNModel fails on its four-dimensional result",
    "the input of predict is kept in memory before it: predict reads it twice and pairs by position",
    "normalisation comes before the resize, which then works on floats as in YOLACT's published preprocessing",
    "images whose names need quoting in a URL are decoded by OpenCV: Spark 3.1's image reader does not find them",
    "images of 16 bits and of over 16 megapixels are decoded by OpenCV, as by the other engine",
    "grey images and images with alpha are turned to three channels before preprocessing",
)
_STAGES = ("read", "preprocess", "predict", "postprocess")


def run(context: Context, slices: List[Slice], commit: Commit) -> Outcome:
    """Takes the slices through the stages, one after the other, and commits each."""
    spark, job, phases = context.spark, context.job, context.phases
    # Over 32 paths Spark would list the files in a job of its own.
    spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", str(2**31 - 1))
    with phases.measure("inventory"):
        config = estimator_config(job)
        compiled = arithmetic.probe(spark, context.local_model, config, job.batch_size, context.slots)
        precision = arithmetic.verified(job, compiled)
    # A stage that no image came to took no time.
    for stage in _STAGES:
        phases.seconds.setdefault(stage, 0.0)
    with phases.measure("predict"):
        estimator = _estimator(context.task, context.local_model)

    partitions, done, hosts = {"read": 0, "predict": 0}, 0, Counter[str]()
    for one in slices:
        with phases.measure("inventory"):
            known = classify(spark, context.root, one.files)
        wanted = [file for file in one.files if known[file.image].status == OK]
        packed = _stages(context, estimator, one, wanted, known, partitions) if wanted else []
        lost = {file.image for file in wanted} - {row.image for row in packed}
        if lost:
            known.update(undecodable(context, known, sorted(lost)))
        with phases.measure("commit"):
            commit(one, assemble(one.files, [(row.image, bytes(row.packed)) for row in packed], known))
        done += len(one.files)
        hosts.update(row.host for row in packed)
        context.progress.update(done, hosts)

    settings = EngineSettings(
        threads=job.threads_per_task,
        streams=1,
        slice_images=job.slice_images or SLICE_IMAGES,
        images_per_task=None,
        slices_in_flight=1,
    )
    return Outcome(precision, partitions, settings, DEVIATIONS)


def _stages(
    context: Context,
    estimator: Any,
    one: Slice,
    files: List[InputFile],
    known: Mapping[str, Inspection],
    partitions: Dict[str, int],
) -> List[Any]:
    """The stages over these images of a slice: rows of image, host and packed row. Nothing stays cached.

    Adds to `partitions` how many there were.
    """
    job, task, phases = context.job, context.task, context.phases
    materialised = job.timing == "materialised"

    with phases.measure("read"):
        images = read_images(context, files, known, len(one.files))
        if materialised:
            images = _materialise(images)
        partitions["read"] += images.rdd.getNumPartitions()

    with phases.measure("preprocess"):
        tensors = _preprocess(context.spark, job, task, images)
        if materialised:
            tensors = _materialise(tensors)

    with phases.measure("predict"):
        if not materialised:
            # predict pairs its input with its output by position after computing the input twice: an input that is
            # not kept can come back in another order, and a row then carries another image's result.
            tensors = _materialise(tensors)
        predictions = _materialise(_predict(job, estimator, tensors))
        partitions["predict"] += predictions.rdd.getNumPartitions()

    with phases.measure("postprocess"):
        rows: List[Any] = _postprocess(context, predictions, _shapes(estimator), known).collect()
        for frame in (predictions, tensors) + ((images,) if materialised else ()):
            frame.unpersist()
    return rows


def _materialise(frame: Any) -> Any:
    """The frame computed in full and kept. A count would not do: it does not decode images."""
    kept = frame.persist()
    kept.write.format("noop").mode("overwrite").save()
    return kept


def _preprocess(spark: Any, job: Job, task: Task, images: Any) -> Any:
    from bigdl.dllib.feature.common import ChainedPreprocessing
    from bigdl.dllib.feature.image import (
        ImageChannelNormalize,
        ImageFeatureToTensor,
        ImageMatToTensor,
        ImageResize,
        RowToImageFeature,
    )
    from bigdl.dllib.nn.layer import Identity, Reshape, Sequential
    from bigdl.dllib.nnframes import NNModel
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, FloatType

    size = job.image_size
    chain = ChainedPreprocessing(
        [
            RowToImageFeature(),
            # Before the resize, so that it works on floats, as in YOLACT's published preprocessing.
            ImageChannelNormalize(*task.mean, *task.std),
            ImageResize(size, size),
            ImageMatToTensor(to_RGB=True),
            ImageFeatureToTensor(),
        ]
    )
    identity = Sequential().add(Identity()).add(Reshape([3 * size * size], batch_mode=True))
    model = NNModel(identity, chain).setFeaturesCol("image").setPredictionCol("flat")
    # NNModel's batch is one over the whole cluster.
    model.setBatchSize(job.batch_size * spark.sparkContext.defaultParallelism)

    to_three_dimensions = F.udf(lambda flat: _nested(flat, size), ArrayType(ArrayType(ArrayType(FloatType()))))
    colours = F.udf(three_channels, image_struct())
    colour = images.select("name", colours("image").alias("image"))
    flat = model.transform(colour)
    return flat.select("name", to_three_dimensions("flat").alias("input"))


def _nested(flat: Sequence[float], size: int) -> List[Any]:
    import numpy

    return numpy.asarray(flat, numpy.float32).reshape(3, size, size).tolist()


def estimator_config(job: Job) -> Dict[str, str]:
    """What predict hands to OpenVINO: threads and arithmetic as asked for, and no pinning on shared cores."""
    return {
        "CPU_THREADS_NUM": str(job.threads_per_task),
        "CPU_BIND_THREAD": "NO",
        "ENFORCE_BF16": "YES" if job.precision == "bf16" else "NO",
    }


def _estimator(task: Task, local_model: str) -> Any:
    from bigdl.orca.learn.openvino import Estimator

    estimator = Estimator.from_openvino(model_path=local_model)
    missing = set(task.output_names) - set(estimator.output_dict)
    if missing:
        has = ", ".join(sorted(estimator.output_dict))
        raise ValueError(f"the model has no output {', '.join(sorted(missing))}; it has: {has}")
    return estimator


def _shapes(estimator: Any) -> Dict[str, List[int]]:
    """Shapes of the model's outputs for one image, by name."""
    return {name: [1, *shape[1:]] for name, shape in estimator.output_dict.items()}


def _predict(job: Job, estimator: Any, tensors: Any) -> Any:
    predictions = estimator.predict(
        tensors, feature_cols=["input"], batch_size=job.batch_size, config=estimator_config(job)
    )
    return predictions.drop("input")


def _postprocess(
    context: Context, predictions: Any, shapes: Mapping[str, List[int]], known: Mapping[str, Inspection]
) -> Any:
    job, task = context.job, context.task
    names = list(task.output_names)
    flat = predictions.select("name", *[_flattened(predictions, name).alias(name) for name in names])
    shared = context.spark.sparkContext.broadcast(context.priors)
    options = PostprocessOptions(job.score_threshold, job.mask_threshold, job.top_k)

    def postprocess(batches: Iterator[Any]) -> Iterator[Any]:
        import cv2
        import pandas

        cv2.setNumThreads(job.threads_per_task)
        host = socket.gethostname()
        for batch in batches:
            ones = batch.itertuples(index=False)
            rows = [_row(one, known[one.name], task, shapes, shared.value, options, host) for one in ones]
            packed = [pack(row) for row in rows]
            yield pandas.DataFrame({"image": batch["name"], "host": host, "packed": packed})

    return flat.mapInPandas(postprocess, "image string, host string, packed binary")


def _row(
    row: Any,
    seen: Inspection,
    task: Task,
    shapes: Mapping[str, List[int]],
    priors: Any,
    options: PostprocessOptions,
    host: str,
) -> ImageRow:
    """The row of one image. An image that fails has a row that says so; the job goes on."""
    import numpy

    outputs = {
        name: numpy.asarray(getattr(row, name), numpy.float32).reshape(shapes[name]) for name in task.output_names
    }
    height, width = seen.height or 0, seen.width or 0
    try:
        found = task.postprocess(outputs, priors, height, width, options)
    except Exception as error:
        # Whatever it is, it concerns this image alone, and its row says so.
        return ImageRow(row.name, width, height, "failed", f"post-processing: {type(error).__name__}: {error}", host)
    return ImageRow(row.name, width, height, OK, None, host, found)


def _flattened(frame: Any, column: str) -> Any:
    """The column as one list of floats: nested lists would cross to Python element by element."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType

    expression, kind = F.col(column), frame.schema[column].dataType
    while isinstance(kind.elementType, ArrayType):
        expression, kind = F.flatten(expression), kind.elementType
    return expression
