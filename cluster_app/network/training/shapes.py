"""Outlines of the synthetic objects: contours in the unit square -1..1, drawn afresh for each object.

A contour is (n, 2) float64, x and y. Where an outline has two contours, the second is a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Contour = npt.NDArray[np.float64]
Outline = list[Contour]
Random = np.random.Generator

_ROUND = 64  # points of a full circle


def star(rng: Random) -> Outline:
    """Five to seven points."""
    points = int(rng.integers(5, 8))
    radii = np.where(np.arange(2 * points) % 2 == 0, 1.0, rng.uniform(0.45, 0.58))
    return [_polar(radii)]


def ring(rng: Random) -> Outline:
    """A disc with a hole, not quite in its middle."""
    inner = rng.uniform(0.35, 0.55)
    offset = rng.uniform(-0.1, 0.1, 2)
    circle = _polar(np.ones(_ROUND))
    return [circle, circle[::-1] * inner + offset]


def cross(rng: Random) -> Outline:
    """A plus with arms of one width."""
    a = rng.uniform(0.28, 0.4)
    corners = [
        (-a, -1),
        (a, -1),
        (a, -a),
        (1, -a),
        (1, a),
        (a, a),
        (a, 1),
        (-a, 1),
        (-a, a),
        (-1, a),
        (-1, -a),
        (-a, -a),
    ]
    return [np.array(corners, float)]


def heart(rng: Random) -> Outline:
    """The curve x = sin^3, y = sum of cosines, of varying slenderness."""
    t = _angles(_ROUND)
    x = np.sin(t) ** 3
    y = (13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return [np.stack([x * rng.uniform(0.85, 1.0), -y], axis=1)]


def arrow(rng: Random) -> Outline:
    """A shaft with a triangular head."""
    shaft, neck, head = rng.uniform(0.22, 0.38), rng.uniform(-0.15, 0.2), rng.uniform(0.7, 0.9)
    corners = [(-1, -shaft), (neck, -shaft), (neck, -head), (1, 0), (neck, head), (neck, shaft), (-1, shaft)]
    return [np.array(corners, float)]


def crescent(rng: Random) -> Outline:
    """A disc without a second disc that covers a part of it."""
    distance, radius = rng.uniform(0.6, 0.8), rng.uniform(0.75, 0.95)
    x = (1 + distance**2 - radius**2) / (2 * distance)  # where the two circles meet
    outer_from = np.arccos(x)
    inner_from = np.arctan2(np.sin(outer_from), x - distance)
    outer = np.linspace(outer_from, 2 * np.pi - outer_from, _ROUND)
    inner = np.linspace(2 * np.pi - inner_from, inner_from, _ROUND)
    arc = np.stack([np.cos(outer), np.sin(outer)], axis=1)
    bite = np.stack([distance + radius * np.cos(inner), radius * np.sin(inner)], axis=1)
    return [np.concatenate([arc, bite[1:-1]])]


def disc(_: Random) -> Outline:
    return [_polar(np.ones(_ROUND))]


def rectangle(rng: Random) -> Outline:
    half = rng.uniform(0.12, 1.0)
    return [np.array([(-1, -half), (1, -half), (1, half), (-1, half)], float)]


def polygon(rng: Random) -> Outline:
    """Three, five or six equal sides."""
    return [_polar(np.ones(int(rng.choice([3, 5, 6]))))]


def blob(rng: Random) -> Outline:
    """A disc whose radius swings slowly."""
    t = _angles(_ROUND)
    swings = sum(rng.uniform(-0.2, 0.2) * np.cos(k * t + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4))
    radii = 1.0 + np.asarray(swings)
    return [_polar(radii / radii.max())]


OBJECTS: Mapping[str, Callable[[Random], Outline]] = {
    "star": star, "ring": ring, "cross": cross, "heart": heart, "arrow": arrow, "crescent": crescent,
}  # fmt: skip
DISTRACTORS: tuple[Callable[[Random], Outline], ...] = (disc, rectangle, polygon, blob)


def placed(outline: Outline, centre: Contour, radius: float, rng: Random) -> Outline:
    """The outline turned, squeezed to 0.7..1 across, sheared a little, scaled to the radius and moved; in pixels."""
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    squeeze = np.array([[1.0, rng.uniform(-0.15, 0.15)], [0.0, rng.uniform(0.7, 1.0)]])
    matrix = radius * turn @ squeeze
    return [contour @ matrix.T + centre for contour in outline]


def _angles(count: int) -> npt.NDArray[np.float64]:
    return np.arange(count) * (2 * np.pi / count)


def _polar(radii: npt.NDArray[np.float64]) -> Contour:
    t = _angles(len(radii))
    return np.stack([radii * np.cos(t), radii * np.sin(t)], axis=1)
