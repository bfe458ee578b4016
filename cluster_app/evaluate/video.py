"""A video with its objects drawn: `python -m cluster_app.evaluate.video --model DIR IN OUT`.

Each frame goes the way of a job's image: preprocessing, the backend, post-processing, overlay.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path
from typing import Optional, Sequence

from cluster_app.backends import KINDS
from cluster_app.evaluate.detector import open_detector, read_model
from cluster_app.evaluate.errors import BadInput, guarded
from cluster_app.evaluate.footage import Writer, checked_suffix, frames, look
from cluster_app.evaluate.progress import say, watched
from cluster_app.evaluate.writing import finished_file


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="cluster_app.evaluate.video", description=__doc__)
    parser.add_argument("source", type=Path, metavar="IN", help="a video")
    parser.add_argument("target", type=Path, metavar="OUT", help="a video that is not there yet (.mp4, .webm, .avi)")
    parser.add_argument("--model", type=Path, required=True, help="a model folder")
    parser.add_argument("--backend", default="openvino-fp32", help=", ".join(KINDS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--least-score", type=float, default=0.3, help="objects with a lower score are not drawn")
    parser.add_argument("--limit", type=int, help="the first frames, not all")
    parser.add_argument("--force", action="store_true", help="replace OUT")
    options = parser.parse_args(arguments)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    _check(options)
    footage = look(options.source)
    detector = open_detector(options.backend, read_model(options.model), options.threads)
    count = footage.frames if options.limit is None else min(options.limit, footage.frames)
    say(f"{footage.width} x {footage.height} pixels, {footage.rate:g} frames a second, {count} frames")
    begin, objects, done = time.monotonic(), 0, 0
    with finished_file(options.target) as path:
        with Writer(path, footage.rate, (footage.width, footage.height)) as video:
            for frame in watched(itertools.islice(frames(footage), options.limit), count, "frames"):
                likely = [one for one in detector.detect(frame) if one.score >= options.least_score]
                video.write(detector.task.draw(frame, likely))
                objects, done = objects + len(likely), done + 1
        written = look(path)
        if abs(written.frames - done) > 1:
            raise OSError(f"{options.target}: {written.frames} frames were written of {done}")
    seconds = time.monotonic() - begin
    print(f"{options.target}: {done} frames, {objects} objects drawn, {seconds / done:.3f} s a frame")


def _check(options: argparse.Namespace) -> None:
    checked_suffix(options.target)
    if options.target.exists() and not options.force:
        raise BadInput(f"{options.target}: is there already; give another name, or --force")
    if options.limit is not None and options.limit < 1:
        raise BadInput(f"limit is {options.limit}; allowed: 1 or more")
    if not 0 <= options.least_score <= 1:
        raise BadInput(f"least-score is {options.least_score}; allowed: 0 to 1")


if __name__ == "__main__":
    sys.exit(main())
