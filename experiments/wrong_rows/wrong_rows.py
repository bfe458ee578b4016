"""When does the predict of BigDL's OpenVINO Estimator give rows the results of other rows? A program by itself.

    spark-submit --properties-file BIGDL/share/dllib/conf/spark-bigdl.conf --conf spark.cores.max=N ... wrong_rows.py

It needs Spark 3.1, bigdl-orca-spark3 2.4.0 with its jars on both class paths, and openvino 2023.3; nothing of this
project. Each row holds its own number, the model returns its input, and so each result must hold its row's number. The
rows reach predict in several ways, each tried several times. The last line on stdout is the JSON of what came out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple

# Spark's image struct: OpenCV's type of three channels of 8 bits.
COLOUR = 16
# The third channel of a picture. No row has 255 in the other two, so no picture looks like a number all over.
LAST = 255
# Wrong rows of a way that the result names, each with the row whose result it got.
EXAMPLES = 20
SETTINGS = {"CPU_THREADS_NUM": "1", "CPU_BIND_THREAD": "NO", "ENFORCE_BF16": "NO"}


class Way(NamedTuple):
    """A way in which rows reach predict. frame: from session and arguments to a frame of `number` and `input`."""

    name: str
    what: str
    frame: Callable[[Any, argparse.Namespace], Any]


def numbers(spark: Any, given: argparse.Namespace) -> Any:
    """Rows of `number` and `input`, made as they are asked for, always in the same order."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, FloatType

    size = 3 * given.side * given.side
    repeated = F.udf(lambda number: [float(number)] * size, ArrayType(FloatType()))
    frame = spark.range(0, given.rows, 1, given.partitions).withColumnRenamed("id", "number")
    return frame.select("number", repeated("number").alias("input"))


def shuffled(spark: Any, given: argparse.Namespace) -> Any:
    """The same after a repartition: the order within a partition is that in which other executors' blocks arrive."""
    return numbers(spark, given).repartition(given.partitions)


def ordered(spark: Any, given: argparse.Namespace) -> Any:
    """The same, sorted in each partition."""
    return shuffled(spark, given).sortWithinPartitions("number")


def from_rows(spark: Any, given: argparse.Namespace) -> Any:
    """The same rows, unshuffled, through the JVM's createDataFrame(RDD of rows): what BigDL's NNModel ends with."""
    from pyspark.sql import DataFrame

    frame = numbers(spark, given)
    return DataFrame(spark._jsparkSession.createDataFrame(frame._jdf.toJavaRDD(), frame._jdf.schema()), frame.sql_ctx)


def kept(frame: Any) -> Any:
    """The frame, computed in full and kept before anything else asks for it."""
    frame = frame.persist()
    frame.write.format("noop").mode("overwrite").save()
    return frame


def pictures(spark: Any, given: argparse.Namespace, batch: int, share_buffer: bool) -> Any:
    """Rows whose input went through BigDL's image preprocessing in an NNModel, which takes `batch` images at once."""
    from bigdl.dllib.feature.common import ChainedPreprocessing
    from bigdl.dllib.feature.image import ImageFeatureToTensor, ImageMatToTensor, ImageResize, RowToImageFeature
    from bigdl.dllib.nn.layer import Identity, Reshape, Sequential
    from bigdl.dllib.nnframes import NNModel
    from pyspark.ml.image import ImageSchema
    from pyspark.sql import functions as F

    side, colour = given.side, COLOUR

    def picture(number: int) -> Any:
        # The number is the colour, in two channels of 256 values.
        pixels = bytearray([number % 256, number // 256, LAST]) * (side * side * 4)
        return (str(number), side * 2, side * 2, 3, colour, pixels)

    image = F.udf(picture, ImageSchema.imageSchema["image"].dataType)
    chain = ChainedPreprocessing(
        [
            RowToImageFeature(),
            ImageResize(side, side),
            ImageMatToTensor(share_buffer=share_buffer),
            ImageFeatureToTensor(),
        ]
    )
    identity = Sequential().add(Identity()).add(Reshape([3 * side * side], batch_mode=True))
    model = NNModel(identity, chain).setFeaturesCol("image").setPredictionCol("input")
    model.setBatchSize(batch * spark.sparkContext.defaultParallelism)
    frame = spark.range(0, given.rows, 1, given.partitions).withColumnRenamed("id", "number")
    return model.transform(frame.select("number", image("number").alias("image"))).select("number", "input")


WAYS = (
    Way("made", "made as they are asked for, in a fixed order, not kept", numbers),
    Way("repartitioned", "after repartition(), not kept", shuffled),
    Way("repartitioned-sorted", "after repartition() and a sort in each partition, not kept", ordered),
    Way(
        "repartitioned-cached",
        "after repartition(), marked by cache(), first computed by predict",
        lambda s, g: shuffled(s, g).cache(),
    ),
    Way(
        "repartitioned-kept", "after repartition(), computed and kept before predict", lambda s, g: kept(shuffled(s, g))
    ),
    Way("from-rows", "made in a fixed order, through createDataFrame(RDD of rows), not kept", from_rows),
    Way("from-rows-kept", "the same, computed and kept before predict", lambda s, g: kept(from_rows(s, g))),
    Way(
        "preprocessed", "after BigDL's image preprocessing, one at once, not kept", lambda s, g: pictures(s, g, 1, True)
    ),
    Way("preprocessed-own", "the same, each image with a buffer of its own", lambda s, g: pictures(s, g, 1, False)),
    Way(
        "preprocessed-four",
        "after BigDL's image preprocessing, four at once, kept",
        lambda s, g: kept(pictures(s, g, 4, True)),
    ),
    Way(
        "preprocessed-kept",
        "after BigDL's image preprocessing, one at once, kept",
        lambda s, g: kept(pictures(s, g, 1, True)),
    ),
)


def write_model(folder: str, size: int) -> str:
    """Writes an IR that returns its input, `size` floats; the path of its .xml."""
    import numpy
    import openvino as ov
    from openvino.runtime import opset8

    source = opset8.parameter([1, size], numpy.float32, "input")
    same = opset8.add(source, opset8.constant(numpy.zeros((1, 1), numpy.float32)))
    same.set_friendly_name("output")
    path = os.path.join(folder, "same.xml")
    ov.serialize(ov.Model([same], [source], "same"), path, os.path.join(folder, "same.bin"))
    return path


def wrong_rows(frame: Any, estimator: Any, given: argparse.Namespace) -> dict[str, Any]:
    """How many rows came back, how many with a result that is not theirs, and whose it was (None: no row's)."""
    predicted = estimator.predict(frame, feature_cols=["input"], batch_size=given.batch, config=SETTINGS)
    back = predicted.select("number", "output").collect()
    whose = [(row.number, owner(row.output, given.side)) for row in back]
    wrong = [one for one in whose if one[0] != one[1]]
    return {"rows": len(back), "wrong": len(wrong), "instead": wrong}


def owner(output: Any, side: int) -> int | None:
    """The number of the row whose result it is: that number all over, or its picture; None if it is no row's."""
    while output and isinstance(output[0], list):
        output = output[0]
    plane = side * side
    if len(output or ()) != 3 * plane:
        return None
    if output == [output[0]] * (3 * plane):
        return int(output[0])
    low, high = int(output[0]), int(output[plane])
    return low + 256 * high if output == [low] * plane + [high] * plane + [LAST] * plane else None


def tried(spark: Any, way: Way, estimator: Any, given: argparse.Namespace) -> dict[str, Any]:
    """A way, tried as often as asked for."""
    found: dict[str, Any] = {"name": way.name, "what": way.what, "runs": 0, "rows": 0, "wrong": 0}
    found.update(runs_with_wrong=0, failed=0, errors=[], instead=[])
    for _ in range(given.repeats):
        found["runs"] += 1
        try:
            one = wrong_rows(way.frame(spark, given), estimator, given)
        except Exception as error:
            found["failed"] += 1
            found["errors"] = sorted({*found["errors"], reason(str(error))})[:5]
            continue
        finally:
            spark.catalog.clearCache()
        found["rows"] += one["rows"]
        found["wrong"] += one["wrong"]
        found["runs_with_wrong"] += one["wrong"] > 0
        found["instead"] = [*found["instead"], *one["instead"]][:EXAMPLES]
    print(
        f"{way.name}: {found['wrong']} of {found['rows']} rows wrong, {found['failed']} of {found['runs']} runs failed",
        file=sys.stderr,
        flush=True,
    )
    return found


def reason(message: str) -> str:
    """The line of an error that says what happened below Spark's wrapping."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return ([line for line in lines if line.startswith("Caused by:")] or lines or ["no message"])[-1][:300]


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="When do rows come back from predict with the result of another row?")
    parser.add_argument("--rows", type=int, default=96, help="rows of a try, at most 65535 (default: 96)")
    parser.add_argument("--partitions", type=int, default=6, help="their partitions (default: 6)")
    parser.add_argument("--side", type=int, default=16, help="side of their pictures in pixels (default: 16)")
    parser.add_argument("--batch", type=int, default=1, help="predict's batch_size (default: 1)")
    parser.add_argument("--repeats", type=int, default=10, help="tries of each way (default: 10)")
    parser.add_argument("--ways", default=",".join(way.name for way in WAYS), help="which ways, with commas between")
    found = parser.parse_args(given)
    unknown = sorted({*found.ways.split(",")} - {way.name for way in WAYS})
    if unknown:
        parser.error(f"--ways {', '.join(unknown)}: unknown; allowed: {', '.join(way.name for way in WAYS)}")
    for name in ("rows", "partitions", "side", "batch", "repeats"):
        if not 1 <= getattr(found, name) <= 65535:
            parser.error(f"--{name} {getattr(found, name)}: allowed: 1 to 65535")
    return found


def main() -> None:
    given = arguments(sys.argv[1:])
    from bigdl.orca import init_orca_context
    from bigdl.orca.learn.openvino import Estimator
    from pyspark.sql import SparkSession

    context = init_orca_context(cluster_mode="spark-submit", init_executor_gateway=False, redirect_spark_log=False)
    context.setLogLevel("ERROR")
    spark = SparkSession(context)
    chosen = given.ways.split(",")
    with tempfile.TemporaryDirectory() as folder:
        estimator = Estimator.from_openvino(model_path=write_model(folder, 3 * given.side * given.side))
        found = [tried(spark, way, estimator, given) for way in WAYS if way.name in chosen]
    executors = context._jsc.sc().statusStore().executorList(True).size() - 1
    result = {
        "schema": 1,
        "spark": spark.version,
        "master": context.master,
        "executors": executors,
        "rows": given.rows,
        "partitions": given.partitions,
        "side": given.side,
        "batch_size": given.batch,
        "repeats": given.repeats,
        "ways": found,
    }
    spark.stop()
    print("wrong-rows: " + json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # BigDL registers clean-up of contexts that are stopped already.
    os._exit(0)
