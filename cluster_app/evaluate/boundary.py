"""Boundary IoU: overlap of the outlines' surroundings, which a large object's interior cannot outweigh.

Source: Cheng et al., "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation", CVPR 2021. A mask's
boundary is what lies in it within d pixels of its contour; d is a share of the image's diagonal, the dilation ratio.
"""

from __future__ import annotations

import math
from typing import Tuple

import cv2
import numpy as np

from cluster_app.tasks import Bytes

RATIOS = (0.005, 0.01, 0.02, 0.04, 0.08)
_KERNEL = np.ones((3, 3), np.uint8)


def distance(height: int, width: int, ratio: float) -> int:
    """The boundary's width d in pixels: ratio times the diagonal, rounded, at least 1."""
    return max(1, round(ratio * math.hypot(height, width)))


def boundary(mask: Bytes, width: int) -> Bytes:
    """The pixels of a 0/1 mask (h, w) that `width` erosions by 3 x 3 take away; beyond the image's edge there is 0."""
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inner = cv2.erode(framed, _KERNEL, iterations=width)[1:-1, 1:-1]
    return mask - inner.astype(np.uint8, copy=False)


def boundary_iou(first: Bytes, second: Bytes, ratio: float) -> float:
    """Boundary IoU of two 0/1 masks (h, w) uint8 of one image; 0 where both are empty.

    Raises ValueError if their sizes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"masks of different images: sizes {first.shape} and {second.shape} (height, width)")
    width = distance(first.shape[0], first.shape[1], ratio)
    rows, columns = _extent(first | second)
    # Outside of both masks there is nothing to erode: their surroundings give the same result in less time.
    one, other = (boundary(np.ascontiguousarray(mask[rows, columns]), width) for mask in (first, second))
    union = int(np.count_nonzero(one | other))
    return int(np.count_nonzero(one & other)) / union if union else 0.0


def _extent(mask: Bytes) -> Tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
