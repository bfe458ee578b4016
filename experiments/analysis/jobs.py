"""What a whole job takes: once, whatever its images, and for each image, by the number of workers. Pure.

On w workers a job of n images takes

    T(w, n) = once + shared / w + n (serial + parallel / w + coherency w)

seconds, no coefficient below 0. Its part per image is Amdahl's law, with the coherency term of the Universal
Scalability Law (sources in `experiments.analysis.scaling`) where there are numbers of workers enough to see one; its
part per job is Amdahl's law again, for work that is done once by the driver (once) or by all workers together (shared).
It is fitted to the measured seconds by least squares of their relative errors, because the noise of times is relative;
what the jobs of a round have in common, a slower hour, is drawn for all of them together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from experiments.analysis.scaling import TAILS, Check, NoFit, lack_of_fit
from experiments.analysis.statistics import Numbers
from experiments.bench.statistics import SEED, Estimate
from experiments.errors import RunFailed

ONCE, SHARED, SERIAL, PARALLEL, COHERENCY = "once", "shared", "serial", "parallel", "coherency"
# By coefficient: what it is multiplied with, of workers and images. In the order in which one more is fitted.
TERMS: Mapping[str, Callable[[Numbers, Numbers], Numbers]] = MappingProxyType(
    {
        SERIAL: lambda workers, images: images * np.ones_like(workers),
        PARALLEL: lambda workers, images: images / workers,
        ONCE: lambda workers, images: np.ones_like(workers * images),
        SHARED: lambda workers, images: np.ones_like(images) / workers,
        COHERENCY: lambda workers, images: images * workers,
    }
)
PER_JOB = (ONCE, SHARED)
# Each is a fit of its own.
DRAWS = 1000
# Different numbers of workers that a law needs, without and with its coherency term.
_FOR_A_LAW, _FOR_COHERENCY = 3, 4


@dataclass(frozen=True)
class Job:
    """A measured job: seconds from submission to its end, of so many images on so many workers, in a round."""

    workers: float
    images: int
    seconds: float
    round: int


@dataclass(frozen=True)
class JobTimes:
    """The fitted coefficients, seconds; draws: DRAWS of them, a column each; errors: DRAWS of a single job's, relative.

    check: what the fit leaves unexplained; workers, images: the numbers that were measured; n: jobs; repeats:
    those of the kind that has fewest.
    """

    coefficients: Mapping[str, float]
    draws: Numbers
    errors: Numbers
    check: Check
    workers: tuple[float, ...]
    images: tuple[int, ...]
    n: int
    repeats: int

    @property
    def tells_apart(self) -> bool:
        """Whether what a job takes once is known apart from what each image takes."""
        return ONCE in self.coefficients

    def seconds(self, workers: float, images: int) -> Estimate:
        """Of one job to come: the spread of single jobs is in the interval, beside what is not known of the law."""
        return self._estimate(self._row(workers, images), self.errors)

    def once(self, workers: float) -> Estimate:
        """Of a job on that many workers, whatever its images: its mean. Only where `tells_apart`."""
        return self._estimate(self._row(workers, 1) * np.isin(list(self.coefficients), PER_JOB))

    def each(self, workers: float) -> Estimate:
        """For each image more, on that many workers: the mean."""
        return self._estimate(self._row(workers, 1) * ~np.isin(list(self.coefficients), PER_JOB))

    def over(self, workers: float, other: float, images: int) -> Estimate:
        """The mean time of jobs on `workers` over that of the same on `other`."""
        return self._quotient(self._row(workers, images), self._row(other, images))

    def limit(self, workers: float, images: int) -> Estimate:
        """How many times as fast jobs could be at most on more workers than these: all that they share is gone then."""
        alone = np.isin(list(self.coefficients), (ONCE, SERIAL))
        return self._quotient(self._row(workers, images), self._row(1, images) * alone)

    def gain(self, few: float, many: float) -> Estimate:
        """How many times as fast an image more is done on `many` workers as on `few`: of jobs of very many images."""
        per_image = ~np.isin(list(self.coefficients), PER_JOB)
        return self._quotient(self._row(few, 1) * per_image, self._row(many, 1) * per_image)

    def _row(self, workers: float, images: int) -> Numbers:
        row: Numbers = _design([workers], [images], tuple(self.coefficients))[0]
        return row

    def _estimate(self, row: Numbers, errors: Numbers | float = 0.0) -> Estimate:
        value = float(row @ list(self.coefficients.values()))
        return self._within(value, (self.draws @ row) * (1 + errors))

    def _quotient(self, above: Numbers, below: Numbers) -> Estimate:
        solution = list(self.coefficients.values())
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = (self.draws @ above) / (self.draws @ below)
            value = float(np.divide(above @ solution, below @ solution))
        return self._within(value, drawn[~np.isnan(drawn)])

    def _within(self, value: float, drawn: Numbers) -> Estimate:
        low, high = map(float, np.quantile(drawn, TAILS, method="nearest")) if len(drawn) else (value, value)
        return Estimate(value, min(low, value), max(high, value), self.n)


def fit(jobs: Sequence[Job]) -> JobTimes | NoFit:
    """Fits the law with as many coefficients as these jobs can tell apart. Raises RunFailed for times that are none."""
    for job in jobs:
        if not (job.workers >= 1 and job.images >= 1 and job.seconds > 0 and math.isfinite(job.seconds)):
            raise RunFailed(f"a job of {job.images} images on {job.workers} workers in {job.seconds} s: no such job")
    counts, images = sorted({job.workers for job in jobs}), sorted({job.images for job in jobs})
    if len(counts) < _FOR_A_LAW:
        return NoFit(f"a law needs {_FOR_A_LAW} different numbers of workers; there are {len(counts)}")
    workers, numbers = [job.workers for job in jobs], [job.images for job in jobs]
    names = _told_apart(workers, numbers, TERMS if len(counts) >= _FOR_COHERENCY else [SERIAL, PARALLEL, ONCE, SHARED])
    freedom = len(jobs) - len(names)
    if freedom < 1:
        return NoFit(f"{len(jobs)} jobs for {len(names)} coefficients leave nothing to check the law by")
    seconds = np.array([job.seconds for job in jobs], np.float64)
    design = _design(workers, numbers, names)
    solution = nnls(design / seconds[:, None], np.ones(len(jobs)))[0]
    said = design @ solution
    noise = _Noise.of(seconds / said - 1, [job.round for job in jobs], len(names))
    places = [(job.images, job.workers) for job in jobs]
    return JobTimes(
        coefficients=MappingProxyType(dict(zip(names, map(float, solution), strict=True))),
        draws=_drawn(design, said, noise),
        errors=noise.of_one_job(),
        check=lack_of_fit(places, np.log(seconds / said), len(names)),
        workers=tuple(counts),
        images=tuple(images),
        n=len(jobs),
        repeats=min(Counter((job.workers, job.images) for job in jobs).values()),
    )


@dataclass(frozen=True)
class _Noise:
    """Relative errors of the measured jobs: what all jobs of a round have in common, and what each has of its own.

    places: of each job, its round's place among `common`.
    """

    common: Numbers
    own: Numbers
    places: npt.NDArray[np.intp]

    @classmethod
    def of(cls, errors: Numbers, rounds: Sequence[int], used: int) -> _Noise:
        """used: how many coefficients were fitted: what a fit leaves is smaller than the noise it was made with."""
        _, places = np.unique(rounds, return_inverse=True)
        count, number = len(errors), int(places.max()) + 1
        common = np.array([errors[places == place].mean() for place in range(number)])
        own = errors - common[places]
        grown = math.sqrt(count / max(1, count - used - number + 1))
        return cls(common * math.sqrt(number / max(1, number - 1)), own * grown, places)

    def of_all_jobs(self, chance: np.random.Generator) -> Numbers:
        """Of all jobs, as there could have been others."""
        found: Numbers = chance.choice(self.common, len(self.common))[self.places] + chance.choice(
            self.own, len(self.own)
        )
        return found

    def of_one_job(self) -> Numbers:
        """DRAWS of a job to come, in a round of its own."""
        chance = np.random.default_rng(SEED)
        found: Numbers = chance.choice(self.common, DRAWS) + chance.choice(self.own, DRAWS)
        return found


def _drawn(design: Numbers, said: Numbers, noise: _Noise) -> Numbers:
    """The coefficients of DRAWS measurements as there could have been others: the law with errors drawn anew."""
    chance = np.random.default_rng(SEED)
    found = np.empty((DRAWS, design.shape[1]))
    for number in range(DRAWS):
        seconds = said * (1 + noise.of_all_jobs(chance))
        found[number] = nnls(design / seconds[:, None], np.ones(len(said)))[0]
    return found


def _told_apart(
    workers: Sequence[float], images: Sequence[int], names: Sequence[str] | Mapping[str, object]
) -> list[str]:
    """Of these coefficients, in order, those that jobs of such numbers determine beside the ones before."""
    kept = list[str]()
    for name in names:
        design = _design(workers, images, [*kept, name])
        if np.linalg.matrix_rank(design / np.linalg.norm(design, axis=0)) == len(kept) + 1:
            kept.append(name)
    return kept


def _design(workers: Sequence[float], images: Sequence[int], names: Sequence[str]) -> Numbers:
    """A row for each job, a column for each coefficient."""
    counts, numbers = np.asarray(workers, np.float64), np.asarray(images, np.float64)
    return np.stack([TERMS[name](counts, numbers) for name in names], axis=1)
