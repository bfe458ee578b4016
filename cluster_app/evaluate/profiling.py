"""Where pre- and post-processing spend their time: `python -m cluster_app.evaluate.profiling --model DIR --photos DIR`.

Prints, for photographs of the size of COCO's and somewhat larger, each photograph's times and then the functions that
took most, as the standard library's profiler counts them (it makes short functions look slower than they are).
"""

from __future__ import annotations

import argparse
import cProfile
import io
import pstats
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from cluster_app.backends import Unavailable
from cluster_app.backends.folder import ModelFolder
from cluster_app.evaluate.speed import STEPS, Side, Workload, check_threads, prepare, read_photos

BACKEND = "openvino-fp32"
LEAST_SIDE, MOST_PIXELS = 600, 1_000_000
ROUNDS, FUNCTIONS = 7, 16


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """0 done, 2 bad input."""
    parser = argparse.ArgumentParser(prog="cluster_app.evaluate.profiling", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a model folder")
    parser.add_argument("--photos", type=Path, required=True, help="a folder with photographs")
    options = parser.parse_args(arguments)
    try:
        check_threads(1)
        model = ModelFolder.read(options.model)
        photos = read_photos(options.photos, LEAST_SIDE, MOST_PIXELS)
        workload = prepare([BACKEND, *STEPS], model, photos, threads=1)
    except (Unavailable, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{model.name}, one thread, best of {ROUNDS} runs, milliseconds")
    print(
        f"{'photograph':24} {'pixels':>12} {'inference':>10} {'preprocess':>11} {'postprocess':>12} {'detections':>11}"
    )
    for index in range(len(photos)):
        print(_line(workload, index))
    for step in STEPS:
        print(f"\n{step}: {len(photos)} photographs, {ROUNDS} times each\n{_profile(workload, step)}")
    return 0


def _line(workload: Workload, index: int) -> str:
    photo = workload.photos[index]
    height, width = photo.pixels.shape[:2]
    infer, pre, post = (1e3 * _best_seconds(workload.sides[name], index) for name in (BACKEND, *STEPS))
    detections = workload.sides["postprocess"](index)
    size = f"{width} x {height}"
    return f"{photo.name:24} {size:>12} {infer:10.0f} {pre:11.1f} {post:12.1f} {detections:>11}"


def _best_seconds(side: Side, index: int) -> float:
    """What disturbs a measurement on a shared host only ever makes it slower."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        side(index)
        times.append(time.perf_counter() - begin)
    return min(times)


def _profile(workload: Workload, step: str) -> str:
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(ROUNDS):
        for index in range(len(workload.photos)):
            workload.sides[step](index)
    profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(FUNCTIONS)
    return "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines())


if __name__ == "__main__":
    sys.exit(main())
