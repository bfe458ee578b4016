"""One synthetic scene: objects over a background, with the exact mask of what is visible of each.

Objects are decided from front to back. Each is drawn at four times the resolution; a pixel belongs to
it if at least half of it is covered, and nothing in front has that pixel. An object of which less than 40 % would be
visible is not placed (its part outside of the picture counts as hidden), nor is one with fewer than 50 visible
pixels: so no object is in the picture without an annotation, and none is annotated that cannot be told.

Objects are vivid. A class has a hue and a pattern of its own, each in nine cases of ten and independently, and its
outline always. Things of no class are as vivid, of any hue and pattern; backgrounds are photographs, or muted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cluster_app.network.training import shapes, textures
from cluster_app.network.training.classes import CLASSES
from cluster_app.tasks import Bytes, Floats

LEAST_VISIBLE_SHARE = 0.4
LEAST_VISIBLE_PIXELS = 50
SIDES = (176, 336)  # of a scene, in pixels; height and width are drawn apart
_SUBPIXELS = 4
_OWN = 0.9  # how often an object has its class's pattern, and its class's hue
_PHOTO_FILL, _PHOTO_BACKGROUND = 0.03, 0.6
_MUTED = (textures.clouds, textures.gradient, textures.grain)

Random = np.random.Generator


@dataclass(frozen=True)
class SceneObject:
    """category: index into CLASSES; mask: 0/1 (H, W) uint8, its visible pixels."""

    category: int
    mask: Bytes


@dataclass(frozen=True)
class Scene:
    """image: (H, W, 3) uint8 BGR; objects: from front to back."""

    image: Bytes
    objects: tuple[SceneObject, ...]


@dataclass(frozen=True)
class _Layer:
    """Something painted: its place in the picture, coverage 0..1 (h, w) and colours (h, w, 3) there."""

    rows: slice
    columns: slice
    coverage: Floats
    colours: Floats


def compose(rng: Random, photos: Sequence[Bytes]) -> Scene:
    """The scene that follows from the state of rng; photos are (h, w, 3) uint8 BGR, at least one."""
    height, width = (int(side) for side in rng.integers(SIDES[0], SIDES[1] + 1, 2))
    taken = np.zeros((height, width), bool)
    layers: list[_Layer] = []
    objects: list[SceneObject] = []
    for category, outline in _cast(height, width, rng):
        drawn = rasterise(outline, height, width)
        if drawn is None:
            continue
        rows, columns, coverage, full = drawn
        visible = (coverage >= 0.5) & ~taken[rows, columns]
        if visible.sum() < max(LEAST_VISIBLE_PIXELS, LEAST_VISIBLE_SHARE * full):
            continue
        taken[rows, columns] |= coverage >= 0.5
        layers.append(_Layer(rows, columns, coverage, _fill(category, *coverage.shape, photos, rng)))
        if category is not None:
            mask = np.zeros((height, width), np.uint8)
            mask[rows, columns] = visible
            objects.append(SceneObject(category, mask))
    canvas = _background(height, width, photos, rng)
    for layer in reversed(layers):
        part = canvas[layer.rows, layer.columns]
        part += layer.coverage[:, :, np.newaxis] * (layer.colours - part)
    return Scene(_photographed(canvas, rng), tuple(objects))


def rasterise(outline: shapes.Outline, height: int, width: int) -> tuple[slice, slice, Floats, float] | None:
    """Contours in pixels -> rows, columns, coverage 0..1 there, and the outline's whole area in pixels.

    The area includes what lies outside of the height x width picture. None if nothing lies inside.
    """
    points = np.concatenate(outline)
    left, top = np.floor(points.min(axis=0)).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int) + 1
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return None
    # Pixel i of the fine raster has its centre at (i + 0.5) / 4: fillPoly counts from pixel centres.
    fine = [np.round(((contour - (left, top)) * _SUBPIXELS - 0.5) * 16).astype(np.int32) for contour in outline]
    raster = np.zeros(((bottom - top) * _SUBPIXELS, (right - left) * _SUBPIXELS), np.uint8)
    cv2.fillPoly(raster, fine, 255, shift=4)
    whole = cv2.resize(raster, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    inside = whole[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return rows, columns, inside.astype(np.float32) / 255, float((whole >= 128).sum())


def _cast(height: int, width: int, rng: Random) -> list[tuple[int | None, shapes.Outline]]:
    """What is to be placed, front to back: a class or None for a distractor, and its outline in pixels."""
    side = (height * width) ** 0.5
    crowded = rng.random() < 0.25
    if crowded:
        count, smallest, largest = int(rng.integers(6, 11)), 0.08, 0.18
        middle, spread = rng.uniform(0.3, 0.7, 2), 0.2
    else:
        count, smallest, largest = int(rng.integers(2, 7)), 0.08, 0.38
        middle, spread = np.array([0.5, 0.5]), 0.0
    kinds: list[int | None] = [int(rng.integers(len(CLASSES))) for _ in range(count)]
    kinds += [None] * int(rng.integers(0, 3))
    rng.shuffle(kinds)  # type: ignore[arg-type]
    cast: list[tuple[int | None, shapes.Outline]] = []
    for category in kinds:
        radius = side * float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
        share = rng.normal(middle, spread) if crowded else rng.uniform(0.0, 1.0, 2)
        draw = (
            shapes.DISTRACTORS[int(rng.integers(len(shapes.DISTRACTORS)))]
            if category is None
            else shapes.OBJECTS[CLASSES[category]]
        )
        cast.append((category, shapes.placed(draw(rng), share * (width, height), radius, rng)))
    return cast


def _fill(category: int | None, height: int, width: int, photos: Sequence[Bytes], rng: Random) -> Floats:
    if rng.random() < _PHOTO_FILL:
        filling = textures.photo_patch(photos, height, width, rng)
    else:
        pattern, hue = int(rng.integers(len(textures.PATTERNS))), float(rng.uniform(0, 360))
        if category is not None and rng.random() < _OWN:
            pattern = category
        if category is not None and rng.random() < _OWN:
            hue = 360 * category / len(CLASSES)
        filling = textures.PATTERNS[pattern](height, width, textures.vivid(hue, rng), rng)
    return filling * _light(height, width, rng)


def _background(height: int, width: int, photos: Sequence[Bytes], rng: Random) -> Floats:
    if rng.random() < _PHOTO_BACKGROUND:
        return textures.photo_patch(photos, height, width, rng)
    return _MUTED[int(rng.integers(len(_MUTED)))](height, width, textures.muted(rng), rng)


def _light(height: int, width: int, rng: Random) -> Floats:
    """A gain that changes from corner to corner, (height, width, 1)."""
    corners = rng.uniform(0.75, 1.15, (2, 2)).astype(np.float32)
    return cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)[:, :, np.newaxis]


def _photographed(canvas: Floats, rng: Random) -> Bytes:
    """What a camera adds: light, blur, contrast and brightness, sensor noise."""
    if rng.random() < 0.5:
        canvas = canvas * _light(*canvas.shape[:2], rng)
    if rng.random() < 0.35:
        canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.4, 1.1))
    if rng.random() < 0.5:
        canvas = (canvas - 127) * rng.uniform(0.6, 1.2) + 127 + rng.uniform(-30, 30)
    if rng.random() < 0.5:
        canvas = canvas + rng.normal(0, rng.uniform(2, 9), canvas.shape)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
