"""Which figures a report shows, and from what they are drawn. They are drawn one after the other, when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from experiments.analysis.decomposition import Decomposition
from experiments.analysis.statistics import NoEstimate, NoiseFloor, Ratio, Summary, ratio, summary
from experiments.analysis.trials import PAID, Trial, observations, varied
from experiments.bench.statistics import Estimate
from experiments.claims.sides import STAGE_3
from experiments.claims.types import Fact
from experiments.figures import comparisons as beside
from experiments.figures import curves, tables
from experiments.figures.comparisons import Contest, Precision
from experiments.figures.drawn import About, Drawn
from experiments.figures.loads import Load, loads_readable, loads_stacked
from experiments.figures.tables import Bar, Curve
from experiments.figures.trials import Split, where_time_goes
from experiments.run_report.causes import Part
from experiments.run_report.cells import GIVEN, PER_FRAME, Comparison, given, label, settings_text
from experiments.run_report.scaling import Scaled

# More bars, or curves, than this in one figure cannot be read; the others are in the table of all cells.
MOST_BARS, MOST_CURVES = 16, 6
_LEAST_WORKERS = 3
_PREDICTED = "result.partitions.predict"
# From submission to the end of the job's process.
_TOTAL = "phases.submit"


@dataclass(frozen=True)
class Shown:
    """A figure, or why there is none. name: of its files, in one report only once; trials: those it rests on."""

    name: str
    drawn: Drawn | NoEstimate
    trials: tuple[str, ...]


@dataclass(frozen=True)
class Setting:
    """What the figures of a comparison need to know beside its trials. host: in words, of its block; hosts: of all
    blocks; floor, whole_floor: the A/A
    noise of the stage, and of the whole job.
    """

    comparison: Comparison
    name: str
    host: str
    scaled: Sequence[Scaled]
    parts: Sequence[Part]
    floor: NoiseFloor | None
    facts: Mapping[str, Fact]
    whole_floor: NoiseFloor | None = None
    hosts: Mapping[int, str] = field(default_factory=dict)

    def about(self, drawn: int = 0, all_: int = 0, what: str = "cells") -> About:
        left = f"the first {drawn} of {all_} {what} are drawn, all are in the table of cells" if drawn < all_ else ""
        return About(self.host, self.comparison.core, left)

    def shown(self, drawn: Drawn | NoEstimate, trials: Sequence[str] | None = None) -> Shown:
        names = [one.name for own in self.comparison.here.values() for one in own] if trials is None else trials
        own = drawn.name if isinstance(drawn, Drawn) else drawn.reason.partition(":")[0]
        return Shown(f"{self.name}-{own}", drawn, tuple(names))


def drawings(setting: Setting) -> Iterator[Shown]:
    """The figures over all cells of a comparison. Those that its cells cannot have are not among them."""
    if setting.comparison.video:
        yield _frames(setting)
        return
    yield from _scaling(setting)
    if len(setting.comparison.here) > 1:
        yield _cells(setting)
    yield from _contests(setting)
    yield from _partitions(setting)
    yield from _precisions(setting)
    yield _time(setting)


def _scaling(setting: Setting) -> Iterator[Shown]:
    """Fig. 15, 16 and 17, speed-up, what one pays: where cells differ in the number of workers alone.

    Two numbers of workers are no curve: sentences say what there is to say.
    """
    able = [one for one in setting.scaled if len(one.family.cells) >= _LEAST_WORKERS]
    found = able[:MOST_CURVES]
    if not found:
        return
    about = setting.about(len(found), len(able), "families of cells")
    trials = [trial for one in found for trial in one.trials]
    paid = [Curve(one.curve.name, one.curve.block, _points(one, PAID)) for one in found]
    per_worker = [Curve(one.curve.name, one.curve.block, tables.per_x(one.curve.points)) for one in found]
    yield setting.shown(curves.curves(curves.TIME, [one.curve for one in found], about), trials)
    yield setting.shown(curves.curves(curves.AVERAGE, per_worker, about), trials)
    speed_ups = [(one.family.name, one.speed_ups) for one in found if not isinstance(one.speed_ups, NoEstimate)]
    yield setting.shown(curves.scaling_figure(speed_ups, about), trials)
    yield setting.shown(curves.curves(curves.PAID, paid, about), trials)
    loads = list(_loads(setting))
    yield setting.shown(loads_stacked(loads[:MOST_BARS], setting.about(MOST_BARS, len(loads))))
    yield setting.shown(loads_readable(loads[:MOST_BARS], setting.about(MOST_BARS, len(loads))))


def _points(one: Scaled, figure: str) -> tuple[tables.Point, ...]:
    return tables.points(one.family.trials, figure, "executors", one.curve.block)


def _loads(setting: Setting) -> Iterator[Load]:
    for cell, trials in sorted(setting.comparison.here.items(), key=lambda pair: _load_order(pair[1][0])):
        times = [one.value for one in observations(trials, _TOTAL)]
        workers, images = (trials[0].figure(key) for key in ("executors", "images"))
        if times and workers and images:
            yield Load(label(cell), int(workers), int(images), median(times), len(times))


def _load_order(one: Trial) -> tuple[float, float]:
    """As the paper's axis has it: by images, then by workers."""
    return one.figure("images") or 0.0, one.figure("executors") or 0.0


def _cells(setting: Setting) -> Shown:
    found = tables.bars(
        [(label(cell), observations(trials, STAGE_3)) for cell, trials in setting.comparison.here.items()],
        setting.comparison.block,
    )
    what = "wall time of the stage that Table 10 reports, per image"
    contest = Contest("cells", f"Time per image: {setting.comparison.name}", "seconds per image", what)
    about = setting.about(MOST_BARS, len(found))
    return setting.shown(beside.comparison(contest, found[:MOST_BARS], about, None, setting.floor))


def _contests(setting: Setting) -> Iterator[Shown]:
    """YARN against standalone with as many executors (Y8), and YARN with fewer nodes against more (Y4): of cells that
    are alike in all else, the first of each kind.
    """
    yarn, standalone = (_by_executors(setting.comparison, topology) for topology in ("yarn", "standalone"))
    for rest, cells in yarn.items():
        both = sorted(cells.keys() & standalone.get(rest, {}).keys())
        if both:
            yield _contest(setting, beside.YARN, [cells[both[-1]], standalone[rest][both[-1]]])
            break
    for cells in yarn.values():
        if len(cells) > 1:
            yield _contest(setting, beside.nodes(max(cells), min(cells)), [cells[max(cells)], cells[min(cells)]])
            break


def _by_executors(comparison: Comparison, topology: str) -> dict[str, dict[float, str]]:
    """The cells of that topology by all other settings, then by their number of executors."""
    found: dict[str, dict[float, str]] = {}
    for cell, trials in comparison.here.items():
        settings, executors = trials[0].settings, trials[0].figure("executors")
        if settings.get("topology") == topology and executors is not None:
            rest = repr(sorted((key, value) for key, value in settings.items() if key not in ("topology", "workers")))
            found.setdefault(rest, {}).setdefault(executors, cell)
    return found


def _contest(setting: Setting, contest: Contest, cells: Sequence[str]) -> Shown:
    own = {cell: setting.comparison.cells[cell] for cell in cells}
    seen = {cell: observations(trials, STAGE_3) for cell, trials in own.items()}
    bars = tables.bars(list(seen.items()), setting.comparison.block)
    found = ratio(seen[cells[0]], seen[cells[1]])
    over = (f"{cells[0]} over {cells[1]}", found.estimate) if isinstance(found, Ratio) else None
    drawn = beside.comparison(contest, bars, setting.about(), over, setting.floor)
    return setting.shown(drawn, [one.name for trials in own.values() for one in trials])


def _partitions(setting: Setting) -> Iterator[Shown]:
    """Where cells differ in partitions: as read, and repartitioned; a curve for each kind of job."""
    trials = [
        one
        for one in setting.comparison.trials
        if one.settings.get("engine") == "bigdl" and one.settings.get("read_partitions") is not None
    ]
    numbers = {one.figure(_PREDICTED) for one in trials}
    if len(numbers - {None}) < 2:
        return
    kinds: dict[tuple[str, ...], list[Trial]] = {}
    for one in trials:
        way = "as read" if one.settings.get("repartition") is None else "repartitioned"
        kinds.setdefault((way, *given(one)), []).append(one)
    differing = [key for key in varied([own[0] for own in kinds.values()]) if key in GIVEN]
    block = setting.comparison.block
    found = [
        Curve(
            ", ".join(filter(None, (way, settings_text(own[0].settings, differing)))),
            block,
            tables.points(own, STAGE_3, _PREDICTED, block),
        )
        for (way, *_), own in kinds.items()
    ]
    yield setting.shown(curves.curves(curves.PARTITIONS, found, setting.about()), [one.name for one in trials])


def _precisions(setting: Setting) -> Iterator[Shown]:
    """Where cells differ in how weights are stored or computed. Accuracy is the benchmarks', of the small model."""
    kinds = {(one.settings.get("weights"), one.settings.get("precision")) for one in setting.comparison.trials}
    if len(kinds) < 2:
        return
    found = []
    for trials in setting.comparison.here.values():
        weights, precision = (trials[0].settings.get(key) for key in ("weights", "precision"))
        speed = summary([one.value for one in observations(trials, STAGE_3)])
        if isinstance(speed, Summary):
            known = trials[0].settings.get("model") == "small" and precision == "f32"
            found.append(
                Precision(f"{weights}, {precision}", speed, _accuracy(setting.facts, str(weights)) if known else None)
            )
    yield setting.shown(beside.precisions(found, setting.about()))


def _accuracy(facts: Mapping[str, Fact], weights: str) -> Estimate | None:
    """Mask AP by the benchmarks' own paired comparison with FP32, on which FP16 and INT8 were measured.

    Of FP16 the size of the difference is known and not its sign: it may lie as far on either side.
    """
    base = facts.get("model_mask_ap")
    if base is None or base.low is None or base.high is None:
        return None
    if weights == "FP32":
        return Estimate(base.value, base.low, base.high, base.n)
    plain = base.value
    change = facts.get({"FP16": "model_f16_ap_difference", "INT8": "model_int8_ap_fraction"}.get(weights, ""))
    if change is None or change.low is None or change.high is None:
        return None
    if weights == "FP16":
        return Estimate(plain, plain - change.high, plain + change.high, change.n)
    return Estimate(plain * change.value, plain * change.low, plain * change.high, change.n)


def _time(setting: Setting) -> Shown:
    whole = [(one, one.parts) for one in setting.parts if isinstance(one.parts, Decomposition)]
    found = [Split(label(one.cell), parts, len(one.trials)) for one, parts in whole]
    drawn = where_time_goes(found[:MOST_BARS], setting.about(MOST_BARS, len(found)))
    return setting.shown(drawn, [trial for one, _ in whole[:MOST_BARS] for trial in one.trials])


def _frames(setting: Setting) -> Shown:
    """Table 1: a bar for each cell and library."""
    bars: list[Bar] = []
    cells = setting.comparison.here
    # In one order, whichever was measured first.
    sides = sorted({side for trials in cells.values() for one in trials for side in one.evidence[PER_FRAME]})
    for cell, trials in sorted(cells.items()):
        seen = [(f"{cell}, {side}", observations(trials, f"{PER_FRAME}.{side}.total")) for side in sides]
        bars += tables.bars(seen, setting.comparison.block)
    contest = Contest("frames", "Time per frame on one node (Table 1)", "seconds per frame", "mean of a round's frames")
    # A library that could not run somewhere has no bar there: then each bar looks its own way.
    kinds = len(sides) if len(bars) == len(sides) * len(cells) else None
    return setting.shown(beside.comparison(contest, bars, setting.about(), kinds=kinds))
