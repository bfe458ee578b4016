"""How many workers, for a number of images and a deadline or a budget; which setting of those measured. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from experiments.analysis.jobs import JobTimes
from experiments.analysis.statistics import (
    ENOUGH,
    SAME,
    NoEstimate,
    NoiseFloor,
    Ratio,
    by_block,
    differs,
    largest_block,
    ratio,
    summary,
)
from experiments.analysis.trials import Observation
from experiments.bench.statistics import Estimate
from experiments.report.text import joined, percent_text, range_text

# Workers beyond this many times the measured ones are not advised: a curve says nothing there.
_REACH = 2


@dataclass(frozen=True)
class Wish:
    """images to do; deadline in seconds, budget in worker-seconds; None where there is none."""

    images: int
    deadline: float | None = None
    budget: float | None = None


@dataclass(frozen=True)
class Cost:
    """What a job takes on that many workers: seconds from submission to its end, and worker-seconds that are paid.

    known: whether so many workers were measured with so many images, with others, lie between such, or beyond.
    """

    workers: int
    seconds: Estimate
    worker_seconds: Estimate
    known: Literal["yes", "with other images", "between", "beyond"]


@dataclass(frozen=True)
class Advice:
    """workers: those that are advised, None where none keep to deadline and budget also at their interval's bad end.

    costs: of each number of workers up to where the law reaches; said: the advice in sentences; warnings: why to doubt
    it.
    """

    workers: int | None
    costs: tuple[Cost, ...]
    said: str
    warnings: tuple[str, ...]


def workers_for(wish: Wish, times: JobTimes) -> Advice:
    """Advice for a wish, from what jobs were measured to take.

    Where what a job takes once is not known, advice is for the measured numbers of images only. With a deadline the
    fewest workers that keep it; without, the fewest that are shown to be within SAME of the fastest that the budget
    allows; without a budget too, of the numbers that were measured: a law alone is no reason for others.
    """
    if not times.tells_apart and wish.images not in times.images:
        return none_for(
            wish,
            f"all alike cells have {joined([str(number) for number in times.images])} images, which does not tell what "
            "a job takes once from what each image takes; a cell with another number of images would",
        )
    limited = wish.deadline is not None or wish.budget is not None
    reach = range(1, max(1, math.floor(times.workers[-1] * _REACH)) + 1)
    costs = tuple(_cost(wish.images, workers, times) for workers in reach)
    looked_at = [one for one in costs if limited or one.workers in times.workers]
    fitting = [one for one in looked_at if _keeps(one, wish)]
    if wish.deadline is None and fitting:
        best = min(fitting, key=lambda one: one.seconds.value)
        as_fast = (one for one in fitting if times.over(one.workers, best.workers, wish.images).high <= 1 + SAME)
        chosen: Cost | None = min(as_fast, key=lambda one: one.workers)
    else:
        chosen = fitting[0] if fitting else None
    named = [chosen] if chosen else [_fastest(looked_at), _cheapest(looked_at)]
    said, warnings = _said(wish, chosen, looked_at), _warnings(wish, [one.workers for one in named], times)
    return Advice(chosen.workers if chosen else None, costs, said, warnings)


def none_for(wish: Wish, why: str) -> Advice:
    return Advice(None, (), f"No advice for {wish.images} images: {why}.", ())


def _cost(images: int, workers: int, times: JobTimes) -> Cost:
    one = times.seconds(workers, images)
    paid = Estimate(workers * one.value, workers * one.low, workers * one.high, one.n)
    least, *_, most = times.workers
    if workers in times.workers:
        return Cost(workers, one, paid, "yes" if images in times.images else "with other images")
    return Cost(workers, one, paid, "between" if least < workers < most else "beyond")


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
        best, cheapest = _fastest(costs), _cheapest(costs)
        return (
            f"No number of workers up to {costs[-1].workers} does {wish.images} images within {within}: the fastest, "
            f"{best.workers}, takes {range_text(best.seconds)} s; the cheapest, {cheapest.workers}, "
            f"{range_text(cheapest.worker_seconds)} worker-seconds."
        )
    said = f"{chosen.workers} worker{'s' if chosen.workers > 1 else ''} for {wish.images} images"
    if within:
        return f"{said} within {within}: {_takes(chosen)} (95 % intervals)."
    fastest = _fastest(costs)
    near = min((one for one in costs if one.seconds.value <= (1 + SAME) * fastest.seconds.value), key=_workers)
    others = {
        "perhaps enough": near if near.workers < chosen.workers else chosen,
        "the fastest": fastest,
        "the cheapest": _cheapest(costs),
    }
    by_workers = {one.workers: one for one in others.values() if one.workers != chosen.workers}
    beside = [
        f"{joined([what for what, same in others.items() if same is one])}, {workers}: {_takes(one)}"
        for workers, one in by_workers.items()
    ]
    near_it = f"within {percent_text(SAME)} of the fastest"
    why = (
        f"the fastest measured; of fewer none are shown to be {near_it}"
        if chosen is fastest and chosen.workers > min(map(_workers, costs))
        else f"the fewest measured that are shown to be {near_it}"
    )
    return "; ".join([f"{said}, {why}: {_takes(chosen)} (95 % intervals)", *beside]) + "."


def _fastest(costs: Iterable[Cost]) -> Cost:
    return min(costs, key=lambda one: one.seconds.value)


def _cheapest(costs: Iterable[Cost]) -> Cost:
    return min(costs, key=lambda one: one.worker_seconds.value)


def _workers(one: Cost) -> int:
    return one.workers


def _takes(one: Cost) -> str:
    return f"{range_text(one.seconds)} s, {range_text(one.worker_seconds)} worker-seconds"


def _warnings(wish: Wish, named: Iterable[int], times: JobTimes) -> tuple[str, ...]:
    """named: the numbers of workers that the advice names."""
    least, *_, most = times.workers
    found = [
        f"{workers} workers lie outside of what was measured, {least:g} to {most:g}"
        for workers in dict.fromkeys(named)
        if not least <= workers <= most
    ]
    if times.repeats < ENOUGH:
        found.append(
            f"it rests on {times.repeats} job{'s' if times.repeats > 1 else ''} of a kind; {ENOUGH} are needed"
        )
    if not times.images[0] <= wish.images <= times.images[-1]:
        seen = " to ".join(dict.fromkeys((str(times.images[0]), str(times.images[-1]))))
        found.append(f"{wish.images} images lie outside of what was measured, {seen}")
    if not times.check.holds:
        far = percent_text(times.check.largest)
        found.append(
            f"the law misses the times at {times.check.at:g} workers by {far}, more than their spread explains"
        )
    return tuple(found)


@dataclass(frozen=True)
class Choice:
    """The best of the values of a setting that were measured. as_good: others, not shown to be slower; slower: the time
    of others over the best's; unsure: others of which nothing can be said, and why.
    """

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
    block = largest_block(one.block for seen in present.values() for one in seen)
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
        elif found.few:
            unsure.append(f"{name}: {found.estimate.n} pairs of trials; {ENOUGH} are needed")
        elif differs(found.estimate, floor) > 0:
            slower[name] = found.estimate
        else:
            as_good.append(name)
    return Choice(best, tuple(as_good), slower, tuple(unsure))
