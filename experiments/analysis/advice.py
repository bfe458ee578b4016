"""How many workers, for a number of images and a deadline or a budget; which setting of those measured. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import hmean

from experiments.analysis.scaling import Fit
from experiments.analysis.statistics import NoEstimate, NoiseFloor, Numbers, Ratio, by_block, differs, ratio, summary
from experiments.analysis.trials import Observation
from experiments.bench.statistics import CONFIDENCE, SEED, Estimate
from experiments.report.text import joined, number_text, percent_text

# Workers beyond this many times the measured ones are not advised: a curve says nothing there.
_REACH = 2


@dataclass(frozen=True)
class Wish:
    """images to do; deadline in seconds, budget in worker-seconds; None where there is none."""

    images: int
    deadline: float | None = None
    budget: float | None = None


@dataclass(frozen=True)
class Job:
    """A measured job: seconds from submission to its end, of so many images on so many workers, in a round."""

    workers: float
    images: int
    seconds: float
    round: int


@dataclass(frozen=True)
class Cost:
    """What a job takes on that many workers: seconds from submission to its end, and worker-seconds that are paid."""

    workers: int
    seconds: Estimate
    worker_seconds: Estimate


@dataclass(frozen=True)
class Advice:
    """workers: the fewest that keep to deadline and budget also at the interval's bad end, None if none do.

    costs: of each number of workers that was looked at; said: the advice in sentences; warnings: why to doubt it.
    """

    workers: int | None
    costs: tuple[Cost, ...]
    said: str
    warnings: tuple[str, ...]


def fixed_seconds(jobs: Iterable[Job]) -> tuple[float, ...]:
    """What a job takes whatever its images, by each two jobs of one round and as many workers whose images differ.

    Empty where there are no two such jobs: times of one number of images do not tell what a job takes once from what
    each image takes.
    """
    rounds: dict[tuple[int, float], list[Job]] = {}
    for job in jobs:
        rounds.setdefault((job.round, job.workers), []).append(job)
    found = []
    for same in rounds.values():
        few, many = min(same, key=lambda job: job.images), max(same, key=lambda job: job.images)
        if many.images > few.images:
            each = (many.seconds - few.seconds) / (many.images - few.images)
            found.append(few.seconds - each * few.images)
    return tuple(found)


def fixed_of(fixed: Sequence[float]) -> float:
    """The seconds that are taken off each job before a curve is fitted to what its images take; 0 if not known."""
    return max(0.0, float(np.median(fixed))) if fixed else 0.0


def workers_for(wish: Wish, curve: Fit, fixed: Sequence[float], measured: Sequence[int], block: int) -> Advice:
    """Advice for a wish, from what was measured in a host block.

    curve: seconds per image by workers, without what a job takes whatever its images; fixed: that, as `fixed_seconds`
    has it; measured: the numbers of images that were. With no `fixed`, advice is for measured numbers only. Without
    deadline and budget, as many workers as are fastest, none that were not measured: a law alone is no reason for more.
    """
    if not fixed and wish.images not in measured:
        return none_for(
            wish,
            f"all alike cells have {joined([str(number) for number in measured])} images, which does not tell what a "
            "job takes once from what each image takes; a cell with another number of images would",
        )
    most = max(1, math.floor(curve.most * _REACH))
    start = _Start(fixed, measured)
    costs = tuple(_cost(wish.images, workers, curve, start, block) for workers in range(1, most + 1))
    limited = wish.deadline is not None or wish.budget is not None
    fitting = [one for one in costs if (_keeps(one, wish) if limited else one.workers <= curve.most)]
    if wish.deadline is None:
        # Nobody waits for it at a certain time: the fastest that the budget allows.
        chosen = min(fitting, key=lambda one: one.seconds.value, default=None)
    else:
        chosen = fitting[0] if fitting else None
    return Advice(
        chosen.workers if chosen else None, costs, _said(wish, chosen, costs), _warnings(wish, chosen, curve, measured)
    )


def none_for(wish: Wish, why: str) -> Advice:
    return Advice(None, (), f"No advice for {wish.images} images: {why}.", ())


@dataclass(frozen=True)
class _Start:
    """What a job takes once, `fixed`, and the numbers of images whose times it was taken off."""

    fixed: Sequence[float]
    measured: Sequence[int]

    def drawn(self, count: int) -> tuple[Numbers, Numbers]:
        """Seeded draws of the median, and what each adds to an image's time: where a job takes less once, its images
        took more of the same measured seconds.
        """
        if not self.fixed:
            return np.zeros(count), np.zeros(count)
        chance = np.random.default_rng(SEED)
        resampled = chance.choice(np.asarray(self.fixed, np.float64), (count, len(self.fixed)))
        start = np.maximum(0.0, np.median(resampled, axis=1))
        return start, (fixed_of(self.fixed) - start) / float(hmean(self.measured))


def _cost(images: int, workers: int, curve: Fit, start: _Start, block: int) -> Cost:
    """Of one job to come, so the spread of single trials is in the interval beside the curve's own uncertainty."""
    per_image = curve.drawn_seconds(workers, block)
    once, shift = start.drawn(len(per_image))
    chance = np.random.default_rng(SEED)
    jobs = (once + images * np.maximum(0.0, per_image + shift)) * np.exp(chance.normal(0, curve.spread, len(per_image)))
    seconds = fixed_of(start.fixed) + images * curve.seconds(workers, block)
    low, high = map(float, np.quantile(jobs, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)))
    whole = Estimate(seconds, min(low, seconds), max(high, seconds), curve.n)
    return Cost(workers, whole, Estimate(workers * seconds, workers * whole.low, workers * whole.high, curve.n))


def _keeps(one: Cost, wish: Wish) -> bool:
    in_time = wish.deadline is None or one.seconds.high <= wish.deadline
    return in_time and (wish.budget is None or one.worker_seconds.high <= wish.budget)


def _said(wish: Wish, chosen: Cost | None, costs: Sequence[Cost]) -> str:
    limits = [
        f"{wish.deadline:g} s" if wish.deadline is not None else "",
        f"{wish.budget:g} worker-seconds" if wish.budget is not None else "",
    ]
    within = " and ".join(filter(None, limits))
    if chosen is None:
        best = min(costs, key=lambda one: one.seconds.value)
        cheapest = min(costs, key=lambda one: one.worker_seconds.value)
        return (
            f"No number of workers up to {costs[-1].workers} does {wish.images} images within {within}: the fastest, "
            f"{best.workers}, takes {_range(best.seconds)} s; the cheapest, {cheapest.workers}, "
            f"{_range(cheapest.worker_seconds)} worker-seconds."
        )
    said = f"{chosen.workers} worker{'s' if chosen.workers > 1 else ''} for {wish.images} images"
    said += f" within {within}" if within else ", the fastest of those measured"
    takes = f"{_range(chosen.seconds)} s, {_range(chosen.worker_seconds)} worker-seconds (95 % intervals)"
    cheapest = min(costs, key=lambda one: one.worker_seconds.value)
    if within or cheapest.workers == chosen.workers:
        return f"{said}: {takes}."
    cheap = f"{_range(cheapest.seconds)} s, {_range(cheapest.worker_seconds)} worker-seconds"
    return f"{said}: {takes}; the cheapest, {cheapest.workers}: {cheap}."


def _warnings(wish: Wish, chosen: Cost | None, curve: Fit, measured: Sequence[int]) -> tuple[str, ...]:
    found = []
    if chosen and not curve.least <= chosen.workers <= curve.most:
        found.append(f"{chosen.workers} workers lie outside of what was measured, {curve.least:g} to {curve.most:g}")
    if not measured or not min(measured) <= wish.images <= max(measured):
        seen = " to ".join(dict.fromkeys((str(min(measured)), str(max(measured))))) if measured else "none"
        found.append(f"{wish.images} images lie outside of what was measured, {seen}")
    if not curve.check.holds:
        far = percent_text(curve.check.largest)
        found.append(
            f"{curve.law.name} misses the times at {curve.check.at:g} workers by {far}, more than their spread explains"
        )
    return tuple(found)


@dataclass(frozen=True)
class Choice:
    """The best of the values of a setting that were measured. as_good: others, no slower beyond noise; unsure: why."""

    best: str
    as_good: tuple[str, ...]
    slower: Mapping[str, Estimate]
    unsure: tuple[str, ...]


def best_of(values: Mapping[str, Sequence[Observation]], floor: NoiseFloor | None) -> Choice | NoEstimate:
    """Of the seconds per image under each value of a setting (partition size, threads, precision ...): the least.

    The best is that of the lowest median in the block with most trials; the others are held against it by paired
    ratios. slower: by value, its time over the best's.
    """
    present = {name: seen for name, seen in values.items() if seen}
    if len(present) < 2:
        return NoEstimate(
            f"{len(present)} value{'' if len(present) == 1 else 's'} of the setting measured; 2 are needed"
        )
    blocks = [one.block for seen in present.values() for one in seen]
    block = max(sorted(set(blocks)), key=blocks.count)
    medians = {name: summary(by_block(seen).get(block, [])) for name, seen in present.items()}
    known = {name: one.value for name, one in medians.items() if not isinstance(one, NoEstimate)}
    best = min(sorted(known), key=lambda name: known[name])
    as_good, slower, unsure = [], {}, []
    for name, seen in present.items():
        if name == best:
            continue
        found = ratio(seen, present[best])
        if not isinstance(found, Ratio):
            unsure.append(f"{name}: {found.reason}")
        elif differs(found.estimate, floor) > 0:
            slower[name] = found.estimate
        else:
            as_good.append(name)
    return Choice(best, tuple(as_good), slower, tuple(unsure))


def _range(one: Estimate) -> str:
    return f"{number_text(one.value)} ({number_text(one.low)} to {number_text(one.high)})"
