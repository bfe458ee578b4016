"""Medians, paired ratios inside host blocks, the host's noise floor, outliers. Pure, and seeded.

Interval, confidence and seed are those of `experiments.bench.statistics`: the percentile bootstrap's, so that a report
and a benchmark say the same of the same times. For a median of five values it is their range (94 %); with fewer it is
too narrow (75 % for three), which `few` says.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap, median_abs_deviation

from experiments.analysis.trials import Observation
from experiments.bench.statistics import CONFIDENCE, RESAMPLES, SEED, Estimate
from experiments.errors import RunFailed

# Fewer repeats than this do not carry a 95 % interval.
ENOUGH = 5
# A difference under this share is none, whatever an A/A says: a narrow interval tells that it came again in each round,
# not that it would between two starts of the same.
UNSEEN = 0.02
# Two times count as the same where the whole interval of their ratio lies within this share of 1.
SAME = 0.10
# Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993): flagged where the modified z-score is over this.
OUTLIER = 3.5
_CONSISTENT_MAD, _CONSISTENT_MEAN = 1.4826, 1.2533

Numbers = npt.NDArray[np.float64]


T = TypeVar("T")


@dataclass(frozen=True)
class NoEstimate:
    """Why there is no value."""

    reason: str


@dataclass(frozen=True)
class Summary:
    """The median of n values, with its 95 % interval; low and high are None for a single value."""

    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def few(self) -> bool:
        return self.n < ENOUGH


@dataclass(frozen=True)
class Ratio:
    """One cell over another: the medians of paired ratios, pooled over blocks.

    blocks: those with pairs in it; trials: those it rests on; alone: those without a partner.
    """

    estimate: Estimate
    blocks: tuple[int, ...]
    trials: tuple[str, ...]
    alone: tuple[str, ...]

    @property
    def few(self) -> bool:
        return self.estimate.n < ENOUGH


@dataclass(frozen=True)
class NoiseFloor:
    """What one cell under two names differs by: no smaller difference means anything. share: 0.03 for 3 %."""

    share: float
    ratio: Ratio


def summary(values: Sequence[float]) -> Summary | NoEstimate:
    """The median with its interval. Values may be zero or negative, but not infinite or NaN: RunFailed."""
    return _summary(tuple(values)) if values else NoEstimate("no trial was measured")


# A report shows the same cell in several figures and tables, and holds the same cells against each other.
@lru_cache(maxsize=8192)
def _summary(values: tuple[float, ...]) -> Summary:
    data = _finite(values)
    if len(data) == 1:
        return Summary(float(data[0]), None, None, 1)
    found = interval([data], _median)
    return Summary(found.value, found.low, found.high, found.n)


def by_block(observations: Sequence[Observation]) -> dict[int, list[float]]:
    """Values by block, in the order of blocks and rounds: absolute times of different hosts are never mixed."""
    found: dict[int, list[float]] = {}
    for one in sorted(observations, key=lambda one: (one.block, one.round)):
        found.setdefault(one.block, []).append(one.value)
    return found


def largest_block(blocks: Iterable[int]) -> int:
    """The block that most trials are of, given each trial's, and the first of several such: seconds that are shown
    beside each other are of one block, since one host's and another's make no range.
    """
    counts = Counter(blocks)
    return min(counts, key=lambda block: (-counts[block], block))


def ratio(above: Sequence[Observation], below: Sequence[Observation]) -> Ratio | NoEstimate:
    """above / below, paired by block and round.

    In a block: the median of its pairs' ratios. Over blocks: the mean of these medians' logarithms, weighted by pairs.
    The interval resamples pairs inside each block; blocks of one pair are resampled together, as one, since a ratio is
    of one host whichever it is; the only one of them joins the block of fewest pairs. With one block this is
    `experiments.bench.statistics.ratio`.
    Raises RunFailed for times that are not positive, and for two times of one cell in a round.
    """
    return _ratio(tuple(above), tuple(below))


@lru_cache(maxsize=8192)
def _ratio(above: tuple[Observation, ...], below: tuple[Observation, ...]) -> Ratio | NoEstimate:
    one, other = _by_place(above), _by_place(below)
    pairs: dict[int, list[float]] = {}
    for place in sorted(one.keys() & other.keys()):
        pairs.setdefault(place[0], []).append(_positive(one[place]) / _positive(other[place]))
    samples = resampled(list(pairs.values()))
    if not samples:
        return NoEstimate(f"{'1 pair' if pairs else 'no pair'} of trials; an interval needs 2")
    used = sorted(one.keys() & other.keys())
    alone = [side[place].trial for side in (one, other) for place in sorted(side) if place not in used]
    return Ratio(
        estimate=interval([_finite(ratios) for ratios in samples], _pooled),
        blocks=tuple(dict.fromkeys(block for block, _ in used)),
        trials=tuple(dict.fromkeys(side[place].trial for place in used for side in (one, other))),
        alone=tuple(alone),
    )


def resampled(blocks: Sequence[list[T]]) -> list[list[T]]:
    """What each block has of pairs, as pairs are resampled together (see `ratio`): none where there is one in all."""
    several, single = [one for one in blocks if len(one) > 1], [one[0] for one in blocks if len(one) == 1]
    if len(single) > 1:
        return [*several, single]
    if single and several:
        fewest = min(several, key=len)
        return [[*one, *single] if one is fewest else one for one in several]
    return several


def noise_floor(one: Sequence[Observation], same: Sequence[Observation]) -> NoiseFloor | NoEstimate:
    """From the trials of one cell under two names: the farthest from 1 that the interval of their ratio reaches.

    No estimate from fewer pairs than an interval needs: by chance they may differ by nothing.
    """
    found = ratio(one, same)
    if isinstance(found, NoEstimate):
        return found
    if found.few:
        return NoEstimate(f"{found.estimate.n} pairs of trials; {ENOUGH} are needed")
    ends = (found.estimate.low, found.estimate.high)
    return NoiseFloor(math.exp(max(abs(math.log(end)) for end in ends)) - 1, found)


def differs(found: Estimate, floor: NoiseFloor | None) -> int:
    """-1 where a ratio is below 1 beyond its own interval and beyond the floor, 1 where above, else 0.

    The floor is UNSEEN at least: an A/A of another cell that came out quieter does not make this one quieter.
    """
    return apart(found, max(floor.share, UNSEEN) if floor else UNSEEN)


def apart(found: Estimate, share: float) -> int:
    """The same for any least share that means something."""
    least = 1 + share
    if found.high < 1 and found.value < 1 / least:
        return -1
    return 1 if found.low > 1 and found.value > least else 0


def within(found: Estimate) -> bool:
    """Whether the whole interval counts as the same."""
    return found.low >= 1 / (1 + SAME) and found.high <= 1 + SAME


def outliers(observations: Sequence[Observation]) -> tuple[Observation, ...]:
    """Those far from the median of their cell and block. To be shown; nothing is left out because of it.

    Where over half of the values are equal, the mean absolute deviation stands for the median one, as published.
    """
    groups: dict[tuple[str, str, int], list[Observation]] = {}
    for one in observations:
        groups.setdefault((one.preset, one.cell, one.block), []).append(one)
    return tuple(one for group in groups.values() for one in _far(group))


def interval(samples: Sequence[Numbers], statistic: Callable[..., Any]) -> Estimate:
    """A statistic of samples (one, or several that are resampled each by itself), with its percentile interval.

    Each sample has two values at least. `statistic` takes one array a sample and an axis.
    """
    found = bootstrap(
        tuple(samples),
        statistic,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    value = float(statistic(*samples, axis=-1))
    return Estimate(value, float(found.low), float(found.high), sum(map(len, samples)))


def _median(values: Numbers, axis: int) -> Any:
    return np.median(values, axis=axis)


def _pooled(*blocks: Numbers, axis: int) -> Any:
    sizes = [block.shape[axis] for block in blocks]
    logs = [size * np.log(np.median(block, axis=axis)) for size, block in zip(sizes, blocks, strict=True)]
    return np.exp(sum(logs) / sum(sizes))


def _far(group: Sequence[Observation]) -> list[Observation]:
    values = _finite([one.value for one in group])
    distance = np.abs(values - np.median(values))
    scale = _CONSISTENT_MAD * float(median_abs_deviation(values)) or _CONSISTENT_MEAN * float(np.mean(distance))
    return [one for one, far in zip(group, distance, strict=True) if scale and far > OUTLIER * scale]


def _by_place(observations: Sequence[Observation]) -> dict[tuple[int, int], Observation]:
    found: dict[tuple[int, int], Observation] = {}
    for one in observations:
        place = (one.block, one.round)
        if place in found:
            raise RunFailed(
                f"{one.cell}: two trials in round {one.round} of block {one.block}: {found[place].trial}, {one.trial}"
            )
        found[place] = one
    return found


def _positive(one: Observation) -> float:
    if not (math.isfinite(one.value) and one.value > 0):
        raise RunFailed(f"{one.trial}: {one.value} is no positive number, and has no ratio")
    return one.value


def _finite(values: Sequence[float]) -> Numbers:
    data = np.asarray(values, np.float64)
    if not np.isfinite(data).all():
        raise RunFailed(f"{data[~np.isfinite(data)][0]} among the values: only numbers have a median")
    return data
