"""One worker of the fused engine in one way of using its cores: `python -m cluster_app.evaluate.worker_settings ...`.

Photographs are decoded, segmented and post-processed one after the other, as in a task; with --ahead 2 an image is
under way in OpenVINO while the one before is post-processed and the one behind decoded. Workers that are to run beside
each other get the same --begin. One JSON line goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence

import cv2
import numpy as np

from cluster_app.pipeline import fused_worker, images
from cluster_app.pipeline.decoding import decode_for_network
from cluster_app.pipeline.embedding import embedded, takes_bytes
from cluster_app.tasks import PostprocessOptions
from cluster_app.tasks.yolact.adapter import YolactTask

WARM_UP = 2


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """0 done, 2 bad input."""
    options = _parse(arguments)
    files = sorted(path for path in options.photos.rglob("*") if path.is_file()) if options.photos.is_dir() else []
    if not files or not options.model.is_file() or not options.priors.is_file():
        print(
            f"error: {options.photos}, {options.model}, {options.priors}: must be a folder with photographs, an IR's "
            ".xml and its priors",
            file=sys.stderr,
        )
        return 2
    worker = _Worker(options)
    list(worker.segment([files[number % len(files)] for number in range(WARM_UP)]))
    # All that are to run at once have compiled by then.
    time.sleep(max(0.0, options.begin - time.time()))
    late, begin, used = time.time() - options.begin, time.perf_counter(), time.process_time()
    done = list(worker.segment([files[number % len(files)] for number in range(options.images)]))
    seconds, cpu = time.perf_counter() - begin, time.process_time() - used
    about = {"images": len(done), "detections": sum(done), "late": round(late, 3) if options.begin else 0.0}
    print(json.dumps({**about, "seconds": seconds, "cpu_seconds": cpu, "cpu": asdict(worker.share)}), flush=True)
    return 0


def _parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_app.evaluate.worker_settings", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="an IR's .xml")
    parser.add_argument("--priors", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--ahead", type=int, default=1, help="inferences under way at once")
    parser.add_argument("--pin", action="store_true")
    parser.add_argument("--begin", type=float, default=0.0, help="seconds since 1970")
    return parser.parse_args(arguments)


class _Worker:
    """A compiled model with as many requests as are under way at once. share: what the model says that it uses."""

    def __init__(self, options: argparse.Namespace) -> None:
        import openvino as ov

        cv2.setNumThreads(options.threads)
        self._task, self._priors = YolactTask(), np.load(options.priors)
        model = ov.Core().read_model(str(options.model))
        settings = fused_worker.ModelSettings(f"file:{options.model}", "f32", options.threads).compile_settings()
        settings |= {
            "INFERENCE_NUM_THREADS": options.threads,
            "NUM_STREAMS": options.streams,
            "ENABLE_CPU_PINNING": options.pin,
        }
        compiled = ov.Core().compile_model(
            model if takes_bytes(model) else embedded(model, self._task), "CPU", settings
        )
        self._requests = [compiled.create_infer_request() for _ in range(options.ahead)]
        self.share = fused_worker.cpu_share_of(compiled, options.ahead)

    def segment(self, files: Sequence[Path]) -> Iterator[int]:
        """The number of detections of each photograph."""
        running: List[Any] = []
        for number, file in enumerate(files):
            content = file.read_bytes()
            seen = images.inspect(content)
            pixels: Any = decode_for_network(content, seen)
            if len(running) == len(self._requests):
                yield self._finish(*running.pop(0))
            request = self._requests[number % len(self._requests)]
            # The array is kept: OpenVINO computes on it without a copy.
            request.start_async([pixels[None]], share_inputs=True)
            running.append((request, pixels, seen))
            if len(self._requests) == 1:
                yield self._finish(*running.pop(0))
        for one in running:
            yield self._finish(*one)

    def _finish(self, request: Any, _: Any, seen: images.Inspection) -> int:
        request.wait()
        outputs = {name: request.get_tensor(name).data for name in self._task.output_names}
        height, width = seen.height or 0, seen.width or 0
        return len(self._task.postprocess(outputs, self._priors, height, width, PostprocessOptions()))


if __name__ == "__main__":
    sys.exit(main())
