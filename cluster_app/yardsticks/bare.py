"""Inference alone: the compiled network run on the same input again and again, no Spark, no files, no detections.

    python3 -m cluster_app.yardsticks.bare --model FILE.xml --precision f32 --cores 2 --images 30

With --streams and --pinning one way of using the cores is timed; without, each of a grid is, on a few images each:
1 stream on all cores to as many streams as cores, pinned or not. The best of these is the ceiling.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Sequence

from cluster_app.pipeline.arithmetic import precisions_of
from cluster_app.pipeline.fused_worker import execution_graph
from cluster_app.yardsticks.report import guarded

_TRIED = 6


@dataclass(frozen=True)
class Way:
    """How cores are used: so many inferences at once, each with its share of the threads."""

    streams: int
    pinning: bool


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="cluster_app.yardsticks.bare", description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision", required=True, choices=["f32", "bf16"])
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--streams", type=int)
    parser.add_argument("--pinning", choices=["yes", "no"], default="no")
    options = parser.parse_args(arguments)
    return guarded(lambda: _measure(options))


def grid(cores: int) -> List[Way]:
    """Streams that divide the cores, pinned and not."""
    return [
        Way(streams, pinning) for streams in range(1, cores + 1) if cores % streams == 0 for pinning in (False, True)
    ]


def _measure(options: argparse.Namespace) -> Dict[str, Any]:
    import openvino as ov

    core = ov.Core()
    model = core.read_model(options.model)
    if options.streams is None:
        tried = [_timed(core, model, options, way, _TRIED) for way in grid(options.cores)]
        return {"grid": tried}
    return _timed(core, model, options, Way(options.streams, options.pinning == "yes"), options.images)


def _timed(core: Any, model: Any, options: argparse.Namespace, way: Way, images: int) -> Dict[str, Any]:
    """Seconds for that many images, after each stream has run once."""
    import numpy
    import openvino as ov

    begin = time.perf_counter()
    compiled = core.compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": options.precision,
            "INFERENCE_NUM_THREADS": options.cores,
            "NUM_STREAMS": way.streams,
            "ENABLE_CPU_PINNING": way.pinning,
        },
    )
    loaded = time.perf_counter() - begin
    image = numpy.random.default_rng(0).standard_normal(list(model.inputs[0].shape), numpy.float32)
    queue = ov.AsyncInferQueue(compiled, way.streams)
    for request in queue:
        request.infer([image])
    begin = time.perf_counter()
    for _ in range(images):
        queue.start_async([image], share_inputs=True)
    queue.wait_all()
    seconds = time.perf_counter() - begin
    return {
        **asdict(way),
        "cores": options.cores,
        "images": images,
        "seconds": seconds,
        "compile_seconds": loaded,
        "arithmetic": sorted(precisions_of(execution_graph(compiled))),
    }


if __name__ == "__main__":
    sys.exit(main())
