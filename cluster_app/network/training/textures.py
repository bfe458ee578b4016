"""Fillings of objects and backgrounds: each makes (height, width, 3) float32 on the scale 0..255."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from cluster_app.tasks import Bytes, Floats

Random = np.random.Generator
Texture = Callable[[int, int, Random], Floats]


def gradient(height: int, width: int, rng: Random) -> Floats:
    """From one colour to another, in one direction."""
    along = _ramp(height, width, rng)
    along = (along - along.min()) / max(float(np.ptp(along)), 1e-6)
    return _mixed(along, rng)


def stripes(height: int, width: int, rng: Random) -> Floats:
    """Soft or hard, four to twenty pixels each."""
    wave = np.sin(_ramp(height, width, rng) * (np.pi / rng.uniform(4, 20)))
    return _mixed(np.clip(0.5 + wave * rng.uniform(0.5, 4), 0, 1), rng)


def checks(height: int, width: int, rng: Random) -> Floats:
    """A chequerboard, turned."""
    side = rng.uniform(5, 20)
    first, second = _axes(height, width, rng.uniform(0, np.pi))
    return _mixed((np.floor(first / side) + np.floor(second / side)) % 2, rng)


def dots(height: int, width: int, rng: Random) -> Floats:
    """Round spots on a grid, turned."""
    side, reach = rng.uniform(6, 20), rng.uniform(0.25, 0.4)
    first, second = _axes(height, width, rng.uniform(0, np.pi))
    inside = np.hypot(first / side % 1 - 0.5, second / side % 1 - 0.5) < reach
    return _mixed(inside.astype(np.float32), rng)


def clouds(height: int, width: int, rng: Random) -> Floats:
    """Slow noise in each channel."""
    cells = (int(rng.integers(2, 9)), int(rng.integers(2, 9)), 3)
    coarse = rng.uniform(0, 255, cells).astype(np.float32)
    return np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255)


def grain(height: int, width: int, rng: Random) -> Floats:
    """One colour with noise of one to three pixels."""
    step = int(rng.integers(1, 4))
    noise = rng.normal(0, rng.uniform(10, 50), (height // step + 1, width // step + 1, 1)).astype(np.float32)
    larger = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)[:, :, np.newaxis]
    return np.clip(_colour(rng) + larger, 0, 255)


PATTERNS: tuple[Texture, ...] = (stripes, checks, dots, clouds, gradient, grain)


def photo_patch(photos: Sequence[Bytes], height: int, width: int, rng: Random) -> Floats:
    """A cut of one of the photographs, scaled to fill the area, sometimes mirrored."""
    photo = photos[int(rng.integers(len(photos)))]
    factor = rng.uniform(0.35, 1.0) * min(photo.shape[0] / height, photo.shape[1] / width)
    cut_height, cut_width = max(1, int(height * factor)), max(1, int(width * factor))
    y = int(rng.integers(photo.shape[0] - cut_height + 1))
    x = int(rng.integers(photo.shape[1] - cut_width + 1))
    cut = photo[y : y + cut_height, x : x + cut_width]
    method = cv2.INTER_AREA if factor > 1 else cv2.INTER_LINEAR
    patch = cv2.resize(cut, (width, height), interpolation=method)
    return (patch[:, ::-1] if rng.random() < 0.5 else patch).astype(np.float32)


def _colour(rng: Random) -> Floats:
    return rng.uniform(0, 255, 3).astype(np.float32)


def _mixed(share: Floats, rng: Random) -> Floats:
    first, second = _colour(rng), _colour(rng)
    return first + share.astype(np.float32)[:, :, np.newaxis] * (second - first)


def _ramp(height: int, width: int, rng: Random) -> Floats:
    return _axes(height, width, rng.uniform(0, 2 * np.pi))[0]


def _axes(height: int, width: int, angle: float) -> tuple[Floats, Floats]:
    """Coordinates in pixels along the angle and across it, each (height, width)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return (x * np.cos(angle) + y * np.sin(angle)), (y * np.cos(angle) - x * np.sin(angle))
