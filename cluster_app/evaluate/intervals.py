"""95 % intervals by resampling whole images: objects of one image are not independent of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np
import numpy.typing as npt

RESAMPLES = 300
SEED = 20240101
_BOUNDS = (2.5, 97.5)

Weights = npt.NDArray[np.int64]
Samples = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; None where there is nothing to measure it on."""

    value: Optional[float]
    low: Optional[float]
    high: Optional[float]


def image_weights(images: int, resamples: int = RESAMPLES, seed: int = SEED) -> Weights:
    """How often each image is drawn, (resamples, images). The same for all backends, so that they can be paired."""
    return np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), size=resamples)


def estimate(value: float, samples: Samples) -> Estimate:
    """A value and the percentile interval of its resamples; those that hold nothing to measure (NaN) do not count."""
    if np.isnan(value):
        return Estimate(None, None, None)
    known = samples[~np.isnan(samples)]
    low, high = np.percentile(known, _BOUNDS) if len(known) else (value, value)
    return Estimate(float(value), float(low), float(high))


def weighted_mean(sums: Samples, counts: Samples, weights: Weights) -> Estimate:
    """The mean of what the images hold: sums (images,) over counts (images,), with its interval."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return estimate(float(np.divide(sums.sum(), counts.sum())), (weights @ sums) / (weights @ counts))


def median_of_rounds(values: Samples, seed: int = SEED, resamples: int = 2000) -> Estimate:
    """The median of one value for each round, (rounds,), with an interval by resampling the rounds."""
    drawn = np.random.default_rng(seed).integers(0, len(values), size=(resamples, len(values)))
    return estimate(float(np.median(values)), np.median(values[drawn], axis=1))
