"""From prototypes and coefficients to masks in the original's pixels, one at a time.

A hundred float masks of a 24-megapixel photograph would be 9.6 GB, so only the small ones at the
prototypes' resolution are held together. `assemble`, `crop` and `to_original` are the published steps;
`encode` does the three in one go, and computes only what its box lets through.
"""

from __future__ import annotations

import math
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
) -> list[dict[str, Any]]:
    """The masks (height, width) of n detections as COCO's compressed RLE.

    proto (h, w, k), coefficients (n, k), boxes (n, 4) as fractions of the image. The same pixels as
    `to_original(crop(assemble(...)))`, of which only those are computed that a box reaches.
    """
    logits = _logits(proto, coefficients)
    cells = _cells(boxes, logits.shape[1:])
    runs = [_runs(one, box, height, width, threshold) for one, box in zip(logits, cells)]
    return [{"size": [height, width], "counts": counts} for counts in rle.compress_all(runs)]


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
    tall = _stretched(np.ascontiguousarray(mask.T), height, axis=1)
    return (_stretched(tall, width, axis=0) > threshold).view(np.uint8).T


def pixel_boxes(boxes: Floats, height: int, width: int) -> Pixels:
    """Boxes (n, 4) as fractions -> x1, y1, x2, y2 in whole pixels, clipped to the image.

    Truncated, not rounded, as published.
    """
    x1, x2 = _span(boxes[:, 0], boxes[:, 2], width, 0.0)
    y1, y2 = _span(boxes[:, 1], boxes[:, 3], height, 0.0)
    return np.stack([x1, y1, x2, y2], axis=1).astype(np.int64)


def _runs(logits: Floats, box: list[int], height: int, width: int, threshold: float) -> rle.Counts:
    """Run lengths of one mask (height, width), from its logits (h, w) and the cells that its box lets through."""
    left, top, right, bottom = box
    (first, last), (upper, lower) = (
        _reach(left, right, logits.shape[1], width),
        _reach(top, bottom, len(logits), height),
    )
    if first == last or upper == lower:
        return np.array([height * width])
    # Transposed, so that pixels lie in the order in which runs are counted. Along y only the box's columns are
    # stretched, then along x only the rows that they reach.
    narrow = np.zeros((right - left, len(logits)), np.float32)
    narrow[:, top:bottom] = _sigmoid(logits[top:bottom, left:right].T)
    tall = np.zeros((logits.shape[1], lower - upper), np.float32)
    tall[left:right] = _stretched(narrow, height, axis=1)[:, upper:lower]
    inside = _stretched(tall, width, axis=0)[first:last] > threshold
    return rle.run_lengths_around(inside.view(np.uint8).T, (height, width), (upper, first))


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


def _reach(low: int, high: int, cells: int, pixels: int) -> tuple[int, int]:
    """The pixels that bilinear resizing gives a share of the cells low..high; at most some more."""
    scale = pixels / cells
    begin = max(0, math.floor((low - 0.5) * scale) - 1)
    end = min(pixels, math.ceil((high + 0.5) * scale) + 1)
    return (begin, end) if low < high and begin < end else (0, 0)


def _stretched(soft: Floats, size: int, axis: int) -> Floats:
    """Resized bilinearly along one axis, each line along it by itself."""
    rows, columns = (size, soft.shape[1]) if axis == 0 else (soft.shape[0], size)
    # OpenCV drops an axis of length 1.
    resized = cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32).reshape(rows, columns)


def _span(start: Floats, end: Floats, size: int, padding: float) -> tuple[Floats, Floats]:
    low = np.minimum(start, end) * np.float32(size) - np.float32(padding)
    high = np.maximum(start, end) * np.float32(size) + np.float32(padding)
    return np.maximum(low, 0), np.minimum(high, size)
