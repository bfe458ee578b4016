"""From records to a value with its 95 % interval. Pure, and seeded: the same records give the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

from experiments.bench.types import Record
from experiments.errors import RunFailed

CONFIDENCE = 0.95
RESAMPLES = 9999
SEED = 20260101

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A median over n values, with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


def ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """The median of paired ratios above / below; a pair is two times that were taken side by side.

    The interval is the percentile bootstrap's over pairs. Raises RunFailed unless there are at least two pairs of
    positive numbers: one pair has no interval.
    """
    if len(above) != len(below):
        raise RunFailed(f"ratio: {len(above)} values against {len(below)}: the sides were not interleaved")
    return median([one / other for one, other in zip(_positive(above), _positive(below), strict=True)])


def median(values: Sequence[float]) -> Estimate:
    """The median of positive numbers, with its bootstrap interval. Raises RunFailed for fewer than two."""
    data = _positive(values)
    if len(data) < 2:
        raise RunFailed(f"{len(data)} value(s): at least 2 are needed for an interval")
    found = bootstrap(
        (data,),
        np.median,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(SEED),
    )
    interval = found.confidence_interval
    return Estimate(float(np.median(data)), float(interval.low), float(interval.high), len(data))


def paired(records: Sequence[Record], above: str, below: str) -> tuple[list[float], list[float]]:
    """The seconds of two sides, by round. Raises RunFailed for a round that lacks one of them, or has it twice."""
    sides = {above: _by_round(records, above), below: _by_round(records, below)}
    rounds = sorted(set(sides[above]) | set(sides[below]))
    lacking = [f"{name} in round {number}" for name, times in sides.items() for number in rounds if number not in times]
    if lacking or not rounds:
        raise RunFailed(f"{above} against {below}: no time of {', '.join(lacking[:3]) or 'either'}")
    return [sides[above][number] for number in rounds], [sides[below][number] for number in rounds]


def _by_round(records: Sequence[Record], side: str) -> dict[int, float]:
    times: dict[int, float] = {}
    for record in records:
        if record.get("side") == side:
            number = int(record["round"])
            if number in times:
                raise RunFailed(f"{side}: two times in round {number}")
            times[number] = float(record["seconds"])
    return times


def _positive(values: Sequence[float]) -> Numbers:
    data = np.asarray(values, np.float64)
    if not (np.isfinite(data) & (data > 0)).all():
        raise RunFailed(f"times must be positive numbers; there is {data[~(np.isfinite(data) & (data > 0))][0]}")
    return data
