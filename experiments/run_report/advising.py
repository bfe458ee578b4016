"""What to do: how many workers for a wish, from the fitted laws, and the best of the settings measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.advice import (
    Advice,
    Choice,
    Job,
    Wish,
    best_of,
    fixed_of,
    fixed_seconds,
    none_for,
    workers_for,
)
from experiments.analysis.scaling import AMDAHL, USL, Fit, NoFit, Point, fit
from experiments.analysis.statistics import NoEstimate, NoiseFloor
from experiments.analysis.trials import Trial, observations, varied
from experiments.claims.sides import STAGE_3
from experiments.report.text import joined, number_text
from experiments.run_report.cells import Comparison, alike
from experiments.run_report.scaling import WALL, Scaled

# The images of the paper's data set, COCO val2017.
COCO_IMAGES = 5000
# What is given and not chosen: between cells that differ in it there is no choice.
# Cells that differ in these have stages that hold different things.
_OF_THE_STAGE = ("engine", "engine_setting", "timing")
_GIVEN = ("images", "image_side", "link", "limit", "timing", "model", "image_size")


@dataclass(frozen=True)
class Advised:
    """Advice for a family of cells, by its law. wish: what was asked for; law: its name."""

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


def advise(one: Scaled, wishes: Sequence[Wish]) -> tuple[Advised, ...]:
    """For each wish, from whole jobs: of the family, and of cells that differ from it in their images too.

    By the Universal Scalability Law where it fits, since it knows a best number; else by Amdahl's.
    """
    block = one.curve.block
    jobs = _jobs(one, block)
    fixed = fixed_seconds(jobs)
    each = [Point(job.workers, (job.seconds - fixed_of(fixed)) / job.images, block) for job in jobs]
    if any(point.seconds <= 0 for point in each):
        return _no_advice(one, wishes, "jobs with more images took less time")
    laws = [fit(law, each) for law in (USL, AMDAHL)]
    fits = [law for law in laws if isinstance(law, Fit)]
    if not fits:
        return _no_advice(one, wishes, "; ".join(law.reason for law in laws if isinstance(law, NoFit)))
    law = next((law for law in fits if law.check.holds), fits[0])
    measured = sorted({job.images for job in jobs})
    trials = tuple(dict.fromkeys((*one.trials, *(trial.name for trial in alike(one.family) if trial.block == block))))
    return tuple(
        Advised(one.family.name, law.law.name, wish, workers_for(wish, law, fixed, measured, block), trials)
        for wish in wishes
    )


def default_wishes(one: Scaled) -> tuple[Wish, ...]:
    """As many images as were measured, and those of COCO val2017 where times can be told for them."""
    known = fixed_seconds(_jobs(one, one.curve.block))
    numbers = (one.family.images, *((COCO_IMAGES,) if known else ()))
    return tuple(Wish(images) for images in dict.fromkeys(numbers) if images)


def _no_advice(one: Scaled, wishes: Sequence[Wish], why: str) -> tuple[Advised, ...]:
    return tuple(Advised(one.family.name, "none", wish, none_for(wish, why), one.trials) for wish in wishes)


def _jobs(one: Scaled, block: int) -> list[Job]:
    found = []
    for trial in alike(one.family):
        workers, images, seconds = (trial.figure(path) for path in ("executors", "images", "phases.submit"))
        if trial.block == block and workers and images and seconds:
            found.append(Job(workers, int(images), seconds, trial.round))
    return found


def best_cell(comparison: Comparison, floor: NoiseFloor | None, stage_floor: NoiseFloor | None = None) -> Best | None:
    """Which cell of a comparison takes least of an image's wall time; None where there is nothing to choose.

    Start-up weighs less with more images: where the stage alone tells the cells apart otherwise, that is said too. The
    floors are of the two times. There is nothing where all cells have the same settings, as those of an A/A have. Only
    cells that have in common what is given: of those that most of the cells have, so images, their sides and the model
    among it.
    """
    firsts = {cell: trials[0].settings for cell, trials in comparison.cells.items()}
    given = {cell: tuple(repr(settings.get(key)) for key in _GIVEN) for cell, settings in firsts.items()}
    usual = max(given.values(), key=list(given.values()).count)
    cells = {cell: trials for cell, trials in comparison.cells.items() if given[cell] == usual}
    images = next(iter(cells.values()))[0].figure("images")
    different = varied([trials[0] for trials in cells.values()])
    if comparison.video or not different or images is None:
        return None
    found = best_of({cell: observations(trials, WALL) for cell, trials in cells.items()}, floor)
    said, gain = f"{comparison.name}: {_choice(found)}", 1.0
    if isinstance(found, Choice):
        said = f"{comparison.name}, {number_text(images)} images: {_choice(found)}"
        said += _by_stage(cells, found, stage_floor) if not set(_OF_THE_STAGE) & set(different) else ""
        said += _ACCURACY if {"weights", "precision"} & set(different) else ""
        gain = max((one.value for one in found.slower.values()), default=gain)
    return Best(comparison, said, gain, tuple(one.name for trials in cells.values() for one in trials))


def _by_stage(cells: Mapping[str, Sequence[Trial]], whole: Choice, floor: NoiseFloor | None) -> str:
    """What the stage alone says of the choice, where that is something else."""
    stage = best_of({cell: observations(trials, STAGE_3) for cell, trials in cells.items()}, floor)
    if isinstance(stage, NoEstimate) or (
        stage.best in (whole.best, *whole.as_good) and set(stage.slower) <= set(whole.slower)
    ):
        return ""
    return f" By the stage alone, which decides with many images: {_choice(stage, 'the fastest')}"


def by_gain(bests: Iterable[Best]) -> list[Best]:
    """Those first in which the choice matters most."""
    return sorted(bests, key=lambda one: -one.gain)


def _choice(found: Choice | NoEstimate, what: str = "the fastest from submission to end") -> str:
    if isinstance(found, NoEstimate):
        return f"no choice: {found.reason}."
    ends = [f"{joined(found.as_good)} no slower beyond noise"] if found.as_good else []
    ends += [
        f"{name} takes {one.value:.3g} times as long ({one.low:.3g} to {one.high:.3g})"
        for name, one in sorted(found.slower.items(), key=lambda pair: pair[1].value)[:_NAMED]
    ]
    if len(found.slower) > _NAMED:
        ends.append(f"{len(found.slower) - _NAMED} others are slower still")
    ends += [f"not sure: {text}" for text in found.unsure[:_NAMED]]
    return "; ".join([f"{found.best} is {what}", *ends]) + "."


_NAMED = 4
_ACCURACY = " What that costs in accuracy is another figure: precision against speed and accuracy."
