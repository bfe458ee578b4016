"""A side of a comparison: which trials, and which figure of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from pydantic import Field

from experiments.analysis import statistics
from experiments.analysis.statistics import NoEstimate, NoiseFloor, Ratio, largest_block
from experiments.analysis.trials import Observation, Trial, disturbed, observations
from experiments.claims import words
from experiments.claims.types import NOT_MEASURED, UNDECIDED, Evidence, Verdict
from experiments.errors import RunFailed
from experiments.shapes import Shape, Text

# The preset and the two names of the cell that gives the noise floor.
AA, AA_CELLS = "aa", ("a", "b")
STAGE_3 = "per_image.stage_3"
# What every verdict on trials names: it holds for these. Of the cell's settings; and of the job, since an engine
# setting chooses these too. The fused engine has one timing, and no batches.
_TOLD = ("engine_setting", "model", "images", "executors", "frames", "node")
_ENGINE, _EXECUTORS, _TOLD_OF_BIGDL = "engine", "executors", ("timing", "batch_size", "threads_per_task")


class Side(Shape):
    """Trials of one cell: by the cell's name, or by settings that only this cell has. figure: a path of its record."""

    preset: Text = Field(description="a preset's name", examples=["table-2"])
    cell: Text | None = Field(None, description="a cell's name", examples=["yarn-2"])
    set: dict[str, Any] = Field({}, description="a table of settings", examples=[{"cores": 4}])
    figure: Text = Field(STAGE_3, description="a path in a record", examples=[STAGE_3])

    @property
    def cells(self) -> str:
        """Which trials, in words."""
        settings = ", ".join(f"{key} {value}" for key, value in self.set.items())
        return f"{self.preset}: " + (" ".join(filter(None, (self.cell, settings))) or "all cells")

    def __str__(self) -> str:
        return f"{self.cells}, {words.of_figure(self.figure).name}"


def over(above: Side, below: Side) -> str:
    """A ratio's two sides, in words: what they have in common once."""
    one, other = (words.of_figure(side.figure).name for side in (above, below))
    if one == other:
        return f"{one}, {above.cells} over {below.cells}"
    return f"{above.cells}, {one} over {other}" if above.cells == below.cells else f"{above} over {below}"


class Unclear(Exception):
    """What keeps a rule from a verdict, in a sentence: the trials that are there are not those that it asks for."""


@dataclass(frozen=True)
class Found:
    """A comparison of two sides, with the noise floor of the same figure where an A/A was run."""

    ratio: Ratio
    floor: NoiseFloor | None
    trials: tuple[Trial, ...]

    @property
    def differs(self) -> int:
        return statistics.differs(self.ratio.estimate, self.floor)


def trials_of(side: Side, evidence: Evidence) -> tuple[Trial, ...]:
    """Raises Unclear if the side's settings are those of several cells: then nobody knows what was compared."""
    found = tuple(
        one
        for one in evidence.trials.of(side.preset)
        if side.cell in (None, one.cell) and all(one.settings.get(key) == value for key, value in side.set.items())
    )
    cells = sorted({one.cell for one in found})
    if len(cells) > 1:
        raise Unclear(f"{side}: these are several cells ({', '.join(cells)}), so nothing is compared.")
    return found


def values_of(side: Side, evidence: Evidence) -> tuple[Observation, ...]:
    return observations(trials_of(side, evidence), side.figure)


def compare(above: Side, below: Side, evidence: Evidence) -> Found | Verdict:
    """above / below by pairs. Where there is no ratio a verdict that it is not yet measured, and what is missing; where
    fewer pairs than carry a 95 % interval, that it is undecided.
    """
    sides = [(side, values_of(side, evidence)) for side in (above, below)]
    missing = [str(side) for side, values in sides if not values]
    presets = {above.preset, below.preset}
    if missing:
        return Verdict(NOT_MEASURED, f"No trial of {' or '.join(missing)}.", conditions=_left_out(evidence, presets))
    found = statistics.ratio(sides[0][1], sides[1][1])
    if isinstance(found, NoEstimate):
        return Verdict(NOT_MEASURED, f"{over(above, below)}: {found.reason}.", conditions=_left_out(evidence, presets))
    trials = (*trials_of(above, evidence), *trials_of(below, evidence))
    floor = noise_floor(above.figure, evidence) if above.figure == below.figure else None
    made = Found(found, floor, tuple(one for one in trials if one.name in found.trials))
    if found.few:
        one = found.estimate
        said = f"{over(above, below)}: {one.value:.3g} from {one.n} pairs of trials; {statistics.ENOUGH} are needed."
        return Verdict(UNDECIDED, said, trials=found.trials, conditions=conditions(made, evidence))
    return made


def noise_floor(figure: str, evidence: Evidence) -> NoiseFloor | None:
    """The A/A noise of a figure; None where no A/A holds it, or one with times that have no ratio."""
    one, same = (values_of(Side(preset=AA, cell=cell, set={}, figure=figure), evidence) for cell in AA_CELLS)
    try:
        found = statistics.noise_floor(one, same)
    except RunFailed:
        return None
    return found if isinstance(found, NoiseFloor) else None


def conditions(found: Found, evidence: Evidence) -> tuple[str, ...]:
    """What a comparison holds under: repeats, hosts, CPU scale, noise, and what was not used."""
    said = [*_where(f"{found.ratio.estimate.n} pairs of trials", found.ratio.blocks, found.trials, evidence)]
    without = f"no A/A of this figure was run: under {100 * statistics.UNSEEN:g} % is no difference"
    said.append(_floor_text(found.floor, evidence) if found.floor else without)
    if restless := sum(disturbed(one.evidence) for one in found.trials):
        said.append(f"{restless} of these trials were made on a host that was not steady, or did other work")
    if found.ratio.alone:
        alone = ", ".join(found.ratio.alone)
        said.append(f"without a partner in their round, and not used: {alone}")
    return tuple(said)


def _floor_text(floor: NoiseFloor, evidence: Evidence) -> str:
    """With what was run twice: its noise stands in for that of all other cells."""
    one = next(one for one in evidence.trials.of(AA) if one.name in floor.ratio.trials)
    told = {"engine": one.settings.get("engine"), "workers": one.figure("executors")}
    known = ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in told.items() if value
    )
    return f"noise floor {100 * floor.share:.1f} % (A/A{': ' if known else ''}{known})"


def where(trials: Sequence[Trial], evidence: Evidence) -> tuple[str, ...]:
    """How many trials, on which hosts, at which CPU scale."""
    names = {one.name for one in trials}
    return _where(f"{len(names)} trials", {one.block for one in trials}, trials, evidence)


def _where(what: str, blocks: Iterable[int], trials: Sequence[Trial], evidence: Evidence) -> tuple[str, ...]:
    places = sorted(blocks)
    hosts = sorted({evidence.hosts.get(block, "a host that was not described") for block in places})
    said = [f"{what} in {len(places)} host block{'s' if len(places) > 1 else ''} ({'; '.join(hosts)})"]
    for key in (_ENGINE, *_TOLD_OF_BIGDL, *_TOLD):
        values = dict.fromkeys(str(value) for one in trials if (value := _told(one, key)) is not None)
        said += [f"{key} {' and '.join(values)}"] if values else []
    shares = sorted({one.core for one in trials if one.core is not None})
    if shares:
        said.append(f"a paper core is {' or '.join(f'{share:g}' for share in shares)} of a host core")
    return tuple(said)


def _told(trial: Trial, key: str) -> Any:
    job = trial.evidence.get("job")
    of_job = {**trial.settings, **job} if isinstance(job, Mapping) else trial.settings
    if key in _TOLD_OF_BIGDL:
        return of_job.get(key) if of_job.get(_ENGINE) == "bigdl" else None
    if key == _EXECUTORS:
        number = trial.figure(_EXECUTORS)
        return None if number is None else f"{number:g}"
    return of_job.get(key) if key == _ENGINE else trial.settings.get(key)


def median_of(side: Side, found: Ratio, evidence: Evidence) -> float:
    """The side's own median, of the trials that a ratio rests on; in the block with most of them, for hosts differ."""
    used = [one for one in values_of(side, evidence) if one.trial in found.trials]
    most = largest_block(one.block for one in used if one.block in found.blocks)
    return median(one.value for one in used if one.block == most)


def _left_out(evidence: Evidence, presets: Collection[str]) -> tuple[str, ...]:
    """Trials that are in no figure; where names tell their run, of runs of these presets."""
    found = {
        why: [name for name in names if "/" not in name or name.startswith(tuple(presets))]
        for why, names in sorted(evidence.trials.left_out.items())
    }
    return tuple(f"{why}: {', '.join(names[:5])}" for why, names in found.items() if names)
