"""One pass over the data: each file is read once and leaves a Python worker as its finished row.

Spark reads and schedules; `fused_worker` does the rest. Tasks are small and go to whichever slot is free, so that a
fast node takes more of them; a slice's last tasks leave slots to the next slice, which is under way already.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from math import ceil
from typing import Any, Callable, Deque, Dict, Iterator, List, Mapping, Tuple

from cluster_app.contract.result import EngineSettings
from cluster_app.pipeline import arithmetic, fingerprint, fused_worker, scheduling
from cluster_app.pipeline.engine import Commit, Context, Outcome
from cluster_app.pipeline.inventory import read_content, unread
from cluster_app.pipeline.packing import images_per_task, settings_by_number, task_sizes
from cluster_app.pipeline.rows import assemble
from cluster_app.pipeline.slices import Slice
from cluster_app.pipeline.worker_report import Place, Tallies, Tally, by_host, images_by_host
from cluster_app.tasks import PostprocessOptions

# Images of a slice: what a driver that dies loses, times the slices in flight.
SLICE_IMAGES = 64
_POLL_SECONDS = 0.1

Packed = List[Tuple[str, bytes]]
Report = Callable[[Dict[Place, Tally]], None]


def run(context: Context, slices: List[Slice], commit: Commit) -> Outcome:
    """Segments the slices and commits each as it ends. Raises ArithmeticError if a worker computes in another way."""
    spark, job = context.spark, context.job
    mode = scheduling.asked(spark)
    largest = max((len(one.files) for one in slices), default=1)
    if mode == scheduling.DYNAMIC:
        per_task = _per_task(context)
        # Two slices more than the slots can hold: one in its tail, one that fills the slots, one about to start.
        in_flight = 2 + ceil(context.slots * per_task / largest)
    else:
        per_task, in_flight = ceil(largest / context.slots), 1
    sizes = {one.number: per_task for one in slices}
    # Where the job says how it is to be cut, it is cut so to the end.
    if mode == scheduling.DYNAMIC and not (job.read_partitions or job.repartition):
        counts = [len(one.files) for one in slices]
        sizes = dict(zip(sizes, task_sizes(counts, per_task, context.slots)))
    _configure(spark)
    tallies = spark.sparkContext.accumulator({}, Tallies())
    model = _brought_to_the_nodes(context)
    frame_of = _frames(context, model, tallies.add, sizes, mode)

    def watch() -> None:
        seen = dict(tallies.value)
        _verify(context, seen)
        done = images_by_host(seen)
        context.progress.update(sum(done.values()), done)

    # What is there by now stays to the end; the collections after each slice pass it over.
    gc.freeze()
    with context.phases.measure("segment"):
        tasks = 0
        for one, packed in _as_they_end(slices, frame_of, in_flight, watch):
            watch()
            commit(one, assemble(one.files, packed, unread(one.files)))
            tasks += ceil(len(one.files) / sizes[one.number])
        if not any(tally.compiled for tally in tallies.value.values()):
            # Every slice was committed before, or holds no file that is read.
            _compile_only(context, model, tallies.add)

    settings = EngineSettings(
        threads=job.threads_per_task,
        streams=fused_worker.STREAMS,
        slice_images=job.slice_images or SLICE_IMAGES,
        images_per_task=per_task,
        slices_in_flight=in_flight,
        scheduling=mode,
    )
    _verify(context, tallies.value)
    verified = sum(tally.verified for tally in tallies.value.values()) if job.verify else None
    partitions = {"read": tasks, "predict": tasks}
    return Outcome(job.precision, partitions, settings, workers=by_host(tallies.value), verified=verified)


def _per_task(context: Context) -> int:
    asked = context.job.read_partitions
    return ceil(context.images / asked) if asked else images_per_task(context.images, context.slots)


def _configure(spark: Any) -> None:
    # A batch is one file: more would be held in memory together.
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
    # Each file is listed once: nothing would come back to what Spark remembers of the listing.
    spark.conf.set("spark.sql.hive.filesourcePartitionFileCacheSize", "0")
    # Over 32 paths Spark would list the files in a job of its own, behind those that are running.
    spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", str(2**31 - 1))


def _verify(context: Context, seen: Dict[Place, Tally]) -> None:
    """Raises ArithmeticError as soon as one worker has compiled another arithmetic than asked for, WrongRows as soon as
    one has made a row of another image's input.
    """
    compiled = [one for tally in seen.values() for one in tally.compiled]
    if compiled:
        arithmetic.verified(context.job, compiled)
    fingerprint.refuse(sorted(image for tally in seen.values() for image in tally.wrong), {})


def _brought_to_the_nodes(context: Context) -> fused_worker.ModelSettings:
    """The model, which each node reads where it lies, or fetches from there when its first task starts."""
    job = context.job
    if not job.model.startswith("file:"):
        for uri in (job.model, job.model[: -len(".xml")] + ".bin"):
            context.spark.sparkContext.addFile(uri)
    size = job.image_size if job.verify else None
    return fused_worker.ModelSettings(job.model, job.precision, job.threads_per_task, size)


def _compile_only(context: Context, model: fused_worker.ModelSettings, report: Report) -> None:
    task, slots = context.task, context.slots
    context.spark.sparkContext.parallelize(range(slots), slots).foreachPartition(
        lambda _: fused_worker.compile_only(model, task, report)
    )


def _frames(
    context: Context, model: fused_worker.ModelSettings, report: Report, sizes: Mapping[int, int], mode: str
) -> Callable[[Slice], Any]:
    """From a slice to the frame of its packed rows; None if the slice has no file that is read.

    sizes: images of a task, by number of the slice. Spark partitions a frame when it is asked for its RDD: that is to
    be done before the next frame is made.
    """
    spark, job, task, root = context.spark, context.job, context.task, context.root
    priors = spark.sparkContext.broadcast(context.priors)
    options = PostprocessOptions(job.score_threshold, job.mask_threshold, job.top_k)

    def segment(batches: Iterator[Any]) -> Iterator[Any]:
        return fused_worker.segment(batches, root, model, task, priors.value, options, report)

    def frame_of(one: Slice) -> Any:
        passed_over = unread(one.files)
        names = [file.image for file in one.files if file.image not in passed_over]
        if not names:
            return None
        for name, value in settings_by_number(sizes[one.number]).items():
            spark.conf.set(name, value)
        frame = read_content(spark, root, names)
        if job.repartition is not None:
            frame = frame.repartition(ceil(job.repartition * len(one.files) / context.images))
        if mode == scheduling.BARRIER:
            return scheduling.in_step(spark, frame, segment, fused_worker.COLUMNS, sizes[one.number])
        return frame.mapInPandas(segment, fused_worker.COLUMNS)

    return frame_of


def _as_they_end(
    slices: List[Slice], frame_of: Callable[[Slice], Any], in_flight: int, watch: Callable[[], None]
) -> Iterator[Tuple[Slice, Packed]]:
    """Runs the slices, several at once, earlier ones first; gives each with its packed rows when it has ended.

    One thread submits them all: Spark keeps a job's description with the thread. If one fails, or the consumer does,
    the others are cancelled.
    """
    waiting: Deque[Slice] = deque(slices)
    running: List[Tuple[Slice, Any]] = []
    try:
        while waiting or running:
            while waiting and len(running) < in_flight:
                one = waiting.popleft()
                frame = frame_of(one)
                if frame is None:
                    yield one, []
                else:
                    running.append((one, frame._jdf.javaRDD().collectAsync()))
            ended = next((pair for pair in running if pair[1].isDone()), None)
            if ended is None:
                time.sleep(_POLL_SECONDS)
            else:
                running.remove(ended)
                yield ended[0], [(row.getString(0), bytes(row.get(1))) for row in ended[1].get()]
                # What Python knows of a Java object lies in a cycle of references, and the object, with all the rows
                # and the list of files, stays in the JVM until Python's collector comes by.
                ended = None
                gc.collect()
            watch()
    finally:
        for _, future in running:
            future.cancel(True)
