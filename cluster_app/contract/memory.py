"""How much memory an executor may need, estimated before a job runs: pure, and the same on the host and in the job.

Sizes are in MB (10^6 bytes). What a job accepts bounds what a task holds; the constants are fits to measurements, which
docs/engines.md ("Memory") states with their ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

# The setting of Spark's by which the estimate comes to the job, as JSON of a `MemoryEstimate`.
SETTING = "spark.clusterbed.memory.estimate"

# What is accepted as an image. A larger one is not decoded: its pixels, as bytes and then as floats, would need
# gigabytes. A larger file is not read: an image under the limit of pixels needs no such size, and every node that reads
# a file holds it whole, more than once.
MAX_MEGAPIXELS = 100
MAX_FILE_MB = 100
# A larger image is decoded at half its width and height, at a quarter if that is still larger: in front of the network
# a pixel takes some thirty bytes, and the network sees a fraction of them anyway.
FULL_MEGAPIXELS = 16

# A JVM outside its heap: classes, code, threads, buffers.
_BESIDE_HEAP_MB = 350.0
# Spark's own part of a heap, and how many copies of a file one task holds.
_HEAP_MB, _FILE_COPIES = 250.0, 4.0
# A Python process with its libraries; the model in it, for each MB of its weights and each pixel of its square input;
# the buffers of an image on its way into the network, for each megapixel as decoded; its file, its pixels while they
# are decoded, and its masks, for each megapixel of the original.
_PYTHON_MB, _WEIGHTS, _INPUT = 200.0, 2.2, 260e-6
_DECODED, _ORIGINAL = 34.0, 6.5

# Spark hands rows to a Python UDF a hundred at a time, all of them in memory in both processes.
UDF_ROWS = 100
# What a row of the network's input takes for each of its pixels, as lists of numbers and pickled, in and out: in the
# JVM, in the UDF's Python process; and what an image of a batch takes in the process that predicts, results included.
_ROW_HEAP, _ROW_UDF, _ROW_PREDICT = 140e-6, 260e-6, 480e-6
# BigDL's libraries in the process that predicts, and the UDF's process with one more small one.
_BIGDL_PYTHON_MB, _UDF_PYTHON_MB = 180.0, 190.0
# A partition of files as Spark packs them by default: 128 MB, each file with 4 MB for its opening.
DEFAULT_ROWS = 32


@dataclass(frozen=True)
class Workload:
    """What an executor's peak depends on.

    image_size: side of the network's input in pixels; weights_mb: size of the model's weights as it computes with them,
    where 16 bits become 32; tasks: how many an executor runs at once; rows: images of a partition, and batch: of one
    inference, which the bigdl engine holds together.
    """

    engine: str
    image_size: int
    weights_mb: float
    tasks: int
    rows: int = DEFAULT_ROWS
    batch: int = 1


@dataclass(frozen=True)
class ExecutorMemory:
    """An executor's peak: the JVM's heap, the JVM outside it, and of each of its tasks the Python process with the
    model and the others.
    """

    heap_mb: float
    beside_mb: float
    process_mb: float
    others_mb: float
    tasks: int

    @property
    def python_mb(self) -> float:
        """All of its Python processes."""
        return (self.process_mb + self.others_mb) * self.tasks

    @property
    def overhead_mb(self) -> float:
        """What stands beside the heap."""
        return self.beside_mb + self.python_mb

    @property
    def total_mb(self) -> float:
        return self.heap_mb + self.overhead_mb


def executor_memory(load: Workload) -> ExecutorMemory:
    """The most that the executor takes for any images that a job accepts."""
    heap, process, others = _bigdl_task(load) if load.engine == "bigdl" else _fused_task(load)
    return ExecutorMemory(_HEAP_MB + load.tasks * heap, _BESIDE_HEAP_MB, process, others, load.tasks)


def rows_of_a_partition(images: int, partitions: int | None, slots: int) -> int:
    """How many images the largest partition holds, of files of like size.

    partitions: as the job asks for; None: as Spark packs files, which makes at least one for each of its slots.
    """
    return max(1, ceil(images / partitions) if partitions else min(ceil(images / slots), DEFAULT_ROWS))


def _fused_task(load: Workload) -> tuple[float, float, float]:
    """(heap, Python, other processes) of a task of the fused engine: one file, and the model with one image in it.

    Buffers stay as large as the largest image so far, so the largest of each kind count together.
    """
    return _FILE_COPIES * MAX_FILE_MB, _model(load) + _DECODED * FULL_MEGAPIXELS + _ORIGINAL * MAX_MEGAPIXELS, 0.0


def _bigdl_task(load: Workload) -> tuple[float, float, float]:
    """(heap, Python, other processes) of a task of the bigdl engine: the model with a batch, the rows a UDF has."""
    pixels = load.image_size**2
    rows = min(UDF_ROWS, load.rows) * pixels
    predict = _model(load) + _BIGDL_PYTHON_MB + load.batch * pixels * _ROW_PREDICT
    return rows * _ROW_HEAP, predict, _UDF_PYTHON_MB + rows * _ROW_UDF


def _model(load: Workload) -> float:
    return _PYTHON_MB + _WEIGHTS * load.weights_mb + _INPUT * load.image_size**2
