"""From prototypes and coefficients to masks in the original's pixels, one at a time.

A hundred float masks of a 24-megapixel photograph would be 9.6 GB, so only the small ones at the
prototypes' resolution are held together. `assemble`, `crop` and `to_original` are the published steps;
`encode` does the three in one go, and computes only what its box lets through.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from cluster_app.tasks import Bytes, Floats
from cluster_app.tasks.yolact import rle

Pixels = npt.NDArray[np.int64]

PADDING = 1.0  # pixels of the soft mask that a box grows by on each side, as published


def encode(
    proto: Floats, coefficients: Floats, boxes: Floats, height: int, width: int, threshold: float
) -> Iterator[dict[str, Any]]:
    """The masks (height, width) of n detections as COCO's compressed RLE, one after another.

    proto (h, w, k), coefficients (n, k), boxes (n, 4) as fractions of the image. The same pixels as
    `to_original(crop(assemble(...)))`.
    """
    logits = _logits(proto, coefficients)
    cells = _cells(boxes, logits.shape[1:])
    for one, (left, top, right, bottom) in zip(logits, cells):
        soft = np.zeros(one.T.shape, np.float32)
        soft[left:right, top:bottom] = _sigmoid(one[top:bottom, left:right].T)
        begin, end = _columns(left, right, len(soft), width)
        inside = (_resized(soft, height, width, begin, end) > threshold).view(np.uint8)
        runs = rle.padded(rle.run_lengths(inside.T), begin * height, (width - end) * height)
        yield {"size": [height, width], "counts": rle.compress(runs)}


def assemble(proto: Floats, coefficients: Floats) -> Floats:
    """Prototypes (h, w, k) and coefficients (n, k) -> soft masks (n, h, w) in 0..1, sigmoid(proto @ coeff)."""
    return _sigmoid(_logits(proto, coefficients))


def crop(masks: Floats, boxes: Floats) -> Floats:
    """Soft masks (n, h, w), set to 0 outside of their boxes (n, 4), which are fractions of the image.

    The box's edges stay fractional and grow by PADDING, as published.
    """
    cropped = np.zeros_like(masks)
    for target, source, (left, top, right, bottom) in zip(cropped, masks, _cells(boxes, masks.shape[1:])):
        target[top:bottom, left:right] = source[top:bottom, left:right]
    return cropped


def to_original(mask: Floats, height: int, width: int, threshold: float) -> Bytes:
    """One soft mask (h, w) -> 0/1 mask (height, width) uint8, column-major: bilinear, then over threshold.

    Transposed before the resize: the result is then in the order in which RLE counts pixels, and
    encoding it needs no copy.
    """
    return (_resized(mask.T, height, width, 0, width) > threshold).view(np.uint8).T


def pixel_boxes(boxes: Floats, height: int, width: int) -> Pixels:
    """Boxes (n, 4) as fractions -> x1, y1, x2, y2 in whole pixels, clipped to the image.

    Truncated, not rounded, as published.
    """
    x1, x2 = _span(boxes[:, 0], boxes[:, 2], width, 0.0)
    y1, y2 = _span(boxes[:, 1], boxes[:, 3], height, 0.0)
    return np.stack([x1, y1, x2, y2], axis=1).astype(np.int64)


def _logits(proto: Floats, coefficients: Floats) -> Floats:
    height, width, count = proto.shape
    logits: Floats = coefficients @ proto.reshape(-1, count).T
    return logits.reshape(-1, height, width)


def _sigmoid(logits: Floats) -> Floats:
    """By tanh, which cannot overflow."""
    soft: Floats = 0.5 * (1 + np.tanh(0.5 * logits))
    return soft


def _cells(boxes: Floats, shape: tuple[int, ...]) -> list[list[int]]:
    """left, top, right, bottom (ends excluded) of the cells of a soft mask that lie in each padded box."""
    height, width = shape
    left, right = _span(boxes[:, 0], boxes[:, 2], width, PADDING)
    top, bottom = _span(boxes[:, 1], boxes[:, 3], height, PADDING)
    # A cell i is inside if low <= i < high; a box left of the image or above it ends before 0.
    edges = np.ceil(np.stack([left, top, right, bottom], axis=1)).astype(np.int64)
    inside: list[list[int]] = np.maximum(edges, 0).tolist()
    return inside


def _columns(left: int, right: int, cells: int, width: int) -> tuple[int, int]:
    """The image's columns that bilinear resizing gives a share of the cells left..right; at most some more."""
    scale = width / cells
    begin = max(0, math.floor((left - 0.5) * scale) - 1)
    end = min(width, math.ceil((right + 0.5) * scale) + 1)
    return (begin, end) if left < right and begin < end else (0, 0)


def _resized(transposed: Floats, height: int, width: int, begin: int, end: int) -> Floats:
    """A soft mask, (w, h) -> its columns begin..end resized to (height, width), as rows: (end - begin, height).

    Along one axis after the other, so that columns that nobody asks for are dropped between the two.
    """
    if begin == end:
        return np.zeros((0, height), np.float32)
    source = np.ascontiguousarray(transposed)
    wide = cv2.resize(source, (source.shape[1], width), interpolation=cv2.INTER_LINEAR)[begin:end]
    return np.asarray(cv2.resize(wide, (height, end - begin), interpolation=cv2.INTER_LINEAR), np.float32)


def _span(start: Floats, end: Floats, size: int, padding: float) -> tuple[Floats, Floats]:
    low = np.minimum(start, end) * np.float32(size) - np.float32(padding)
    high = np.maximum(start, end) * np.float32(size) + np.float32(padding)
    return np.maximum(low, 0), np.minimum(high, size)
