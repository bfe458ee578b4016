"""From a file's bytes to pixels: one rule for every engine."""

from __future__ import annotations

from typing import Any, Optional, Union

from cluster_app.contract.memory import FULL_MEGAPIXELS
from cluster_app.pipeline.images import Inspection

UNDECODABLE = "its image data cannot be decoded"

Data = Union[bytes, bytearray, memoryview]


def reduction(seen: Inspection) -> int:
    """By what an image's sides are divided when it is decoded for the network: 1, 2 or 4."""
    pixels = (seen.width or 0) * (seen.height or 0)
    return next((by for by in (1, 2) if pixels <= FULL_MEGAPIXELS * 1_000_000 * by * by), 4)


def decode_for_network(data: Data, seen: Inspection) -> Optional[Any]:
    """(H, W, 3) uint8 BGR with the sides divided by `reduction`; None if the decoder gives up."""
    import cv2

    return _decoded(
        data, {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}[reduction(seen)]
    )


def decode(data: Data) -> Optional[Any]:
    """(H, W, 3) uint8 BGR at full size; None if the decoder gives up."""
    import cv2

    return _decoded(data, cv2.IMREAD_COLOR)


def _decoded(data: Data, size: int) -> Optional[Any]:
    """Grey is repeated, alpha dropped, of 16 bits the high byte kept; an orientation in EXIF is ignored, as by the
    readers of Spark and BigDL.
    """
    import cv2
    import numpy

    try:
        return cv2.imdecode(numpy.frombuffer(data, numpy.uint8), size | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
