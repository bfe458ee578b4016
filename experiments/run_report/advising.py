"""What to do: how many workers for a wish, from the fitted laws, and the best of the settings measured. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis import jobs
from experiments.analysis.advice import Advice, Choice, Wish, best_of, none_for, workers_for
from experiments.analysis.jobs import Job, JobTimes
from experiments.analysis.scaling import NoFit
from experiments.analysis.statistics import NoEstimate, NoiseFloor, Ratio, differs, ratio
from experiments.analysis.trials import PAID, Trial, observations, varied
from experiments.claims.sides import STAGE_3
from experiments.report.text import count_text, joined, number_text, percent_text, range_text
from experiments.run_report.cells import PER_FRAME, Comparison, alike, given
from experiments.run_report.scaling import WALL, Scaled

# The images of the paper's data set, COCO val2017.
COCO_IMAGES = 5000
# Cells that differ in these have stages that hold different things.
_OF_THE_STAGE = ("engine", "engine_setting", "timing")


# Slower cells that a sentence names.
_NAMED = 4


@dataclass(frozen=True)
class Jobs:
    """What jobs of a family's cells take, and of cells that differ from it in their images too; or why nobody knows."""

    family: str
    times: JobTimes | NoFit
    trials: tuple[str, ...]


@dataclass(frozen=True)
class Advised:
    """Advice for a family of cells. wish: what was asked for; law: of its jobs, as it was fitted."""

    family: str
    law: str
    wish: Wish
    advice: Advice
    trials: tuple[str, ...]


@dataclass(frozen=True)
class Best:
    """The best cell of a comparison, in a sentence. gain: how many times as long the slowest takes, beyond noise."""

    comparison: Comparison
    said: str
    gain: float
    trials: tuple[str, ...]


def jobs_of(one: Scaled) -> Jobs:
    """From submission to end, in the block that the family's curve is of."""
    found, names = list[Job](), list[str]()
    for trial in alike(one.family):
        workers, images, seconds = (trial.figure(path) for path in ("executors", "images", "phases.submit"))
        if trial.block == one.curve.block and workers and images and seconds:
            found.append(Job(workers, int(images), seconds, trial.round))
            names.append(trial.name)
    return Jobs(one.family.name, jobs.fit(found), tuple(names))


def advise(one: Jobs, wishes: Sequence[Wish]) -> tuple[Advised, ...]:
    """For each wish."""
    times = one.times
    if isinstance(times, NoFit):
        return tuple(Advised(one.family, "none", wish, none_for(wish, times.reason), one.trials) for wish in wishes)
    law = law_text(times)
    return tuple(Advised(one.family, law, wish, workers_for(wish, times), one.trials) for wish in wishes)


def default_wishes(one: Scaled, of_jobs: Jobs) -> tuple[Wish, ...]:
    """As many images as were measured, and those of COCO val2017 where times can be told for them."""
    known = isinstance(of_jobs.times, JobTimes) and of_jobs.times.tells_apart
    numbers = (one.family.images, *((COCO_IMAGES,) if known else ()))
    return tuple(Wish(images) for images in dict.fromkeys(numbers) if images)


def law_text(times: JobTimes) -> str:
    """The law as it was fitted, of jobs of the one number of images that there is, or of any."""
    factors = {jobs.ONCE: "", jobs.SHARED: " / w", jobs.SERIAL: " n", jobs.PARALLEL: " n / w", jobs.COHERENCY: " n w"}
    images, known = "n images", dict(times.coefficients)
    if len(times.images) == 1:
        (number,) = times.images
        images = f"{number} images"
        known = {name: value * number for name, value in known.items()}
        factors = {jobs.SERIAL: "", jobs.PARALLEL: " / w", jobs.COHERENCY: " w"}
    terms = [f"{known[name]:.3g}{factor}" for name, factor in factors.items() if known.get(name, 0.0) > 0]
    return f"a job of {images} on w workers takes {' + '.join(terms)} seconds"


def many_images(one: Scaled, times: JobTimes) -> list[str]:
    """What a job takes once and what each image takes, and what follows for more images; nothing where the jobs do not
    tell them apart, follow no law, or would gain no more with more images.
    """
    if not _gains_with_images(one, times):
        return []
    least, most = one.least, one.most
    each = f"{range_text(times.each(most))} s for each image on {number_text(most)} workers"
    seen = f"{times.images[0]} to {times.images[-1]}"
    return [
        f"A job takes {range_text(times.once(most))} s once, whatever its images, and {each}, "
        f"{range_text(times.each(least))} s on {number_text(least)}: the more images, the nearer it comes to "
        f"{range_text(times.gain(least, most))} times as fast, if they go on as {seen} of them do."
    ]


def limit_of_jobs(one: Scaled, times: JobTimes) -> list[str]:
    """How much faster the measured jobs could be with ever more workers; nothing where the law does not hold."""
    limit = times.limit(one.least, one.family.images)
    if not (times.check.holds and math.isfinite(limit.high)):
        return []
    return [
        f"However many workers, a whole job of {one.family.images} images is at most {range_text(limit)} times as fast "
        f"as on {number_text(one.least)}, by the law of jobs."
    ]


def taken_once(one: Scaled, times: JobTimes) -> list[str]:
    """How much of a measured job is taken once; nothing where that is not what keeps it from scaling."""
    if not _gains_with_images(one, times):
        return []
    images, most = one.family.images, one.most
    once, whole = times.once(most), times.seconds(most, images).value
    share = (
        f"{percent_text(once.value / whole)} ({percent_text(once.low / whole)} to {percent_text(once.high / whole)})"
    )
    return [
        f"Of the {number_text(whole)} s of a job of {images} images on {number_text(most)} workers {share} are taken "
        "once, whatever its images: with more of them it scales better."
    ]


def _gains_with_images(one: Scaled, times: JobTimes) -> bool:
    """Whether jobs of more images are known to be that much faster on more workers than those measured are."""
    if not (times.tells_apart and times.check.holds and times.each(one.most).low > 0):
        return False
    gain, now = times.gain(one.least, one.most), times.over(one.least, one.most, one.family.images)
    return gain.low > now.value


def best_library(comparison: Comparison) -> Best | None:
    """Of a video's cells: which library takes least of a frame's time, and by how much in the first of them."""
    by_best: dict[str, dict[str, Choice]] = {}
    for cell, trials in comparison.cells.items():
        names = sorted({name for one in trials for name in one.evidence[PER_FRAME]})
        found = best_of({name: observations(trials, f"{PER_FRAME}.{name}.total") for name in names}, None)
        if isinstance(found, Choice) and not found.unsure:
            by_best.setdefault(found.best, {})[cell] = found
    if not by_best:
        return None
    said = [
        _choice(
            next(iter(own.values())),
            f"the fastest per frame in {joined([*own])}",
            1,
            f"in {next(iter(own))} " if len(own) > 1 else "",
        )
        for own in by_best.values()
    ]
    slower = [one.value for own in by_best.values() for found in own.values() for one in found.slower.values()]
    text = f"{comparison.name}: {' '.join(said)}{_ACCURACY}"
    return Best(comparison, text, max([1.0, *slower]), tuple(one.name for one in comparison.trials))


def best_cell(comparison: Comparison, floor: NoiseFloor | None, stage_floor: NoiseFloor | None = None) -> Best | None:
    """Which cell of a comparison takes least of an image's wall time; None where there is nothing to choose.

    Start-up weighs less with more images: where the stage alone tells the cells apart otherwise, that is said too. The
    floors are of the two times. There is nothing where all cells have the same settings, as those of an A/A have. Only
    cells that have in common what is given: of those that most of the cells have, so images, their sides and the model
    among it.
    """
    kinds = {cell: given(trials[0]) for cell, trials in comparison.cells.items()}
    usual = max(kinds.values(), key=list(kinds.values()).count)
    cells = {cell: trials for cell, trials in comparison.cells.items() if kinds[cell] == usual}
    images = next(iter(cells.values()))[0].figure("images")
    different = varied([trials[0] for trials in cells.values()])
    if comparison.video:
        return best_library(comparison)
    if not different or images is None:
        return None
    found = best_of({cell: observations(trials, WALL) for cell, trials in cells.items()}, floor)
    said, gain = f"{comparison.name}: {_choice(found)}", 1.0
    if isinstance(found, Choice):
        said = f"{comparison.name}, {number_text(images)} images: {_choice(found)}"
        said += _cheapest(cells, found, floor) if "workers" in different else ""
        said += _by_stage(cells, found, stage_floor) if not set(_OF_THE_STAGE) & set(different) else ""
        said += _ACCURACY if {"weights", "precision"} & set(different) else ""
        gain = max((one.value for one in found.slower.values()), default=gain)
    return Best(comparison, said, gain, tuple(one.name for trials in cells.values() for one in trials))


def _cheapest(cells: Mapping[str, Sequence[Trial]], found: Choice, floor: NoiseFloor | None) -> str:
    """Of the cells that are not shown to be slower than the fastest, the one that costs least, where one costs less."""
    paid = {
        name: ratio(observations(cells[name], PAID), observations(cells[found.best], PAID)) for name in found.as_good
    }
    less = {
        name: one.estimate
        for name, one in paid.items()
        if isinstance(one, Ratio) and not one.few and differs(one.estimate, floor) < 0
    }
    if not less:
        return ""
    name = min(less, key=lambda cell: less[cell].value)
    one = less[name]
    shares = f"{percent_text(one.value)} ({percent_text(one.low)} to {percent_text(one.high)})"
    return f" Of these {name} costs least: {shares} of the worker-seconds of {found.best}."


def _by_stage(cells: Mapping[str, Sequence[Trial]], whole: Choice, floor: NoiseFloor | None) -> str:
    """What the stage alone says of the choice, where that is something else."""
    stage = best_of({cell: observations(trials, STAGE_3) for cell, trials in cells.items()}, floor)
    if isinstance(stage, NoEstimate) or (
        stage.best in (whole.best, *whole.as_good) and set(stage.slower) <= set(whole.slower)
    ):
        return ""
    return f" By the stage alone, what comes before and after it left aside: {_choice(stage, 'the fastest')}"


def by_gain(bests: Iterable[Best]) -> list[Best]:
    """Those first in which the choice matters most."""
    return sorted(bests, key=lambda one: -one.gain)


def _choice(
    found: Choice | NoEstimate,
    what: str = "the fastest from submission to the last row",
    most: int = _NAMED,
    of: str = "",
) -> str:
    """of: which of several cells the others' times are of."""
    if isinstance(found, NoEstimate):
        return f"no choice: {found.reason}."
    ends = [f"{joined(found.as_good)} not shown to be slower"] if found.as_good else []
    ends += [
        f"{name} takes {one.value:.3g} times as long ({one.low:.3g} to {one.high:.3g})"
        for name, one in sorted(found.slower.items(), key=lambda pair: pair[1].value)[:most]
    ]
    if len(found.slower) > most:
        ends.append(f"{count_text(len(found.slower) - most, 'other')} longer still")
    ends += [f"not sure: {text}" for text in found.unsure[:most]]
    sure = "" if not (found.as_good or found.unsure) else "by its median "
    first, *rest = ends or [""]
    return "; ".join([f"{found.best} is {sure}{what}", *([f"{of}{first}"] if first else []), *rest]) + "."


_ACCURACY = " What that costs in accuracy is another figure: precision against speed and accuracy."
