"""From prototypes and coefficients to masks in the original's pixels, one at a time.

A hundred float masks of a 24-megapixel photograph would be 9.6 GB, so only the small ones at the
prototypes' resolution are held together.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cluster_app.tasks import Bytes, Floats

Pixels = npt.NDArray[np.int64]


def assemble(proto: Floats, coefficients: Floats) -> Floats:
    """Prototypes (h, w, k) and coefficients (n, k) -> soft masks (n, h, w) in 0..1, sigmoid(proto @ coeff)."""
    height, width, count = proto.shape
    logits = coefficients @ proto.reshape(-1, count).T
    # tanh is the sigmoid that cannot overflow.
    soft: Floats = 0.5 * (1 + np.tanh(0.5 * logits))
    return soft.reshape(-1, height, width)


def crop(masks: Floats, boxes: Floats, padding: float = 1.0) -> Floats:
    """Soft masks (n, h, w), set to 0 outside of their boxes (n, 4), which are fractions of the image.

    The box's edges stay fractional and grow by the padding, in pixels of the mask, as published.
    """
    _, height, width = masks.shape
    x1, x2 = _span(boxes[:, 0], boxes[:, 2], width, padding)
    y1, y2 = _span(boxes[:, 1], boxes[:, 3], height, padding)
    column = np.arange(width, dtype=np.float32)[None, :]
    row = np.arange(height, dtype=np.float32)[None, :]
    in_columns = (column >= x1[:, None]) & (column < x2[:, None])
    in_rows = (row >= y1[:, None]) & (row < y2[:, None])
    return masks * (in_rows[:, :, None] & in_columns[:, None, :])


def to_original(mask: Floats, height: int, width: int, threshold: float) -> Bytes:
    """One soft mask (h, w) -> 0/1 mask (height, width) uint8, column-major: bilinear, then over threshold.

    Transposed before the resize: the result is then in the order in which RLE counts pixels, and
    encoding it needs no copy.
    """
    transposed = np.ascontiguousarray(mask.T)
    resized = cv2.resize(transposed, (height, width), interpolation=cv2.INTER_LINEAR)
    return (resized > threshold).view(np.uint8).T


def pixel_boxes(boxes: Floats, height: int, width: int) -> Pixels:
    """Boxes (n, 4) as fractions -> x1, y1, x2, y2 in whole pixels, clipped to the image.

    Truncated, not rounded, as published.
    """
    x1, x2 = _span(boxes[:, 0], boxes[:, 2], width, 0.0)
    y1, y2 = _span(boxes[:, 1], boxes[:, 3], height, 0.0)
    return np.stack([x1, y1, x2, y2], axis=1).astype(np.int64)


def _span(start: Floats, end: Floats, size: int, padding: float) -> tuple[Floats, Floats]:
    low = np.minimum(start, end) * np.float32(size) - np.float32(padding)
    high = np.maximum(start, end) * np.float32(size) + np.float32(padding)
    return np.maximum(low, 0), np.minimum(high, size)
