"""Detections drawn on the photograph: for people to look at, not for measurement."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from cluster_app.tasks import Bytes, Detection
from cluster_app.tasks.yolact import rle
from cluster_app.tasks.yolact.categories import NAMES_BY_ID

MOST_DRAWN = 15  # more hide each other
LEAST_SCORE = 0.15  # what is less sure is drawn only where nothing is as sure, and then the best of it

_OPACITY = 0.45
_GOLDEN_RATIO = 0.618


def draw(image: Bytes, detections: Sequence[Detection], names: Mapping[int, str] = NAMES_BY_ID) -> Bytes:
    """A copy of the (H, W, 3) uint8 BGR image with masks, boxes, class names and scores of the best 15.

    Of those with a score under 0.15 only the best is drawn, and only if there is no other.

    The best detection is drawn last, so that it stays visible. A category that names lacks is written as its
    number. Raises ValueError if a mask's size is not the image's, as when detections of another image are passed.
    """
    canvas = image.copy()
    ordered = sorted(detections, key=lambda found: found.score)
    best = [one for one in ordered if one.score >= LEAST_SCORE][-MOST_DRAWN:] or ordered[-1:]
    for detection in best:
        if tuple(detection.segmentation["size"]) != image.shape[:2]:
            raise ValueError(
                f"mask of size {list(detection.segmentation['size'])} on an image of size {list(image.shape[:2])}"
            )
        _draw_one(canvas, detection, names)
    return canvas


def _draw_one(canvas: Bytes, detection: Detection, names: Mapping[int, str]) -> None:
    colour = colour_of(detection.category_id)
    inside = rle.decode(detection.segmentation).astype(bool)
    blended = canvas[inside] * (1 - _OPACITY) + np.array(colour) * _OPACITY
    canvas[inside] = blended.astype(np.uint8)
    x, y, width, height = (int(value) for value in detection.bbox)
    thickness = max(1, round(min(canvas.shape[:2]) / 300))
    cv2.rectangle(canvas, (x, y), (x + width - 1, y + height - 1), colour, thickness)
    name = names.get(detection.category_id, str(detection.category_id))
    _label(canvas, f"{name} {detection.score:.2f}", x, y, colour)


def _label(canvas: Bytes, text: str, x: int, y: int, colour: tuple[int, int, int]) -> None:
    scale = max(0.35, min(canvas.shape[:2]) / 1200)
    (width, height), baseline = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    top = max(0, y - height - baseline)
    cv2.rectangle(canvas, (x, top), (x + width, top + height + baseline), colour, cv2.FILLED)
    at = (x, top + height)
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)


def colour_of(category_id: int) -> tuple[int, int, int]:
    """A BGR colour for a category, the same in every picture; neighbours are far apart in hue."""
    red, green, blue = colorsys.hsv_to_rgb(category_id * _GOLDEN_RATIO % 1.0, 0.75, 1.0)
    return round(blue * 255), round(green * 255), round(red * 255)
