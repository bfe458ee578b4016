"""Stage 1 of the paper: images read by Spark's own reader or by BigDL's, or, where these cannot, as they would.

The rows hold Spark's image struct: origin, height, width, channels, OpenCV's type, bytes.
"""

from __future__ import annotations

from math import ceil
from typing import Any, Dict, List, Mapping, Optional, Tuple

from cluster_app.pipeline.decoding import UNDECODABLE, decode, decode_for_network, reduction
from cluster_app.pipeline.engine import Context
from cluster_app.pipeline.images import CORRUPT, Inspection
from cluster_app.pipeline.inventory import InputFile, read_content
from cluster_app.pipeline.packing import OPEN_COST, partition_bytes
from cluster_app.pipeline.paths import escape_glob, needs_quoting, relative, relative_origin

# Channels and OpenCV type (CV_8UC3) of a colour image in Spark's image struct.
_COLOUR = (3, 16)
# OpenCV's flags for decoding: three channels, an orientation in EXIF ignored.
_COLOUR_CODEC = 1 | 128


def read_images(context: Context, files: List[InputFile], known: Mapping[str, Inspection], of: int) -> Any:
    """A frame of name and Spark's image struct: these images of a slice of `of` files.

    The job's numbers of partitions are those of the whole input; a slice gets its share of them.
    """
    from pyspark.sql import functions as F

    spark, job, root = context.spark, context.job, context.root
    spark.conf.set("spark.sql.files.ignoreCorruptFiles", "true")
    reader = job.reader
    others = {
        file.image: known[file.image] for file in files if not _reads(reader, f"{root}/{file.image}", known[file.image])
    }
    plain = [file for file in files if file.image not in others]
    asked = ceil(job.read_partitions * of / context.images) if job.read_partitions is not None else None
    if asked is not None:
        # Spark's own packing, told to make that many.
        split = partition_bytes([file.size for file in plain], asked)
        spark.conf.set("spark.sql.files.openCostInBytes", str(OPEN_COST))
        spark.conf.set("spark.sql.files.minPartitionNum", "1")
        spark.conf.set("spark.sql.files.maxPartitionBytes", str(split))
    frames = []
    if plain:
        names = F.udf(lambda origin: relative_origin(origin, root))
        paths = [escape_glob(f"{root}/{file.image}") for file in plain]
        if reader == "nnimagereader":
            frame = _read_with_nnimagereader(spark, paths, asked)
        else:
            frame = spark.read.format("image").option("recursiveFileLookup", "true").load(paths)
        frames.append(frame.select(names("image.origin").alias("name"), "image"))
    if others:
        frames.append(_read_with_opencv(spark, others, root))
    frame = frames[0] if len(frames) == 1 else frames[0].union(frames[1])
    # Spark's mark of an image that could not be decoded.
    frame = frame.where(F.col("image.height") > 0)
    if job.repartition is not None:
        frame = frame.repartition(ceil(job.repartition * of / context.images))
    return frame


def _reads(reader: str, path: str, seen: Inspection) -> bool:
    """Whether the reader finds the file and decodes it as the other engine does.

    Spark 3.1's looks for it under its quoted name; BigDL's takes paths as one text with commas between them. Both have
    a rule of their own for 16 bits, and none for large images.
    """
    found = not needs_quoting(path) and not (reader == "nnimagereader" and "," in path)
    return found and not seen.deep and reduction(seen) == 1


def _read_with_nnimagereader(spark: Any, paths: List[str], partitions: Optional[int]) -> Any:
    """BigDL's own reader. It is given the number of partitions asked for, and makes little of it: docs/engines.md."""
    from bigdl.dllib.nnframes import NNImageReader

    return NNImageReader.readImages(
        ",".join(paths), spark.sparkContext, minPartitions=partitions or 1, image_codec=_COLOUR_CODEC
    )


def _read_with_opencv(spark: Any, images: Mapping[str, Inspection], root: str) -> Any:
    """Images decoded by OpenCV into Spark's image struct."""
    from pyspark.sql import functions as F

    name = F.udf(lambda path: relative(path, root))
    read = F.udf(lambda path, content: _decoded(path, content, images[relative(path, root)]), image_struct())
    frame = read_content(spark, root, sorted(images))
    return frame.select(name("path").alias("name"), read("path", "content").alias("image"))


def _decoded(path: str, content: Any, seen: Inspection) -> Tuple[Any, ...]:
    image = decode_for_network(bytes(content), seen)
    if image is None:
        return (path, -1, -1, -1, -1, bytearray())
    height, width = image.shape[:2]
    return (path, height, width, *_COLOUR, bytearray(image.tobytes()))


def undecodable(context: Context, known: Mapping[str, Inspection], names: List[str]) -> Dict[str, Inspection]:
    """Of images that were lost on the way, those that cannot be decoded: corrupt, by the other engine's rule."""
    if not names:
        return {}
    found = contents(context, names).map(lambda one: (one[0], decode(one[1]) is not None)).collect()
    lost = [name for name, decoded in found if not decoded]
    return {name: Inspection(CORRUPT, UNDECODABLE, known[name].width, known[name].height) for name in lost}


def contents(context: Context, names: List[str]) -> Any:
    """An RDD of (image, content) of these files."""
    root = context.root
    return read_content(context.spark, root, names).rdd.map(lambda row: (relative(row.path, root), bytes(row.content)))


def image_struct() -> Any:
    """The type of Spark's image column."""
    from pyspark.ml.image import ImageSchema

    return ImageSchema.imageSchema["image"].dataType


def three_channels(image: Any) -> Tuple[Any, ...]:
    """(origin, height, width, channels, mode, bytes) with grey repeated and alpha dropped; Spark's bytes are BGR(A).

    image: in that order; a Row, or the plain tuple of a UDF that Spark runs in one go with this.
    """
    import numpy

    origin, height, width, channels, _, data = image
    if channels == 3:
        return tuple(image)
    pixels = numpy.frombuffer(data, numpy.uint8).reshape(height, width, channels)
    colour = pixels[:, :, :3] if channels == 4 else numpy.repeat(pixels, 3, axis=2)
    return (origin, height, width, *_COLOUR, bytearray(numpy.ascontiguousarray(colour).tobytes()))
