"""One side of a comparison, as a process of its own: loads a backend, then runs frames when it is told to.

    python -m cluster_app.evaluate.side --kind openvino-fp32 --model DIR --threads 1

Each line on stdin asks: {"video": PATH, "frames": [INDEX, ...]}. Each line on stdout answers, the first one after
loading: what was loaded, how long that took, how much memory the process holds. Processes of their own keep thread
pools, memory and libraries apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import cv2
import numpy as np

from cluster_app.backends import load_library
from cluster_app.evaluate.detector import Detector, open_detector, read_model
from cluster_app.evaluate.errors import guarded

_COUNTED = {"VmRSS": "rss_mb", "VmHWM": "peak_mb", "RssAnon": "private_mb", "RssFile": "mapped_mb"}


@dataclass(frozen=True)
class Frame:
    """Seconds of one frame's parts on this process's clock; detections: what post-processing gave."""

    frame: int
    decode: float
    preprocess: float
    inference: float
    postprocess: float
    detections: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="cluster_app.evaluate.side", description=__doc__)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    return guarded(lambda: _serve(options))


def _serve(options: argparse.Namespace) -> None:
    # Libraries write to stdout as they please; the answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # OpenCV has a pool too.
    cv2.setNumThreads(options.threads)
    model = read_model(options.model)
    load_library(options.kind)
    before, begin = memory(), time.perf_counter()
    detector = open_detector(options.kind, model, options.threads)
    loaded = time.perf_counter() - begin
    after = memory()
    detector.backend.run(np.zeros((1, 3, model.image_size, model.image_size), np.float32))
    backend = detector.backend
    about = {"library": backend.library, "arithmetic": list(backend.arithmetic), "threads": backend.threads}
    _answer(answers, {**about, "load_seconds": loaded, "memory": {"before": before, "loaded": after, "ran": memory()}})
    for line in sys.stdin:
        asked = json.loads(line)
        _answer(answers, {"frames": [asdict(one) for one in run(detector, asked["video"], asked["frames"])]})


def run(detector: Detector, video: str, indices: Sequence[int]) -> List[Frame]:
    """Times those frames of a video. Finding a frame's place is not timed; decoding it is."""
    capture = cv2.VideoCapture(video, cv2.CAP_FFMPEG)
    try:
        return [_timed(detector, capture, index) for index in indices]
    finally:
        capture.release()


def _timed(detector: Detector, capture: Any, index: int) -> Frame:
    capture.set(cv2.CAP_PROP_POS_FRAMES, index)
    at = int(capture.get(cv2.CAP_PROP_POS_FRAMES))
    if at != index:
        raise RuntimeError(f"frame {index} was asked for, the video stands at {at}")
    begin = time.perf_counter()
    there, frame = capture.read()
    decoded = time.perf_counter()
    if not there:
        raise RuntimeError(f"frame {index} cannot be decoded")
    image = detector.task.preprocess(frame, detector.model.image_size)
    prepared = time.perf_counter()
    outputs = detector.backend.run(image)
    inferred = time.perf_counter()
    found = detector.task.postprocess(outputs, detector.priors, frame.shape[0], frame.shape[1], detector.options)
    done = time.perf_counter()
    return Frame(index, decoded - begin, prepared - decoded, inferred - prepared, done - inferred, len(found))


def memory() -> Dict[str, float]:
    """What the kernel counts for this process, in MB (2^20 bytes): in memory, its peak, private, mapped from files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {name: int(values[key].split()[0]) / 1024 for key, name in _COUNTED.items()}


def _answer(answers: Any, content: Mapping[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
