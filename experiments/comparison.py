"""Two stored runs, side by side: what differs beyond noise by cell and phase, and what cannot be compared and why.

The runs were not interleaved, so nothing is paired: a ratio is that of medians, its interval resamples each side's
trials by themselves, and differences that an hour can make are none. Seconds are only compared on hosts that are alike,
and for cells whose content is the same but for the code: `compare` is there to set two commits side by side.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from experiments.analysis import statistics
from experiments.analysis.statistics import NoEstimate, NoiseFloor, interval
from experiments.analysis.trials import Trial
from experiments.bench.statistics import Estimate
from experiments.errors import UserError
from experiments.run_report.reading import RunFolder, Runs
from experiments.runner.identity import Content, changes
from experiments.store import contents
from experiments.store.contents import CONTENTS

# What two hosts must have in common for their seconds to be comparable.
HOST_FIELDS = ("cpu_model", "cpu_flags", "cores", "cgroup")
# Parts of a cell's content that may differ: the code whose effect is looked at. What a time is of is none of it.
CODE = ("application", "engine_setting", "node_images", "spark", "submission")
# A part of a cell's content that means something by its absence.
FRESH = "fresh_cluster"
DEFINITION = ("engine_setting.job.engine", "engine_setting.job.timing")
# A difference under this share is none: the runs were made at different hours, and an A/A tells only what the same
# hour does. The halves of one A/A, three quarters of an hour apart, differed by up to 8 %.
APART = 0.10
# Tables of a record whose numbers are compared.
PHASES = "phases"
TABLES = ("per_image", PHASES, "per_frame")
# Phases under this many seconds say more about clocks than about code.
LEAST_SECONDS = 0.1
# With fewer trials a side, that all of one are over all of the other comes by chance more often than once in twenty.
LEAST_TRIALS = 4

Floor = Callable[[str], NoiseFloor | None]


@dataclass(frozen=True)
class Seen:
    """A counted trial, what its cell's figures depend on, and the host of its block with its calibration: seconds of a
    small network's image on one core, by instruction set.
    """

    trial: Trial
    content: Content
    host: Mapping[str, Any]
    calibration: Mapping[str, float]

    @property
    def cell(self) -> str:
        return f"{self.trial.preset}: {self.trial.cell}"


@dataclass(frozen=True)
class Difference:
    """A figure of a cell in both runs: medians, and second over first.

    ratio: None where there are too few trials for an interval. beyond: -1 where the second is below the first beyond
    noise, 1 where above, else 0. floor: the share that it was held against, APART or the A/A noise if that is larger.
    few: a run has fewer trials than tell anything, so that nothing is beyond noise.
    """

    cell: str
    figure: str
    before: float
    after: float
    ratio: Estimate | None
    beyond: int
    floor: float
    few: bool


@dataclass(frozen=True)
class Comparison:
    """refused: by cell, the fields that make it incomparable; alone: by run, cells that the other has not.

    code: what of the code differs, over all cells; left_out: trials on hosts that the other run was not made on;
    speeds: of one core in both runs, where they differ as no hour explains: so much of all differences is the host's.
    """

    names: tuple[str, str]
    differences: tuple[Difference, ...]
    refused: Mapping[str, tuple[str, ...]]
    alone: Mapping[str, tuple[str, ...]]
    code: tuple[str, ...]
    left_out: int
    speeds: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.cell for one in self.differences))

    @property
    def beyond(self) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.beyond)


def seen(runs: Runs) -> tuple[Seen, ...]:
    """The counted trials of stored runs. Raises UserError where what they depend on was not kept."""
    known = {run.name: contents.load(run.path).by_hash for run in runs.folders}
    blocks = {run.name: _blocks(run) for run in runs.folders}
    found = []
    for trial in runs.trials.counted:
        run, _ = runs.folder_of(trial.name)
        content = known[run.name].get(str(trial.evidence.get("hash")))
        block = blocks[run.name].get(int(trial.evidence["block"]))
        if content is None or block is None:
            what = CONTENTS if content is None else "environment.json"
            raise UserError(f"{run.path / what}: does not say what {trial.name} was measured on; restore the file")
        found.append(Seen(trial, content, block["host"], block.get("calibration") or {}))
    return tuple(found)


def compare(names: tuple[str, str], before: Sequence[Seen], after: Sequence[Seen], floor: Floor) -> Comparison:
    """Second over first. Raises UserError where nothing of them can be compared, with the field that differs."""
    for name, side in zip(names, (before, after), strict=True):
        if not side:
            raise UserError(f"{name}: has no measured trial; there is nothing to compare")
    common = {_host(one) for one in before} & {_host(one) for one in after}
    if not common:
        raise UserError(
            f"{names[0]} and {names[1]}: {_host_difference(before[0].host, after[0].host)}; seconds of different hosts "
            "are not comparable: make both runs on one host"
        )
    first, second = ([one for one in side if _host(one) in common] for side in (before, after))
    cells, others = _by_cell(first), _by_cell(second)
    both = [cell for cell in cells if cell in others]
    refused = {cell: fields for cell in both if (fields := _incomparable(cells[cell], others[cell]))}
    compared = [cell for cell in both if cell not in refused]
    if not compared:
        raise UserError(*_nothing(names, cells, others, refused))
    return Comparison(
        names,
        tuple(one for cell in compared for one in _differences(cell, cells[cell], others[cell], floor)),
        refused,
        {
            names[0]: tuple(cell for cell in cells if cell not in others),
            names[1]: tuple(cell for cell in others if cell not in cells),
        },
        tuple(dict.fromkeys(line for cell in compared for line in _changed(cells[cell], others[cell], code=True))),
        len(before) + len(after) - len(first) - len(second),
        _speeds(first, second),
    )


def _speeds(before: Sequence[Seen], after: Sequence[Seen]) -> tuple[str, ...]:
    """By instruction set: the calibrations of both sides, medians over their trials, where more than APART."""
    said = []
    for isa in dict.fromkeys(isa for one in before for isa in one.calibration):
        sides = [[one.calibration[isa] for one in side if isa in one.calibration] for side in (before, after)]
        if all(sides):
            one, other = (float(np.median(side)) for side in sides)
            if max(one, other) > (1 + APART) * min(one, other):
                said.append(f"{isa}: {one:.4f} s an image on one core, then {other:.4f}")
    return tuple(said)


def as_json(found: Comparison) -> dict[str, Any]:
    """As `clusterbed compare --json` prints it."""
    return {
        "schema": 1,
        "runs": list(found.names),
        "code": list(found.code),
        "refused": {cell: list(fields) for cell, fields in found.refused.items()},
        "alone": {run: list(cells) for run, cells in found.alone.items()},
        "left_out": found.left_out,
        "speeds": list(found.speeds),
        "differences": [
            {
                "cell": one.cell,
                "figure": one.figure,
                "before": one.before,
                "after": one.after,
                "ratio": one.ratio.value if one.ratio else None,
                "low": one.ratio.low if one.ratio else None,
                "high": one.ratio.high if one.ratio else None,
                "noise_floor": one.floor,
                "beyond_noise": one.beyond,
                "few_trials": one.few,
            }
            for one in found.differences
        ],
    }


def _blocks(run: RunFolder) -> Mapping[int, Mapping[str, Any]]:
    return {int(block["block"]): block for block in run.environment.get("blocks", ()) if "host" in block}


def _host(one: Seen) -> str:
    return json.dumps([one.host.get(field) for field in HOST_FIELDS])


def _host_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    field = next(field for field in HOST_FIELDS if one.get(field) != other.get(field))
    left, right = one.get(field), other.get(field)
    if isinstance(left, list) and isinstance(right, list):
        left, right = sorted(set(left) - set(right)), sorted(set(right) - set(left))
    return f"host.{field}: {json.dumps(left)} against {json.dumps(right)}"


def _by_cell(side: Sequence[Seen]) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    for one in side:
        found.setdefault(one.cell, []).append(one)
    return found


def _changed(before: Sequence[Seen], after: Sequence[Seen], *, code: bool) -> list[str]:
    """What differs in a cell's content, of its code or of all else. A cell counts with one content a run; a part that
    the release did not know which made one of them is not compared.
    """
    one, other = before[-1].content, after[-1].content
    known = {*(one.keys() & other.keys()), FRESH}
    lines = changes(*({key: content[key] for key in content if key in known} for content in (one, other)))
    return [line for line in lines if (line.startswith(CODE) and not line.startswith(DEFINITION)) == code]


def _incomparable(before: Sequence[Seen], after: Sequence[Seen]) -> tuple[str, ...]:
    return tuple(_changed(before, after, code=False))


def _nothing(
    names: tuple[str, str],
    cells: Mapping[str, object],
    others: Mapping[str, object],
    refused: Mapping[str, tuple[str, ...]],
) -> list[str]:
    if refused:
        return [f"{cell}: not comparable: {'; '.join(fields)}" for cell, fields in refused.items()]
    listed = [f"{name} has {', '.join(own)}" for name, own in zip(names, (cells, others), strict=True)]
    return [f"no cell is in both runs: {'; '.join(listed)}"]


def _differences(cell: str, before: Sequence[Seen], after: Sequence[Seen], floor: Floor) -> list[Difference]:
    found = []
    for figure in _figures(before[0].trial):
        one, other = _by_host(before, figure), _by_host(after, figure)
        shared = [host for host in one if host in other]
        left = [value for host in shared for value in one[host]]
        right = [value for host in shared for value in other[host]]
        if not left or not right or (figure.startswith(PHASES) and _short(left) and _short(right)):
            continue
        ratio = _ratio([(one[host], other[host]) for host in shared])
        known = floor(figure)
        noise = max(APART, known.share) if known else APART
        few = min(len(left), len(right)) < LEAST_TRIALS
        found.append(
            Difference(
                cell,
                figure,
                float(np.median(left)),
                float(np.median(right)),
                ratio,
                statistics.apart(ratio, noise) if ratio and not few else 0,
                noise,
                few,
            )
        )
    return found


def _short(seconds: Sequence[float]) -> bool:
    return float(np.median(seconds)) < LEAST_SECONDS


def _figures(trial: Trial) -> list[str]:
    """Paths of all times in the tables of a record: beside those of frames stands how many they were."""
    found = [path for table in TABLES for path in _paths(trial.evidence.get(table), table)]
    return [path for path in found if not path.endswith(".frames")]


def _paths(content: Any, path: str) -> list[str]:
    if isinstance(content, Mapping):
        return [found for key, value in content.items() for found in _paths(value, f"{path}.{key}")]
    return [path] if isinstance(content, int | float) and not isinstance(content, bool) else []


def _by_host(side: Sequence[Seen], figure: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in side:
        value = one.trial.figure(figure)
        if value is not None:
            found.setdefault(_host(one), []).append(value)
    return found


def _ratio(hosts: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Estimate | None:
    """Second over first by medians; over several hosts the mean of logarithms, weighted by trials."""
    enough = [pair for pair in hosts if min(map(len, pair)) > 1 and min(map(min, pair)) > 0]
    if not enough:
        return None
    weights = [len(one) + len(other) for one, other in enough]

    def statistic(*samples: Any, axis: int) -> Any:
        medians = [np.log(np.median(sample, axis=axis)) for sample in samples]
        logs = [other - one for one, other in zip(medians[::2], medians[1::2], strict=True)]
        return np.exp(sum(weight * log for weight, log in zip(weights, logs, strict=True)) / sum(weights))

    return interval([np.asarray(sample, np.float64) for pair in enough for sample in pair], statistic)


def floor_of(*sides: Callable[[str], NoiseFloor | NoEstimate | None]) -> Floor:
    """The larger of the runs' own A/A noise floors, of one figure; None where no run holds an A/A."""

    @cache
    def floor(figure: str) -> NoiseFloor | None:
        found = [one for side in sides if isinstance(one := side(figure), NoiseFloor)]
        return max(found, key=lambda one: one.share, default=None)

    return floor
