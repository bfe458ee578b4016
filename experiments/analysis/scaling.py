"""How time falls as workers are added: laws, their fits with intervals, and what the fits leave unexplained. Pure.

A law gives the time of n workers relative to one. It is fitted to the logarithms of measured times by least squares,
because the noise of times is relative; each host block has a time of one worker of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from experiments.analysis.statistics import Numbers
from experiments.bench.statistics import CONFIDENCE, SEED, Estimate
from experiments.errors import RunFailed

# A law is rejected where its misfit would come by chance less often than this, and is larger than a reader would see.
CHANCE, VISIBLE = 0.05, 0.02
# Draws of a fit's parameters, for intervals of what is computed from them.
DRAWS = 4000


@dataclass(frozen=True)
class Law:
    """relative: the time of n workers over that of one, from the parameters, each at least 0 and below its bound."""

    name: str
    parameters: tuple[str, ...]
    bounds: tuple[float, ...]
    relative: Callable[..., Any]
    source: str


AMDAHL = Law(
    "Amdahl", ("serial",), (1.0,), lambda n, serial: serial + (1 - serial) / n, "Amdahl, AFIPS 30 (1967) 483-485"
)
USL = Law(
    "Universal Scalability Law",
    ("contention", "coherency"),
    (1.0, 1.0),
    lambda n, contention, coherency: (1 + contention * (n - 1) + coherency * n * (n - 1)) / n,
    "Gunther, Guerrilla Capacity Planning (2007), equation 4.31",
)
# Of weak scaling: the work grows with the workers.
GUSTAFSON = Law(
    "Gustafson",
    ("serial",),
    (1.0,),
    lambda n, serial: n / (n - serial * (n - 1)),
    "Gustafson, Comm. ACM 31 (1988) 532-533",
)


@dataclass(frozen=True)
class Point:
    """One trial: its workers (or the sum of their relative speeds), its seconds, its host block."""

    workers: float
    seconds: float
    block: int = 1


@dataclass(frozen=True)
class NoFit:
    """Why there is no curve."""

    reason: str


@dataclass(frozen=True)
class Check:
    """What a fit leaves unexplained.

    largest: the farthest that the mean at a number of workers lies from the curve, as a share, and at which number;
    chance: how likely the misfit is if the law holds (F test against the repeats' spread), None without repeats.
    """

    largest: float
    at: float
    chance: float | None

    @property
    def holds(self) -> bool:
        return self.chance is None or self.chance >= CHANCE or self.largest < VISIBLE


@dataclass(frozen=True)
class Fit:
    """A law fitted to n points. parameters and one_worker (seconds, by block) have 95 % intervals.

    solution and covariance: of the parameters and the logarithms of the blocks' times, in this order; least, most: the
    workers measured.
    """

    law: Law
    parameters: Mapping[str, Estimate]
    one_worker: Mapping[int, Estimate]
    solution: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    check: Check
    least: float
    most: float
    n: int

    def seconds(self, workers: float, block: int) -> float:
        """The curve. Raises KeyError for a block without points."""
        parameters = [one.value for one in self.parameters.values()]
        return self.one_worker[block].value * float(self.law.relative(workers, *parameters))

    def drawn_seconds(self, workers: float, block: int) -> Numbers:
        """The curve under DRAWS seeded draws of its parameters: their spread is its uncertainty."""
        drawn = self.draws
        parameters = drawn[:, : len(self.law.parameters)].T
        place = len(self.law.parameters) + list(self.one_worker).index(block)
        times: Numbers = np.exp(drawn[:, place]) * self.law.relative(workers, *parameters)
        return times

    def band(self, workers: float, block: int) -> Estimate:
        """The curve with its 95 % interval."""
        low, high = np.quantile(self.drawn_seconds(workers, block), TAILS)
        return Estimate(self.seconds(workers, block), float(low), float(high), self.n)

    @cached_property
    def draws(self) -> Numbers:
        """DRAWS seeded draws of the solution, within its bounds."""
        chance = np.random.default_rng(SEED)
        drawn = chance.multivariate_normal(self.solution, np.array(self.covariance), DRAWS, method="eigh")
        for place, bound in enumerate(self.law.bounds):
            drawn[:, place] = np.clip(drawn[:, place], 0, bound)
        return drawn


TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


def fit(law: Law, points: Sequence[Point]) -> Fit | NoFit:
    """The law's least-squares fit. Raises RunFailed for workers below 1 or times that are not positive."""
    for point in points:
        if not (point.workers >= 1 and point.seconds > 0 and math.isfinite(point.workers * point.seconds)):
            raise RunFailed(f"{point.workers} workers in {point.seconds} s: no point of a scaling curve")
    counts = sorted({point.workers for point in points})
    needed = len(law.parameters) + 2
    if len(counts) < needed:
        return NoFit(f"{law.name} needs {needed} different numbers of workers; there are {len(counts)}")
    workers = np.array([point.workers for point in points])
    blocks = sorted({point.block for point in points})
    shares = np.array([[point.block == block for block in blocks] for point in points], np.float64)
    logs = np.log([point.seconds for point in points])
    size, freedom = len(law.parameters), len(points) - len(law.parameters) - len(blocks)
    if freedom < 1:
        return NoFit(f"{law.name} over {len(blocks)} host blocks: {len(points)} trials leave nothing to check it by")

    def residuals(theta: Numbers) -> Numbers:
        found: Numbers = logs - shares @ theta[size:] - np.log(law.relative(workers, *theta[:size]))
        return found

    start = np.concatenate([np.full(size, 0.01), shares.T @ logs / shares.sum(axis=0)])
    upper = np.concatenate([law.bounds, np.full(len(blocks), np.inf)])
    lower = np.concatenate([np.zeros(size), np.full(len(blocks), -np.inf)])
    found = least_squares(residuals, start, bounds=(lower, upper), x_scale="jac", xtol=1e-12, ftol=1e-12, gtol=1e-12)
    square = found.jac.T @ found.jac
    if not found.success or np.linalg.cond(square) > 1e14:
        return NoFit(f"{law.name}: these points do not determine its parameters")
    variance = 2 * found.cost / freedom
    covariance = variance * np.linalg.inv(square)
    reach = float(t_distribution.ppf(TAILS[1], freedom)) * np.sqrt(np.diag(covariance))
    low, high = np.maximum(found.x - reach, lower), np.minimum(found.x + reach, upper)
    ends = zip(found.x, low, high, strict=True)
    estimates = [Estimate(float(value), float(least), float(most), len(points)) for value, least, most in ends]
    return Fit(
        law=law,
        parameters=dict(zip(law.parameters, estimates[:size], strict=True)),
        one_worker={block: _exp(one) for block, one in zip(blocks, estimates[size:], strict=True)},
        solution=tuple(map(float, found.x)),
        covariance=tuple(tuple(map(float, row)) for row in covariance),
        check=lack_of_fit([(point.block, point.workers) for point in points], found.fun, size + len(blocks)),
        least=counts[0],
        most=counts[-1],
        n=len(points),
    )


def lack_of_fit(places: Sequence[tuple[int, float]], residuals: Numbers, used: int) -> Check:
    """The lack-of-fit test: means of repeats around the curve, against repeats around their means.

    places: of each residual, (a group's number, workers): those of one place are repeats; residuals: of logarithms;
    used: how many parameters were fitted.
    """
    groups = {place: residuals[[other == place for other in places]] for place in sorted(set(places))}
    means = {place: float(np.mean(group)) for place, group in groups.items()}
    at = max(means, key=lambda place: abs(means[place]))
    misfit = sum(len(group) * means[place] ** 2 for place, group in groups.items())
    spread = sum(float(np.sum((group - means[place]) ** 2)) for place, group in groups.items())
    above, below = len(groups) - used, len(residuals) - len(groups)
    chance = None
    if above > 0 and below > 0:
        chance = float(f_distribution.sf(misfit / above / (spread / below), above, below)) if spread else 0.0
    return Check(math.expm1(abs(means[at])), at[1], chance)


def _exp(one: Estimate) -> Estimate:
    return Estimate(math.exp(one.value), math.exp(one.low), math.exp(one.high), one.n)


def fastest_workers(found: Fit) -> Estimate | None:
    """Of a USL fit: beyond how many workers more of them make it slower; None where the fit sees no such point.

    high is infinite where the interval reaches to fits without one, low is 1 where it reaches to fits in which no
    worker adds anything. Gunther, equation 4.33.
    """
    contention, coherency = (one.value for one in found.parameters.values())
    if coherency <= 0:
        return None
    drawn = found.draws
    with np.errstate(divide="ignore", invalid="ignore"):
        peaks = np.sqrt((1 - drawn[:, 0]) / drawn[:, 1])
    # All of it serial, and nothing lost by more workers: 0 over 0, and none of them adds anything.
    peaks = np.maximum(np.nan_to_num(peaks, nan=1.0, posinf=np.inf), 1.0)
    low, high = np.quantile(peaks, TAILS, method="nearest")
    return Estimate(max(1.0, math.sqrt((1 - contention) / coherency)), float(low), float(high), found.n)


def karp_flatt(speedup: float, workers: float) -> float:
    """The serial fraction that a speed-up shows: (1/S - 1/n) / (1 - 1/n). Karp, Flatt, Comm. ACM 33 (1990) 539-543.

    Raises RunFailed for fewer than two workers. Negative where the speed-up is over n.
    """
    if workers <= 1:
        raise RunFailed(f"{workers} workers: Karp and Flatt's serial fraction needs more than one")
    return (1 / speedup - 1 / workers) / (1 - 1 / workers)


def karp_flatt_of(speedup: Estimate, workers: float) -> Estimate:
    """The same of a speed-up with its interval."""
    low, high = karp_flatt(speedup.high, workers), karp_flatt(speedup.low, workers)
    return Estimate(karp_flatt(speedup.value, workers), low, high, speedup.n)


def scaled_speedup(serial: float, workers: float) -> float:
    """Gustafson's: how much more work n workers do in the time of one."""
    return workers - serial * (workers - 1)


def efficiency(speedup: Estimate, workers: float) -> Estimate:
    """Speed-up over workers: 1 where each does as much as one alone."""
    return Estimate(speedup.value / workers, speedup.low / workers, speedup.high / workers, speedup.n)
