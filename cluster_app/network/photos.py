"""Photographs to fit and check a network with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from cluster_app.tasks import Bytes

SUFFIXES = (".jpg", ".jpeg", ".png")
FEWEST = 5
MOST = 12


@dataclass(frozen=True)
class Photo:
    name: str  # its path in the folder
    pixels: Bytes  # (H, W, 3) uint8 BGR


def read_photos(folder: Path) -> list[Photo]:
    """Up to 12 photographs, spread evenly over the folder's names in order.

    Unreadable files are skipped with a message. Raises ValueError if fewer than 5 are left.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    photos = [photo for path in paths if (photo := _read(path, folder)) is not None]
    if len(photos) < FEWEST:
        raise ValueError(
            f"{folder} has {len(photos)} readable photographs ({', '.join(SUFFIXES)}); at least {FEWEST} are needed"
        )
    return _spread(photos)


def _read(path: Path, folder: Path) -> Photo | None:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        print(f"skipped {path}: not an image that OpenCV can read", file=sys.stderr)
        return None
    return Photo(path.relative_to(folder).as_posix(), pixels)


def _spread(photos: Sequence[Photo]) -> list[Photo]:
    count = min(MOST, len(photos))
    return [photos[index * len(photos) // count] for index in range(count)]
