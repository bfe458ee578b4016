"""The fused engine inside a Python worker: bytes of a file in, its finished row out. Tensors stay here.

A worker process serves many tasks. It loads and compiles the model once and keeps it for those that follow.
"""

from __future__ import annotations

import gc
import os
import socket
import tempfile
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from cluster_app.contract.result import CpuShare
from cluster_app.pipeline import cpu_share, fingerprint, images
from cluster_app.pipeline.arithmetic import compiled_of
from cluster_app.pipeline.decoding import UNDECODABLE, decode_for_network
from cluster_app.pipeline.embedding import embedded, takes_bytes
from cluster_app.pipeline.memory_use import jvm_peak_memory_mb, peak_memory_mb
from cluster_app.pipeline.paths import local_path, relative
from cluster_app.pipeline.rows import ImageRow, of_inspection, pack
from cluster_app.pipeline.worker_report import Tally
from cluster_app.tasks import Floats, PostprocessOptions, Task

# Of one compiled model, and how many inferences a worker has under way: docs/engines.md, "Threads", says why.
STREAMS, REQUESTS = 1, 1
COLUMNS = "image string, packed binary"


@dataclass(frozen=True)
class ModelSettings:
    """Which model, and how it computes. uri: a file: one, which this node reads, or one that Spark has fetched.

    threads: as many as a task may use; verified_size: the side of the network's input where rows are verified.
    """

    uri: str
    precision: str
    threads: int
    verified_size: Optional[int] = None

    @property
    def path(self) -> str:
        """Where the IR's .xml lies on this node; its .bin lies beside it."""
        if self.uri.startswith("file:"):
            return local_path(self.uri)
        from pyspark import SparkFiles

        return str(SparkFiles.get(self.uri.rsplit("/", 1)[1]))

    def outputs(self, task: Task) -> List[str]:
        """Names of the outputs that are asked of the network."""
        return [*task.output_names, *([fingerprint.OUTPUT] if self.verified_size is not None else [])]

    def fed_threads(self) -> int:
        """As many threads as this process's share of the node's processor feeds."""
        return cpu_share.threads(self.threads, cpu_share.cores(), cpu_share.quota())

    def compile_settings(self) -> Dict[str, Any]:
        """Everything that would otherwise be the processor's or the library's choice.

        Without the hint, processors with BF16 compute in it silently; pinned threads of several processes fight for
        cores.
        """
        return {
            "INFERENCE_PRECISION_HINT": self.precision,
            "INFERENCE_NUM_THREADS": self.fed_threads(),
            "NUM_STREAMS": STREAMS,
            "ENABLE_CPU_PINNING": False,
        }


@dataclass(frozen=True)
class Segmenter:
    """All that an image needs in this process.

    infer: (H, W, 3) uint8 BGR -> the network's raw outputs by name; verified_size: as in `ModelSettings`.
    """

    task: Task
    priors: Floats
    options: PostprocessOptions
    infer: Callable[[Any], Mapping[str, Floats]]
    verified_size: Optional[int] = None


_compiled: Dict[ModelSettings, Callable[[Any], Mapping[str, Floats]]] = {}


def segment(
    batches: Iterator[Any],
    root: str,
    model: ModelSettings,
    task: Task,
    priors: Floats,
    options: PostprocessOptions,
    report: Callable[[Dict[Tuple[str, int], Tally]], None],
) -> Iterator[Any]:
    """A task: frames of (path, content) -> frames of (image, packed row), one image at a time."""
    import cv2
    import pandas

    cv2.setNumThreads(model.fed_threads())
    tally, host, begin = Tally(), socket.gethostname(), time.perf_counter()
    segmenter = Segmenter(task, priors, options, _inference(model, task, host, tally), model.verified_size)
    for batch in batches:
        for path, content in zip(batch["path"], batch["content"]):
            image = relative(path, root)
            row = segment_image(image, content, segmenter, host, tally)
            start = time.perf_counter()
            packed = pack(row)
            tally.encode_seconds += time.perf_counter() - start
            yield pandas.DataFrame({"image": [image], "packed": [packed]})
    tally.seconds = time.perf_counter() - begin
    tally.peak_memory_mb, tally.jvm_peak_memory_mb = peak_memory_mb(), jvm_peak_memory_mb()
    report({(host, os.getpid()): tally})


def compile_only(model: ModelSettings, task: Task, report: Callable[[Dict[Tuple[str, int], Tally]], None]) -> None:
    """A task without images: says what this process makes of the model."""
    tally, host = Tally(), socket.gethostname()
    _inference(model, task, host, tally)
    report({(host, os.getpid()): tally})


def segment_image(image: str, content: bytes, segmenter: Segmenter, host: str, tally: Tally) -> ImageRow:
    """The row of one file. An image that fails has a row that says so; the job goes on."""
    tally.images += 1
    start = time.perf_counter()
    seen = images.inspect(content)
    pixels = decode_for_network(content, seen) if seen.status == images.OK else None
    tally.decode_seconds += time.perf_counter() - start
    if seen.status != images.OK:
        return of_inspection(image, seen)
    if pixels is None:
        return ImageRow(image, seen.width, seen.height, images.CORRUPT, UNDECODABLE)

    step = "inference"
    try:
        start = time.perf_counter()
        outputs = segmenter.infer(pixels)
        tally.infer_seconds += time.perf_counter() - start
        step, start = "post-processing", time.perf_counter()
        height, width = seen.height or 0, seen.width or 0
        found = segmenter.task.postprocess(outputs, segmenter.priors, height, width, segmenter.options)
        tally.postprocess_seconds += time.perf_counter() - start
        if segmenter.verified_size is not None:
            _compare(image, content, seen, outputs, segmenter, tally)
    except Exception as error:
        # Whatever it is, it concerns this image alone, and its row says so.
        return ImageRow(image, seen.width, seen.height, "failed", f"{step}: {type(error).__name__}: {error}", host)
    return ImageRow(image, seen.width, seen.height, images.OK, None, host, found)


def _compare(
    image: str, content: bytes, seen: images.Inspection, outputs: Mapping[str, Any], segmenter: Segmenter, tally: Tally
) -> None:
    """Holds the fingerprint that came with the outputs against the file's; the driver ends the job if one is wrong."""
    size = segmenter.verified_size or 0
    expected = fingerprint.of_file(content, seen, segmenter.task, size)
    tally.verified += 1
    if fingerprint.differs(bytes(outputs[fingerprint.OUTPUT].tobytes()), expected):
        tally.wrong.append(image)


def _inference(settings: ModelSettings, task: Task, host: str, tally: Tally) -> Callable[[Any], Mapping[str, Floats]]:
    """The compiled model of this process; compiled now if it is the first task to ask, which its tally then says."""
    if settings not in _compiled:
        import openvino as ov

        start = time.perf_counter()
        try:
            model = ov.Core().read_model(settings.path)
            if not takes_bytes(model):
                model = embedded(model, task)
            if settings.verified_size is not None:
                model = fingerprint.added_to(model)
            loaded = time.perf_counter()
            compiled = ov.Core().compile_model(model, "CPU", settings.compile_settings())
        except RuntimeError as error:
            # OpenVINO's last line says what is wrong; those before it, where in its source.
            reason = str(error).strip().splitlines()[-1]
            raise ValueError(f"model: {settings.uri}: OpenVINO cannot load it: {reason}") from None
        tally.load_seconds, tally.compile_seconds = loaded - start, time.perf_counter() - loaded
        tally.compiled.append(compiled_of(host, execution_graph(compiled)))
        tally.cpu.append(cpu_share_of(compiled, REQUESTS))
        _compiled[settings] = _runner(compiled.create_infer_request(), settings.outputs(task))
        # Spark's daemon collects all garbage after each task, which goes through every object of every library: some 30
        # ms of a core. What is there by now stays until the process ends, and need not be looked at again.
        gc.freeze()
    return _compiled[settings]


def cpu_share_of(compiled: Any, requests: int) -> CpuShare:
    """What this process has, and what the compiled model says that it uses."""
    return CpuShare(
        cores=cpu_share.cores(),
        quota=cpu_share.quota(),
        threads=int(compiled.get_property("INFERENCE_NUM_THREADS")),
        streams=int(compiled.get_property("NUM_STREAMS")),
        pinned=bool(compiled.get_property("ENABLE_CPU_PINNING")),
        requests=requests,
    )


def _runner(request: Any, names: List[str]) -> Callable[[Any], Mapping[str, Floats]]:
    def infer(pixels: Any) -> Mapping[str, Floats]:
        results = request.infer([pixels[None]], share_inputs=True)
        return {name: results[name] for name in names}

    return infer


def execution_graph(compiled: Any) -> str:
    """What OpenVINO made of a model, as the XML text that `precisions_of` reads."""
    import openvino as ov

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "graph.xml")
        ov.serialize(compiled.get_runtime_model(), path, os.path.join(folder, "graph.bin"))
        with open(path, encoding="utf-8") as graph:
            return graph.read()
