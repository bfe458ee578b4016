"""Times named sides in turn on the same photographs: `python -m cluster_app.evaluate.speed --model DIR ...`.

A side is a backend (its inference alone), `preprocess` or `postprocess`. In each round every side runs once, on the
round's photograph, in an order that changes from round to round; so a ratio of two sides is one of times that lie side
by side. JSON lines go to stdout: a header, then one line a timing. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, List, Optional

import cv2
import numpy as np

from cluster_app.backends import KINDS, Backend, Unavailable, open_backend
from cluster_app.backends.folder import ModelFolder
from cluster_app.evaluate.progress import watched
from cluster_app.tasks import Bytes, Floats, PostprocessOptions
from cluster_app.tasks.yolact import YolactTask

SCHEMA = 1
STEPS = ("preprocess", "postprocess")
SUFFIXES = (".jpg", ".jpeg", ".png")
# What the numerical libraries read when they are loaded: too late to be set here.
THREADS_VARIABLE = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Photo:
    """name: its path in the folder. pixels: (H, W, 3) uint8 BGR."""

    name: str
    pixels: Bytes


@dataclass(frozen=True)
class Timing:
    """One run of one side, in seconds. detections: what post-processing returned, None for other sides."""

    round: int
    side: str
    photo: str
    width: int
    height: int
    seconds: float
    detections: Optional[int]


# Runs a side on the photograph of that index; returns the number of detections where there is one.
Side = Callable[[int], Optional[int]]


@dataclass(frozen=True)
class Workload:
    """Sides that are ready to run, and what they run on."""

    photos: Sequence[Photo]
    sides: Mapping[str, Side]
    backends: Mapping[str, Backend]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """0 done, 2 bad input, 3 this processor or environment cannot run a side."""
    options = _parse(arguments)
    try:
        check_threads(options.threads)
        model = ModelFolder.read(options.model)
        photos = read_photos(options.photos, options.least_side, options.most_pixels)
        workload = prepare(options.side, model, photos, options.threads)
    except Unavailable as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(_header(model, workload, options.threads)), flush=True)
    for timing in rounds(workload, options.warm_up, options.rounds):
        print(json.dumps(asdict(timing)), flush=True)
    return 0


def _parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_app.evaluate.speed", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a model folder")
    parser.add_argument("--photos", type=Path, required=True, help="a folder with photographs")
    parser.add_argument("--side", action="append", required=True, choices=[*KINDS, *STEPS], help="repeatable")
    parser.add_argument("--threads", type=int, default=1, help="of each side")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--warm-up", type=int, default=2, help="rounds that are not recorded")
    parser.add_argument("--least-side", type=int, default=1, help="pixels that the longer side must have")
    parser.add_argument("--most-pixels", type=int, default=10**9, help="pixels that a photograph may have")
    return parser.parse_args(arguments)


def check_threads(threads: int) -> None:
    """Sets OpenCV's threads. Raises ValueError unless the environment has set the other libraries'."""
    found = os.environ.get(THREADS_VARIABLE)
    if found != str(threads):
        raise ValueError(
            f"{THREADS_VARIABLE} is {found}; set it to {threads}, as --threads: NumPy reads it at its start"
        )
    cv2.setNumThreads(threads)


def read_photos(folder: Path, least_side: int, most_pixels: int) -> List[Photo]:
    """The photographs of a folder, in order of their names. Raises ValueError if none has such a size."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    read = ((path, cv2.imread(str(path), cv2.IMREAD_COLOR)) for path in paths)
    photos = [
        Photo(path.relative_to(folder).as_posix(), np.asarray(pixels, np.uint8))
        for path, pixels in read
        if pixels is not None and max(pixels.shape) >= least_side and pixels.size // 3 <= most_pixels
    ]
    if not photos:
        raise ValueError(
            f"{folder}: has no readable photograph ({', '.join(SUFFIXES)}) with a side of {least_side} pixels or more "
            f"and at most {most_pixels} pixels; give another folder"
        )
    return photos


def prepare(names: Sequence[str], model: ModelFolder, photos: Sequence[Photo], threads: int) -> Workload:
    """Opens the backends, and computes what each side starts from.

    Post-processing starts from the raw outputs of the first backend. Raises ValueError and Unavailable as
    `open_backend`, and ValueError if post-processing has no backend to start from.
    """
    backends = {name: open_backend(name, model, threads) for name in names if name not in STEPS}
    if "postprocess" in names and not backends:
        raise ValueError("--side postprocess: needs the outputs of a backend; give one as a side too")
    task, options, priors = YolactTask(), PostprocessOptions(), model.priors()
    inputs: List[Floats] = [task.preprocess(photo.pixels, model.image_size) for photo in photos]
    outputs: List[Mapping[str, Floats]] = []
    if "postprocess" in names:
        first = next(iter(backends.values()))
        outputs = [dict(first.run(image)) for image in inputs]

    def preprocess(index: int) -> None:
        task.preprocess(photos[index].pixels, model.image_size)

    def postprocess(index: int) -> int:
        height, width = photos[index].pixels.shape[:2]
        return len(task.postprocess(outputs[index], priors, height, width, options))

    steps: Mapping[str, Side] = {"preprocess": preprocess, "postprocess": postprocess}
    sides = {name: steps[name] if name in STEPS else _inference(backends[name], inputs) for name in names}
    return Workload(photos, sides, backends)


def _inference(backend: Backend, inputs: Sequence[Floats]) -> Side:
    def infer(index: int) -> None:
        backend.run(inputs[index])

    return infer


def rounds(
    workload: Workload, warm_up: int, count: int, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Timing]:
    """Runs every side once a round, the photographs in turn; the warm-up's timings are not given out."""
    for number in watched(range(-warm_up, count), warm_up + count, " and ".join(workload.sides)):
        index = number % len(workload.photos)
        photo = workload.photos[index]
        height, width = photo.pixels.shape[:2]
        for name in turn(list(workload.sides), number):
            begin = clock()
            detections = workload.sides[name](index)
            seconds = clock() - begin
            if number >= 0:
                yield Timing(number, name, photo.name, width, height, seconds, detections)


def turn(names: Sequence[str], number: int) -> List[str]:
    """The order of a round: in two rounds running forwards and backwards, in the next pair from the next name on."""
    start = number // 2 % len(names)
    rotated = [*names[start:], *names[:start]]
    return rotated if number % 2 == 0 else rotated[::-1]


def _header(model: ModelFolder, workload: Workload, threads: int) -> Mapping[str, Any]:
    return {
        "schema": SCHEMA,
        "model": model.name,
        "image_size": model.image_size,
        "threads": threads,
        "opencv_threads": cv2.getNumThreads(),
        "photos": len(workload.photos),
        "sides": {
            name: {"library": one.library, "arithmetic": list(one.arithmetic), "threads": one.threads}
            for name, one in workload.backends.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
