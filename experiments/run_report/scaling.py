"""Does it scale: curves, speed-ups and laws of each family of cells, and the sentences that they give. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis import scaling, statistics
from experiments.analysis.scaling import AMDAHL, GUSTAFSON, USL, Fit, NoFit
from experiments.analysis.statistics import NoEstimate, NoiseFloor, Ratio
from experiments.analysis.trials import PAID, Observation, Trial, observations
from experiments.bench.statistics import Estimate
from experiments.claims.sides import STAGE_3
from experiments.figures import tables
from experiments.figures.tables import Curve, SpeedUp
from experiments.report.text import count_text, number_text, percent_text, ratio_text
from experiments.run_report.cells import Comparison, Family, families, settings_text, weak_families

WALL = "per_image.wall"
# From this efficiency on, more workers are said to help in proportion.
_PROPORTIONAL = 0.9
# Below this one the losses are larger than the gain.
_HALF = 0.5
_MOST_FAMILIES = 24
# Settings that every sentence on a family names beside its engine: without them two families only look alike.
_TOLD = ("model", "images", "image_side", "timing")
# A fit within bounds ends near 0 and never at it.
_NAUGHT = 1e-5


@dataclass(frozen=True)
class Scaled:
    """A family's curve, with Amdahl's law; the other laws, by name; its speed-ups over the least number of workers.

    gain: of the stage, the least workers' time over the most's; whole: the same of the job from submission to its last
    row; paid: worker-seconds of whole jobs per image at the most workers over those at the least.
    """

    family: Family
    curve: Curve
    laws: Mapping[str, Fit | NoFit]
    speed_ups: tuple[SpeedUp, ...] | NoEstimate
    gain: Ratio | NoEstimate
    whole: Ratio | NoEstimate
    paid: Ratio | NoEstimate

    @property
    def least(self) -> float:
        return min(self.family.cells)

    @property
    def most(self) -> float:
        return max(self.family.cells)

    @property
    def engine(self) -> str:
        """As the preset names it; "" where it does not."""
        settings = self.family.trials[0].settings
        return str(settings.get("engine_setting") or settings.get("engine") or "")

    @property
    def trials(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.family.trials)


@dataclass(frozen=True)
class Weak:
    """A family whose images grow with its workers, by Gustafson's law."""

    family: Family
    law: Fit | NoFit


def scaled(comparison: Comparison) -> tuple[Scaled, ...]:
    """The comparison's families, those of most numbers of workers first; no more than a reader would look at."""
    able = [one for one in families(comparison) if _seen(one, min(one.cells))]
    return tuple(_scaled(one) for one in able[:_MOST_FAMILIES])


def weak(comparison: Comparison) -> tuple[Weak, ...]:
    """Time of the whole stage, relative to one worker; as many families as above."""
    able = weak_families(comparison)[:_MOST_FAMILIES]
    return tuple(Weak(one, scaling.fit(GUSTAFSON, _weak_points(one))) for one in able)


def _scaled(family: Family) -> Scaled:
    block, trials = family.comparison.block, family.trials
    points = tables.points(trials, STAGE_3, "executors", block)
    seen = [scaling.Point(_workers(one), value, one.block) for one, value in _values(trials)]
    amdahl, usl = scaling.fit(AMDAHL, seen), scaling.fit(USL, seen)
    by_workers = [(workers, _seen(family, workers)) for workers in family.cells]
    least, most = min(family.cells), max(family.cells)
    paid = {workers: observations(family.of(workers), PAID) for workers in (least, most)}
    return Scaled(
        family=family,
        curve=Curve(family.name, block, points, amdahl),
        laws={AMDAHL.name: amdahl, USL.name: usl},
        speed_ups=tables.speed_ups(by_workers),
        gain=statistics.ratio(_seen(family, least), _seen(family, most)),
        whole=statistics.ratio(*(observations(family.of(workers), WALL) for workers in (least, most))),
        paid=statistics.ratio(paid[most], paid[least]),
    )


def said(one: Scaled, floor: NoiseFloor | None) -> list[str]:
    """One family's answer, the short one first: how many times as fast, at which efficiency."""
    least, most = number_text(one.least), number_text(one.most)
    if isinstance(one.gain, NoEstimate):
        return [f"Not known: {most} workers against {least}: {one.gain.reason}."]
    gain, times = one.gain.estimate, one.most / one.least
    efficiency = Estimate(gain.value / times, gain.low / times, gain.high / times, gain.n)
    short = _short(statistics.differs(gain, floor), gain, efficiency)
    if one.gain.few:
        short = f"Too few trials to say ({gain.n} pairs of {statistics.ENOUGH})"
    whole = "" if isinstance(one.whole, NoEstimate) else f", the whole job {_number(one.whole.estimate)} times"
    of = [f"engine {one.engine}"] if one.engine else []
    of += [text] if (text := settings_text(one.family.trials[0].settings, _TOLD)) else []
    return [
        f"{short}: {most} workers do the stage of an image {_number(gain)} times as fast as {least}{whole}"
        + (f" ({', '.join(of)})." if of else "."),
        f"That is an efficiency of {percent_text(efficiency.value)} ({percent_text(efficiency.low)} to "
        f"{percent_text(efficiency.high)}) against {count_text(int(one.least), 'worker')}; 95 % intervals, {gain.n} "
        "paired trials.",
    ]


def _short(differs: int, gain: Estimate, efficiency: Estimate) -> str:
    if differs <= 0:
        return "No" if differs or statistics.within(gain) else "Not shown"
    if efficiency.low > 1:
        return "Yes, and more than in proportion"
    if efficiency.low >= _PROPORTIONAL:
        return "Yes, in proportion"
    return "Yes, with losses" if efficiency.value >= _HALF else "A little, and over half of what is added is lost"


def law_text(one: Scaled) -> str:
    """What the laws say of a family, misfits included; or why they say nothing. They are of jobs of so many images:
    what a job takes once is in their serial part.
    """
    texts = []
    for law in one.laws.values():
        if isinstance(law, NoFit):
            texts.append(f"No fit: {law.reason}")
            continue
        named = ", ".join(f"{key} {_share(value)}" for key, value in law.parameters.items())
        check = law.check
        bad = (
            "" if check.holds else f", but it misses the times at {check.at:g} workers by {percent_text(check.largest)}"
        )
        texts.append(f"{law.law.name}: {named}{bad}{_limit(law)}")
    return f"Of the stage, in jobs of {one.family.images} images: {'. '.join(texts)}."


def _limit(law: Fit) -> str:
    """What follows from a law for many workers."""
    if law.law is AMDAHL:
        # A fit within bounds comes near 0 and never to it: an interval that reaches 0 knows no limit.
        serial = law.parameters["serial"]
        if serial.low <= 0:
            return f"; no limit in sight below {1 / serial.high:.3g} times as fast"
        limits = f"{1 / serial.high:.3g} to {1 / serial.low:.3g}"
        return f"; however many workers, at most {1 / serial.value:.3g} times as fast ({limits})"
    if law.law is USL:
        peak = scaling.fastest_workers(law)
        if peak is None:
            return "; no number of workers beyond which more are slower"
        if peak.low <= 1:
            return "; from how many workers on more are slower is not known"
        if law.parameters["coherency"].low <= 0:
            return f"; more workers are not slower up to {peak.low:.2g} of them, and beyond that it is not known"
        return f"; slower again beyond {peak.value:.3g} workers ({peak.low:.3g} to {peak.high:.3g})"
    return ""


def paid_text(one: Scaled, floor: NoiseFloor | None) -> str:
    """Whether more workers cost more for an image."""
    if isinstance(one.paid, NoEstimate):
        return f"What an image costs on more workers is not known: {one.paid.reason}."
    found = one.paid.estimate
    if one.paid.few:
        return f"What an image costs on more workers: too few trials to say ({found.n} pairs of {statistics.ENOUGH})."
    same = f"costs the same within {percent_text(statistics.SAME)}"
    same = same if statistics.within(found) else "is not known to cost more or less"
    costs = {1: "costs more", 0: same, -1: "costs less"}[statistics.differs(found, floor)]
    most, least = number_text(one.most), number_text(one.least)
    said = f"An image {costs}: {_number(found)} times as many worker-seconds on {most} workers as on {least}"
    return f"{said}, from submission to the last row."


def best(found: Sequence[Scaled]) -> Scaled | None:
    """The family that answers best, of those with a gain."""
    return max((one for one in found if isinstance(one.gain, Ratio)), key=weight, default=None)


def weight(one: Scaled) -> tuple[bool, int, int, int]:
    """What an answer rests on: enough pairs to say anything first, then numbers of workers, trials, and images.

    The start-up hides most of few images.
    """
    enough = isinstance(one.gain, Ratio) and not one.gain.few
    return enough, len(one.family.cells), len(one.family.trials), one.family.images


def _seen(family: Family, workers: float) -> tuple[Observation, ...]:
    return observations(family.of(workers), STAGE_3)


def _values(trials: Sequence[Trial]) -> list[tuple[Trial, float]]:
    found = ((one, one.figure(STAGE_3)) for one in trials)
    return [(one, value) for one, value in found if value is not None and value > 0]


def _workers(one: Trial) -> float:
    return one.figure("executors") or 0.0


def _weak_points(family: Family) -> list[scaling.Point]:
    return [
        scaling.Point(_workers(one), value * (one.figure("images") or 0.0), one.block)
        for one, value in _values(family.trials)
    ]


def _number(one: Estimate) -> str:
    return f"{ratio_text(one.value)} ({ratio_text(one.low)} to {ratio_text(one.high)})"


def _share(one: Estimate) -> str:
    value, low, high = ("0" if share < _NAUGHT else f"{100 * share:.2g}" for share in (one.value, one.low, one.high))
    return f"{value} % ({low} to {high} %)"
