"""The paper's four stages (section "YOLACT OpenVINO distributed inference ... on Azure Databricks", Table 9).

1. Spark's own image reader. 2. BigDL's ChainedPreprocessing in an NNModel around an identity model, then a UDF that
turns its one-dimensional result into three dimensions. 3. Orca's Estimator.from_openvino and its predict. 4. YOLACT's
post-processing, on the executors. Deviations: docs/deviations.md.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from cluster_app.contract.job import Job
from cluster_app.pipeline.inventory import (
    InputFile,
    escape_glob,
    needs_quoting,
    partition_bytes,
    relative,
    relative_origin,
)
from cluster_app.pipeline.phases import Phases
from cluster_app.pipeline.rows import DETECTIONS_DDL, detections_json
from cluster_app.tasks import PostprocessOptions, Task

DEVIATIONS = (
    "a Reshape follows the identity model: BigDL's NNModel fails on its four-dimensional result",
    "the input of predict is kept in memory before it: predict reads it twice and pairs by position",
    "normalisation comes before the resize, which then works on floats as in YOLACT's published preprocessing",
    "images whose names need quoting in a URL are decoded by OpenCV: Spark 3.1's image reader does not find them",
    "grey images and images with alpha are turned to three channels before preprocessing",
)
# Channels and OpenCV type (CV_8UC3) of a colour image in Spark's image struct.
_COLOUR = (3, 16)
RESULT_SCHEMA = "image string, host string, error string, detections string"


@dataclass(frozen=True)
class Predicted:
    """rows: a frame of image, host, error and detections; partitions: their number after reading and in predict."""

    rows: Any
    partitions: Mapping[str, int]


def run(
    spark: Any, job: Job, task: Task, files: List[InputFile], local_model: str, priors: Any, root: str, phases: Phases
) -> Predicted:
    """Runs the stages over the files that are images. Nothing is left cached but the rows."""
    materialised = job.timing == "materialised"

    with phases.measure("read"):
        images = _read(spark, job, files, root)
        if materialised:
            images = _materialise(images)
        read_partitions = images.rdd.getNumPartitions()

    with phases.measure("preprocess"):
        tensors = _preprocess(spark, job, task, images)
        if materialised:
            tensors = _materialise(tensors)

    with phases.measure("predict"):
        if not materialised:
            # predict pairs its input with its output by position after computing the input twice: an input that is
            # not kept can come back in another order, and a row then carries another image's result.
            tensors = _materialise(tensors)
        predictions, shapes = _predict(job, task, tensors, local_model)
        predictions = _materialise(predictions)

    with phases.measure("postprocess"):
        rows = _materialise(_postprocess(spark, job, task, predictions, shapes, priors))
        predict_partitions = predictions.rdd.getNumPartitions()
        for frame in (predictions, tensors) + ((images,) if materialised else ()):
            frame.unpersist()
    return Predicted(rows, {"read": read_partitions, "predict": predict_partitions})


def _materialise(frame: Any) -> Any:
    """The frame computed in full and kept. A count would not do: it does not decode images."""
    kept = frame.persist()
    kept.write.format("noop").mode("overwrite").save()
    return kept


def _read(spark: Any, job: Job, files: List[InputFile], root: str) -> Any:
    from pyspark.sql import functions as F

    spark.conf.set("spark.sql.files.ignoreCorruptFiles", "true")
    if job.read_partitions is not None:
        # Spark's own packing, told to make that many; its cost of opening a file (4 MB) would rule over small files.
        split = partition_bytes([file.size for file in files], job.read_partitions)
        spark.conf.set("spark.sql.files.openCostInBytes", "1")
        spark.conf.set("spark.sql.files.minPartitionNum", "1")
        spark.conf.set("spark.sql.files.maxPartitionBytes", str(split))
    wanted = [file.image for file in files if file.status == "ok"]
    quoted = [name for name in wanted if needs_quoting(f"{root}/{name}")]
    names = F.udf(lambda origin: relative_origin(origin, root))
    # A file that Spark's reader cannot open is read below; one that is gone since is a row without a result.
    spark.conf.set("spark.sql.files.ignoreMissingFiles", "true")
    frame = spark.read.format("image").option("recursiveFileLookup", "true").load(escape_glob(root))
    frame = frame.select(names("image.origin").alias("name"), "image")
    frame = frame.where(F.col("name").isin([name for name in wanted if name not in quoted]))
    if quoted:
        frame = frame.union(_read_quoted(spark, quoted, root))
    # Spark's mark of an image that could not be decoded; it becomes a row without a result.
    frame = frame.where(F.col("image.height") > 0)
    if job.repartition is not None:
        frame = frame.repartition(job.repartition)
    return frame


def _read_quoted(spark: Any, names: List[str], root: str) -> Any:
    """Images whose names hold a space or the like, decoded by OpenCV into Spark's image struct.

    Spark 3.1's image reader looks for such a file under its quoted name, and does not find it.
    """
    from pyspark.sql import functions as F

    paths = [escape_glob(f"{root}/{name}") for name in names]
    frame = spark.read.format("binaryFile").load(paths)
    name, decode = F.udf(lambda path: relative(path, root)), F.udf(_decoded, _image_struct())
    return frame.select(name("path").alias("name"), decode("path", "content").alias("image"))


def _decoded(path: str, content: Any) -> Tuple[Any, ...]:
    import cv2
    import numpy

    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(numpy.frombuffer(bytes(content), numpy.uint8), flags)
    if image is None:
        return (path, -1, -1, -1, -1, bytearray())
    height, width = image.shape[:2]
    return (path, height, width, *_COLOUR, bytearray(image.tobytes()))


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
    three_channels = F.udf(_three_channels, _image_struct())
    colour = images.select("name", "image.height", "image.width", three_channels("image").alias("image"))
    flat = model.transform(colour)
    return flat.select("name", "height", "width", to_three_dimensions("flat").alias("input"))


def _nested(flat: Sequence[float], size: int) -> List[Any]:
    import numpy

    return numpy.asarray(flat, numpy.float32).reshape(3, size, size).tolist()


def _image_struct() -> Any:
    """The type of Spark's image column."""
    from pyspark.ml.image import ImageSchema

    return ImageSchema.imageSchema["image"].dataType


def _three_channels(image: Any) -> Tuple[Any, ...]:
    """(origin, height, width, channels, mode, bytes) with grey repeated and alpha dropped; Spark's bytes are BGR(A)."""
    import numpy

    if image.nChannels == 3:
        return tuple(image)
    pixels = numpy.frombuffer(image.data, numpy.uint8).reshape(image.height, image.width, image.nChannels)
    colour = pixels[:, :, :3] if image.nChannels == 4 else numpy.repeat(pixels, 3, axis=2)
    return (image.origin, image.height, image.width, *_COLOUR, bytearray(numpy.ascontiguousarray(colour).tobytes()))


def estimator_config(job: Job) -> Dict[str, str]:
    """What predict hands to OpenVINO: threads and arithmetic as asked for, and no pinning on shared cores."""
    return {
        "CPU_THREADS_NUM": str(job.threads_per_task),
        "CPU_BIND_THREAD": "NO",
        "ENFORCE_BF16": "YES" if job.precision == "bf16" else "NO",
    }


def _predict(job: Job, task: Task, tensors: Any, local_model: str) -> Tuple[Any, Dict[str, List[int]]]:
    from bigdl.orca.learn.openvino import Estimator

    estimator = Estimator.from_openvino(model_path=local_model)
    shapes = {name: [1, *shape[1:]] for name, shape in estimator.output_dict.items()}
    missing = set(task.output_names) - set(shapes)
    if missing:
        raise ValueError(f"the model has no output {', '.join(sorted(missing))}; it has: {', '.join(sorted(shapes))}")
    predictions = estimator.predict(
        tensors, feature_cols=["input"], batch_size=job.batch_size, config=estimator_config(job)
    )
    return predictions.drop("input"), shapes


def _postprocess(
    spark: Any, job: Job, task: Task, predictions: Any, shapes: Mapping[str, List[int]], priors: Any
) -> Any:
    from pyspark.sql import functions as F

    names = list(task.output_names)
    flat = predictions.select("name", "height", "width", *[_flattened(predictions, name).alias(name) for name in names])
    shared = spark.sparkContext.broadcast(priors)
    options = PostprocessOptions(job.score_threshold, job.mask_threshold, job.top_k)

    def postprocess(batches: Iterator[Any]) -> Iterator[Any]:
        import cv2
        import pandas

        cv2.setNumThreads(job.threads_per_task)
        host = socket.gethostname()
        for batch in batches:
            found = [_detect(row, task, shapes, shared.value, options) for row in batch.itertuples(index=False)]
            yield pandas.DataFrame(
                {
                    "image": batch["name"],
                    "host": host,
                    "error": [error for error, _ in found],
                    "detections": [detections for _, detections in found],
                }
            )

    rows = flat.mapInPandas(postprocess, RESULT_SCHEMA)
    return rows.withColumn("detections", F.from_json("detections", DETECTIONS_DDL))


def _detect(
    row: Any, task: Task, shapes: Mapping[str, List[int]], priors: Any, options: PostprocessOptions
) -> Tuple[Any, str]:
    """(error, detections as JSON) of one image. An image that fails has a row that says so; the job goes on."""
    import numpy

    outputs = {
        name: numpy.asarray(getattr(row, name), numpy.float32).reshape(shapes[name]) for name in task.output_names
    }
    try:
        return None, detections_json(task.postprocess(outputs, priors, row.height, row.width, options))
    except Exception as error:
        # Whatever it is, it concerns this image alone, and its row says so.
        return f"post-processing: {type(error).__name__}: {error}", "[]"


def _flattened(frame: Any, column: str) -> Any:
    """The column as one list of floats: nested lists would cross to Python element by element."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType

    expression, kind = F.col(column), frame.schema[column].dataType
    while isinstance(kind.elementType, ArrayType):
        expression, kind = F.flatten(expression), kind.elementType
    return expression
