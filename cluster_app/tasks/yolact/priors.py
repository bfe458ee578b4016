"""The prior boxes: fixed by the input size alone, neither learned nor part of suppression."""

from __future__ import annotations

import math

import numpy as np

from cluster_app.tasks import Floats
from cluster_app.tasks.yolact.config import YolactConfig


def make_priors(config: YolactConfig) -> Floats:
    """(N, 4) float32: cx, cy, w, h as fractions of the image, by level, row, column, ratio.

    All priors are square: the published code sets h = w = scale * sqrt(ratio), a known quirk that
    its published weights were trained with.
    """
    levels = [
        _level(side, scale / config.image_size, config.ratios)
        for side, scale in zip(config.feature_sizes, config.scales)
    ]
    return np.concatenate(levels)


def _level(side: int, scale: float, ratios: tuple[float, ...]) -> Floats:
    centres = (np.arange(side) + 0.5) / side
    widths = scale * np.array([math.sqrt(ratio) for ratio in ratios])
    cy, cx, width = np.meshgrid(centres, centres, widths, indexing="ij")
    return np.stack([cx, cy, width, width], axis=-1).reshape(-1, 4).astype(np.float32)
