"""Videos, read and written by OpenCV, and refused with one message where they are none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Tuple

import cv2
import numpy as np

from cluster_app.evaluate.errors import BadInput
from cluster_app.tasks import Bytes

# The decoder's own lines would stand beside our one message.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

# Codecs that the wheel of OpenCV writes by itself.
CODECS = {".mp4": "mp4v", ".webm": "VP80", ".avi": "MJPG"}
_FASTEST = 1000.0


@dataclass(frozen=True)
class Footage:
    """What a video says of itself: frames, frames per second, size in pixels."""

    path: Path
    frames: int
    rate: float
    width: int
    height: int


def look(path: Path) -> Footage:
    """Raises BadInput if the file is no video of at least two frames."""
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file; give a video")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        found = Footage(
            path,
            int(capture.get(cv2.CAP_PROP_FRAME_COUNT)),
            float(capture.get(cv2.CAP_PROP_FPS)),
            int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        good = capture.isOpened() and capture.read()[0]
    finally:
        capture.release()
    if not good:
        raise BadInput(f"{path}: is not a video that can be decoded; give one, for example MP4")
    if found.frames < 2:
        raise BadInput(f"{path}: holds a single picture; give a video of at least 2 frames")
    if not 0 < found.rate <= _FASTEST:
        raise BadInput(f"{path}: says {found.rate:g} frames a second; give a video that states more than 0")
    return found


def frames(footage: Footage) -> Iterator[Bytes]:
    """All frames, (H, W, 3) uint8 BGR. Raises BadInput if the video breaks off before its stated end."""
    capture = cv2.VideoCapture(str(footage.path), cv2.CAP_FFMPEG)
    done = 0
    try:
        while True:
            there, frame = capture.read()
            if not there:
                break
            done += 1
            yield frame.astype(np.uint8, copy=False)
    finally:
        capture.release()
    # The last frames of a whole video may be missing from what its header states.
    if done < footage.frames - max(2, footage.frames // 50):
        raise BadInput(f"{footage.path}: breaks off after {done} of {footage.frames} frames; copy it again")


class Writer:
    """Writes frames of one size; a context. Raises BadInput for an unknown suffix, OSError if it cannot write."""

    def __init__(self, path: Path, rate: float, size: Tuple[int, int]) -> None:
        codec = CODECS[checked_suffix(path)]
        self._path, self._size = path, size
        code = cv2.VideoWriter.fourcc(*codec)
        self._sink = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, rate, size)
        if not self._sink.isOpened():
            raise OSError(f"{path}: cannot be written as {codec} with {size[0]} x {size[1]} pixels")

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._sink.release()

    def write(self, frame: Bytes) -> None:
        self._sink.write(frame)


def checked_suffix(path: Path) -> str:
    """The suffix, in small letters. Raises BadInput for one that no codec is known for."""
    suffix = path.suffix.lower()
    if suffix not in CODECS:
        raise BadInput(f"{path}: its suffix is {suffix or 'missing'}; allowed: {', '.join(CODECS)}")
    return suffix
