"""The paper's four stages (section "YOLACT OpenVINO distributed inference ... on Azure Databricks", Table 9).

1. Spark's own image reader. 2. BigDL's ChainedPreprocessing in an NNModel around an identity model, then a UDF that
turns its one-dimensional result into three dimensions. 3. Orca's Estimator.from_openvino and its predict. 4. YOLACT's
post-processing, on the executors. Deviations: docs/deviations.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence

from cluster_app.contract.job import Job
from cluster_app.contract.result import EngineSettings
from cluster_app.pipeline import arithmetic, bigdl_meter, bigdl_postprocess, fingerprint, variant
from cluster_app.pipeline.bigdl_postprocess import Finished
from cluster_app.pipeline.bigdl_reading import contents, image_struct, read_images, three_channels, undecodable
from cluster_app.pipeline.engine import Commit, Context, Outcome
from cluster_app.pipeline.errors import BadInput
from cluster_app.pipeline.images import OK, Inspection
from cluster_app.pipeline.inventory import InputFile, classify
from cluster_app.pipeline.rows import assemble
from cluster_app.pipeline.slices import Slice
from cluster_app.pipeline.worker_report import Tallies, by_host
from cluster_app.tasks import Task

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


@dataclass(frozen=True)
class Model:
    """The model as predict has it. path: of its IR on the driver; shapes: of its outputs for one image, by name."""

    path: str
    estimator: Any
    shapes: Mapping[str, List[int]]


@dataclass(frozen=True)
class Counted:
    """What is counted on the workers, in Spark's accumulators: preprocessed images, and predict's tallies."""

    preprocessed: Any
    tallies: Any


def run(context: Context, slices: List[Slice], commit: Commit) -> Outcome:
    """Takes the slices through the stages, one after the other, and commits each.

    Raises BadInput for a model that predict cannot take, ArithmeticError if it computes otherwise than asked for,
    WrongRows if a row that is verified carries another image's result.
    """
    spark, job, phases = context.spark, context.job, context.phases
    # Over 32 paths Spark would list the files in a job of its own.
    spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", str(2**31 - 1))
    counted = Counted(spark.sparkContext.accumulator(0), spark.sparkContext.accumulator({}, Tallies()))
    with phases.measure("inventory"):
        path = _prepared(context)
        compiled = arithmetic.probe(spark, path, estimator_config(job), job.batch_size, context.slots)
        precision = arithmetic.verified(job, compiled)
    # A stage that no image came to took no time.
    for stage in _STAGES:
        phases.seconds.setdefault(stage, 0.0)
    with phases.measure("predict"):
        model = _model(context.task, path)

    partitions, done, verified, hosts = {"read": 0, "predict": 0}, 0, 0, Counter[str]()
    for one in slices:
        with phases.measure("inventory"):
            known = classify(spark, context.root, one.files)
            if job.reader == "nnimagereader":
                # It ends the job at the first image that it cannot decode, so these are found before.
                good = [image for image, seen in known.items() if seen.status == OK]
                known.update(undecodable(context, known, good))
            wanted = [file for file in one.files if known[file.image].status == OK]
            owed = _owed(context, wanted, known) if job.verify else {}
        finished = _stages(context, model, one, wanted, known, partitions, counted) if wanted else []
        if job.verify:
            verified += fingerprint.check(bigdl_postprocess.fingerprints(finished), owed)
        lost = {file.image for file in wanted} - {row.image for row in finished}
        if lost:
            known.update(undecodable(context, known, sorted(lost)))
        with phases.measure("commit"):
            commit(one, assemble(one.files, [(row.image, row.packed) for row in finished], known))
        done += len(one.files)
        hosts.update(row.host for row in finished)
        context.progress.update(done, hosts)

    tallies = counted.tallies.value
    # What predict compiled is held against what was asked for as well, not only what was tried before.
    arithmetic.verified(job, compiled + [one for tally in tallies.values() for one in tally.compiled])
    settings = EngineSettings(
        threads=job.threads_per_task,
        streams=1,
        slice_images=job.slice_images or SLICE_IMAGES,
        images_per_task=None,
        slices_in_flight=1,
    )
    return Outcome(
        precision,
        partitions,
        settings,
        DEVIATIONS,
        workers=by_host(tallies),
        preprocessed=counted.preprocessed.value,
        verified=verified if job.verify else None,
    )


def _prepared(context: Context) -> str:
    try:
        return variant.prepared(context.local_model, context.job)
    except ValueError as error:
        raise BadInput(f"model: {context.job.model}: {error}") from None


def _owed(context: Context, files: List[InputFile], known: Mapping[str, Inspection]) -> Dict[str, bytes]:
    """The fingerprint of each image, from its file, by the job's own decoding and the task's own preprocessing."""
    names = [file.image for file in files]
    if not names:
        return {}
    seen = {name: known[name] for name in names}
    return fingerprint.expected_of(contents(context, names), seen, context.task, context.job.image_size)


def _stages(
    context: Context,
    model: Model,
    one: Slice,
    files: List[InputFile],
    known: Mapping[str, Inspection],
    partitions: Dict[str, int],
    counted: Counted,
) -> List[Finished]:
    """The stages over these images of a slice. Nothing stays cached. Adds to `partitions` how many there were."""
    job, task, phases = context.job, context.task, context.phases
    materialised = job.timing == "materialised"

    with phases.measure("read"):
        images = read_images(context, files, known, len(one.files))
        if materialised:
            images = _materialise(images)
        partitions["read"] += images.rdd.getNumPartitions()

    with phases.measure("preprocess"):
        tensors = _preprocess(context.spark, job, task, images, counted.preprocessed)
        if materialised:
            tensors = _materialise(tensors)

    with phases.measure("predict"), bigdl_meter.installed(counted.tallies.add):
        if not materialised:
            # predict pairs its input with its output by position after computing the input twice: an input that is
            # not kept can come back in another order, and a row then carries another image's result.
            tensors = _materialise(tensors)
        predictions = _materialise(_predict(job, model.estimator, tensors))
        partitions["predict"] += predictions.rdd.getNumPartitions()

    with phases.measure("postprocess"):
        finished = bigdl_postprocess.rows_of(context, predictions, model.shapes, known)
        for frame in (predictions, tensors) + ((images,) if materialised else ()):
            frame.unpersist()
    return finished


def _materialise(frame: Any) -> Any:
    """The frame computed in full and kept. A count would not do: it does not decode images."""
    kept = frame.persist()
    kept.write.format("noop").mode("overwrite").save()
    return kept


def _preprocess(spark: Any, job: Job, task: Task, images: Any, counter: Any) -> Any:
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

    def three_dimensions(flat: Sequence[float]) -> List[Any]:
        counter.add(1)
        return _nested(flat, size)

    to_three_dimensions = F.udf(three_dimensions, ArrayType(ArrayType(ArrayType(FloatType()))))
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
        # BigDL's own choice is to pin; processes that share cores under a quota fight for them then.
        "CPU_BIND_THREAD": "HYBRID_AWARE" if job.pin_threads else "NO",
        "ENFORCE_BF16": "YES" if job.precision == "bf16" else "NO",
    }


def _model(task: Task, path: str) -> Model:
    from bigdl.orca.learn.openvino import Estimator

    estimator = Estimator.from_openvino(model_path=path)
    missing = set(task.output_names) - set(estimator.output_dict)
    if missing:
        has = ", ".join(sorted(estimator.output_dict))
        raise BadInput(f"model: it has no output {', '.join(sorted(missing))}; it has: {has}")
    shapes = {name: [1, *shape[1:]] for name, shape in estimator.output_dict.items()}
    return Model(path, estimator, shapes)


def _predict(job: Job, estimator: Any, tensors: Any) -> Any:
    predictions = estimator.predict(
        tensors, feature_cols=["input"], batch_size=job.batch_size, config=estimator_config(job)
    )
    return predictions.drop("input")
