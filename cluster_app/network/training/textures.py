"""Fillings of objects and backgrounds: each makes (height, width, 3) float32 on the scale 0..255.

Patterns go between two colours, (2, 3) float32 BGR on the same scale.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from cluster_app.tasks import Bytes, Floats

Random = np.random.Generator
Colours = Floats
_Numbers = npt.NDArray[np.float64]
Texture = Callable[[int, int, Colours, Random], Floats]


def gradient(height: int, width: int, colours: Colours, rng: Random) -> Floats:
    """From one colour to the other, in one direction."""
    along = _ramp(height, width, rng)
    return _mixed((along - along.min()) / max(float(np.ptp(along)), 1e-6), colours)


def stripes(height: int, width: int, colours: Colours, rng: Random) -> Floats:
    """Soft or hard, four to fourteen pixels each."""
    wave = np.sin(_ramp(height, width, rng) * (np.pi / rng.uniform(4, 14)))
    return _mixed(np.clip(0.5 + wave * rng.uniform(0.5, 4), 0, 1), colours)


def checks(height: int, width: int, colours: Colours, rng: Random) -> Floats:
    """A chequerboard, turned."""
    side = rng.uniform(5, 14)
    first, second = _axes(height, width, rng.uniform(0, np.pi))
    return _mixed((np.floor(first / side) + np.floor(second / side)) % 2, colours)


def dots(height: int, width: int, colours: Colours, rng: Random) -> Floats:
    """Round spots on a grid, turned."""
    side, reach = rng.uniform(6, 16), rng.uniform(0.25, 0.4)
    first, second = _axes(height, width, rng.uniform(0, np.pi))
    inside = np.hypot(first / side % 1 - 0.5, second / side % 1 - 0.5) < reach
    return _mixed(inside.astype(np.float32), colours)


def clouds(height: int, width: int, colours: Colours, rng: Random) -> Floats:
    """Slow noise between the colours."""
    coarse = rng.uniform(-0.3, 1.3, (int(rng.integers(2, 7)), int(rng.integers(2, 7)))).astype(np.float32)
    return _mixed(np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1), colours)


def grain(height: int, width: int, colours: Colours, rng: Random) -> Floats:
    """The first colour with noise of one to three pixels."""
    step = int(rng.integers(1, 4))
    noise = rng.normal(0, rng.uniform(10, 40), (height // step + 1, width // step + 1, 1)).astype(np.float32)
    larger = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)[:, :, np.newaxis]
    return np.clip(colours[0] + larger, 0, 255)


PATTERNS: tuple[Texture, ...] = (stripes, checks, dots, clouds, gradient, grain)


def vivid(hue: float, rng: Random) -> Colours:
    """Two saturated colours of about that hue (degrees), a light one and a dark one, in any order; (2, 3) BGR."""
    hues = hue + rng.uniform(-12, 12, 2)
    saturations, values = rng.uniform(0.6, 1.0, 2), np.array([rng.uniform(0.65, 1.0), rng.uniform(0.15, 0.45)])
    pair = _bgr(hues, saturations, values)
    return pair if rng.random() < 0.5 else pair[::-1]


def muted(rng: Random) -> Colours:
    """Two greyish colours that differ little; (2, 3) BGR."""
    value = rng.uniform(0.1, 0.9)
    values = np.clip(value + rng.uniform(-0.15, 0.15, 2), 0, 1)
    return _bgr(rng.uniform(0, 360, 2), rng.uniform(0.0, 0.4, 2), values)


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


def _bgr(
    hues: npt.NDArray[np.float64], saturations: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> Colours:
    pairs = zip(hues, saturations, values)
    colours = [colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value)[::-1] for hue, saturation, value in pairs]
    return 255 * np.array(colours, np.float32)


def _mixed(share: Floats, colours: Colours) -> Floats:
    return colours[0] + share.astype(np.float32)[:, :, np.newaxis] * (colours[1] - colours[0])


def _ramp(height: int, width: int, rng: Random) -> Floats:
    return _axes(height, width, rng.uniform(0, 2 * np.pi))[0]


def _axes(height: int, width: int, angle: float) -> tuple[Floats, Floats]:
    """Coordinates in pixels along the angle and across it, each (height, width)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return (x * np.cos(angle) + y * np.sin(angle)), (y * np.cos(angle) - x * np.sin(angle))
