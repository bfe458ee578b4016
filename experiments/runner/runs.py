"""A run by its id: a new folder, or one that goes on. What `clusterbed run` does, without the command line."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.analysis import statistics
from experiments.analysis.trials import disturbed, observations, present_contents, read_trials
from experiments.cli.output import progress as say_line
from experiments.cluster.interrupts import uninterrupted
from experiments.errors import NoDisk, NothingRunsHere, RunFailed, UserError
from experiments.host.alone import alone
from experiments.host.paths import RESULTS
from experiments.matrix.costs import Calibration
from experiments.matrix.expansion import content_of
from experiments.matrix.plan import Plan, as_json, make_plan
from experiments.matrix.preset import PRESETS, as_run, load_preset, run_copy
from experiments.matrix.types import Preset
from experiments.runner import environment, live, loop, speeds
from experiments.runner.laboratory import Clusters
from experiments.runner.progress import FAILED, INVALID, MEASURED, SKIPPED, TIMED_OUT, TRIAL
from experiments.runner.seam import Laboratory
from experiments.runner.video import Videos
from experiments.store import contents, packing
from experiments.store.records import RECORDS, load, replace

PRESET, PLAN, SUMMARY = "preset.toml", "plan.json", "summary.json"
# Of a summary: what the sessions that made something were planned to take, and took.
_TAKES = ("planned_seconds", "session_seconds")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# So that a date and a time fit behind it.
_ID_NAME = 48


def plan_of(name_or_path: str, changes: Sequence[str], calibration: Calibration | None = None) -> Plan:
    """The plan of a preset on this host, with what has been measured of it before unless a calibration is given."""
    known = calibration if calibration is not None else speeds.known_calibration()
    return make_plan(load_preset(name_or_path, changes), environment.host(), known)


def run(name_or_path: str, identity: str | None, changes: Sequence[str], *, resume: bool) -> tuple[Path, Plan]:
    """Runs a preset to its end in results/ID, and returns the folder and the plan.

    Raises UserError for an id that is there already (without resume) or is not there (with it), and as `run_in`.
    """
    preset = load_preset(name_or_path, changes)
    folder = folder_of(preset, identity, resume=resume)
    if resume and not changes and (before := as_run(folder / PRESET)[1]):
        say_line(f"going on with {', '.join(f'--set {change}' for change in before)}, as the run was begun")
        changes, preset = before, load_preset(name_or_path, before)
    return folder, run_in(folder, preset, changes, resume=resume)


def run_in(folder: Path, preset: Preset, changes: Sequence[str], *, resume: bool, packed: bool = False) -> Plan:
    """Runs a preset to its end in a folder; with resume in one that holds a run of it.

    packed: its evidence is left in archives that can be committed, also by a run that fails or is interrupted.
    Raises UserError for a run of another preset; NothingRunsHere or NoDisk where no cell of it can run here.
    """
    plan = make_plan(preset, environment.host(), speeds.known_calibration())
    _require_cells(plan)
    with alone():
        copy = _copy(folder, preset, changes, resume)
        if preset.workload == "job":
            _laboratory(plan, folder, say_line).clear()  # what a session that was killed left would be measured beside
            plan = make_plan(preset, environment.host(), speeds.calibrate())
            _require_cells(plan)
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / PRESET, copy)
        before, spent = len(load(folder / RECORDS).records), _spent(folder)
        if not before:
            replace(folder / PLAN, json.dumps(as_json(plan), indent=2) + "\n")
        begin = time.monotonic()
        try:
            with live.watching() as watcher:
                loop.run(plan, folder, _laboratory(plan, folder, watcher.say), watcher)
        finally:  # an interrupted session's time counts too
            _close(folder, plan, before, spent, time.monotonic() - begin)
            if packed:
                with uninterrupted():
                    packing.pack(folder)
    return plan


def _close(folder: Path, plan: Plan, before: int, spent: float, seconds: float) -> None:
    """Leaves the plan and the summary. A run of which nothing was left keeps what it was planned to take, and took;
    what its records come to is told anew, since a session that was killed had no time to.
    """
    records, present = load(folder / RECORDS).records, contents.load(folder).present
    kept: dict[str, Any] = json.loads((folder / SUMMARY).read_text()) if (folder / SUMMARY).exists() else {}
    now = {**kept, **summarise(plan, records, spent + seconds, present)}
    if len(records) > before or not kept:
        replace(folder / PLAN, json.dumps(as_json(plan), indent=2) + "\n")
        if "report" in kept:  # it is of fewer trials; what it drew is known to the next one, which removes it
            now["report"] = {"figures": (kept["report"] or {}).get("figures", [])}
    else:
        now |= {key: kept[key] for key in _TAKES if key in kept}
    if now != kept:
        replace(folder / SUMMARY, json.dumps(now, indent=2) + "\n")


def _spent(folder: Path) -> float:
    """Seconds that the run's sessions before this one took."""
    path = folder / SUMMARY
    return float(json.loads(path.read_text()).get("session_seconds", 0.0)) if path.exists() else 0.0


def _laboratory(plan: Plan, folder: Path, say: Callable[[str], None]) -> Laboratory:
    return Clusters(plan, folder, say) if plan.preset.workload == "job" else Videos(plan.preset.repeats, folder, say)


def folder_of(preset: Preset, identity: str | None, *, resume: bool) -> Path:
    """The run's folder: a new one, or with resume one that is there; without an id the preset's newest."""
    name = identity or (_newest(preset) if resume else _new_id(preset))
    if not _ID.fullmatch(name):
        raise UserError(f"--run-id {name}: must be letters, digits, dots, hyphens and underscores, 64 at most")
    folder = RESULTS / name
    if folder.exists() and not resume:
        raise UserError(f"--run-id {name}: {folder} is there already; go on with --resume, or give another id")
    if resume and not (folder / PRESET).exists():
        known = ", ".join(sorted(path.parent.name for path in RESULTS.glob(f"*/{PRESET}"))) or "none"
        raise UserError(f"--resume: there is no run {name!r}; give its id with --run-id; there are: {known}")
    return folder


def _new_id(preset: Preset) -> str:
    """Of the preset's name, as a folder can have it, and the time."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", preset.name).lstrip("._-")[:_ID_NAME] or "run"
    return f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def _newest(preset: Preset) -> str:
    """The run of the preset that was last worked at, of those that have begun if there are any."""
    runs = [path for path in RESULTS.glob(f"*/{PRESET}") if as_run(path)[0] == preset.name]
    if not runs:
        raise UserError(f"--resume: there is no run of the preset {preset.name!r}; leave --resume out to begin one")
    begun = [path for path in runs if (path.parent / RECORDS).exists()]
    return max(begun or runs, key=lambda path: (path.stat().st_mtime_ns, path.parent.name)).parent.name


def _require_cells(plan: Plan) -> None:
    if not plan.runnable:
        reasons = dict.fromkeys(reason for one in plan.cells for reason in one.skipped)
        kind = NoDisk if any(one.lacks_disk for one in plan.cells) else NothingRunsHere
        raise kind(f"{plan.preset.source}: none of its {len(plan.cells)} cells can run here: {'; '.join(reasons)}")


def _copy(folder: Path, preset: Preset, changes: Sequence[str], resume: bool) -> str:
    """The preset as it goes into the run. A resumed run may have changed cells, but no other preset's."""
    source = Path(preset.source) if Path(preset.source).exists() else PRESETS / f"{preset.name}.toml"
    text = run_copy(source.read_text(encoding="utf-8"), preset.name, changes)
    if resume:
        name, before = as_run(folder / PRESET)
        if name != preset.name:
            raise UserError(f"--resume: {folder.name} is a run of the preset {name!r}")
        if set(before) != set(changes):
            said = ", ".join(f"--set {change}" for change in sorted(before)) or "no --set"
            say_line(f"the run was begun with {said}: cells that differ from then are made again")
    return text


def summarise(
    plan: Plan, records: Sequence[Mapping[str, Any]], seconds: float, present: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a run came to, by cell and state; planned time, and actual time of all its sessions. present: see
    `experiments.analysis.trials.present_contents`.

    Trials of what a cell was before it changed, or when it could not be made ready, are counted by themselves, as
    `older`, where they stand for nothing any more. Skipped is a cell that the plan skips and that has no trial.
    """
    all_ = [one for one in records if one["kind"] == TRIAL and one["status"] != SKIPPED]
    now = present_contents(all_, present)
    made = {(one["cell"], one.get("round")) for one in all_ if one["hash"] and one["hash"] == now.get(one["cell"])}
    trials = [
        one
        for one in all_
        if (one["hash"] == now.get(one["cell"]) if one["hash"] else (one["cell"], one.get("round")) not in made)
    ]
    by_cell: dict[str, Counter[str]] = {}
    for one in trials:
        by_cell.setdefault(one["cell"], Counter())[one["status"]] += 1
    for cell in plan.cells:
        if cell.skipped and cell.cell.name not in by_cell:
            by_cell[cell.cell.name] = Counter({SKIPPED: 1})
    return {
        "schema": 1,
        "preset": plan.preset.name,
        "title": plan.preset.title,
        "states": dict(sum(by_cell.values(), Counter())),
        "cells": {cell: dict(counts) for cell, counts in by_cell.items()},
        "older": len(all_) - len(trials),
        "restless": sum(disturbed(one) for one in trials),
        "blocks": len({one["block"] for one in trials}),
        "noise_floor": noise_floor(plan, trials, present) if plan.preset.same_cells else None,
        "planned_seconds": plan.seconds.seconds,
        "session_seconds": round(seconds, 1),
    }


def noise_floor(
    plan: Plan, records: Sequence[Mapping[str, Any]], present: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What two cells that are the same differ by, by time per image, as a report has it.

    The ratio of the second cell over the first, paired by rounds within blocks, with its interval, and as `floor` how
    far that reaches from 1. Empty where there are too few rounds that are measured on both sides.
    """
    alike: dict[Hashable, list[str]] = {}
    for cell in plan.runnable:
        alike.setdefault(content_of(plan.preset, cell.cell), []).append(cell.cell.name)
    pair = next((names[:2] for names in alike.values() if len(names) > 1), None)
    if pair is None:
        return {}
    first, second = pair
    trials = read_trials(records, present).counted
    found = {}
    for key in ("stage_3", "wall", "tasks"):
        one, same = (
            observations([trial for trial in trials if trial.cell == cell], f"per_image.{key}")
            for cell in (second, first)
        )
        floor = statistics.noise_floor(one, same)
        if isinstance(floor, statistics.NoiseFloor):
            found[key] = {**asdict(floor.ratio.estimate), "floor": floor.share}
    return found


def verdict(folder: Path, plan: Plan) -> str:
    """The last line of a run. Raises RunFailed where a trial failed, or a cell has no measured one."""
    summary = json.loads((folder / SUMMARY).read_text())
    lacking = [one.cell.name for one in plan.runnable if not summary["cells"].get(one.cell.name, {}).get(MEASURED)]
    states = ", ".join(f"{number} {state}" for state, number in sorted(summary["states"].items()) if state != SKIPPED)
    skipped = len(plan.cells) - len(plan.runnable)
    if lacking:
        raise RunFailed(
            f"{folder.name}: {states}; no measured trial of {', '.join(lacking)}; {folder / RECORDS} says why"
        )
    failures = {state: summary["states"][state] for state in (FAILED, INVALID, TIMED_OUT) if state in summary["states"]}
    if restless := summary.get("restless"):
        say_line(f"{restless} of the trials were made on a host that was not steady, or did other work")
    for key, one in (summary["noise_floor"] or {}).items():
        interval = f"{one['low']:.3f} to {one['high']:.3f}, {one['n']} rounds"
        say_line(f"noise floor, {key}: {one['floor']:.1%} (ratio {one['value']:.3f}, {interval})")
    if failures:
        raise RunFailed(f"{folder.name}: {states}: not all trials were measured; {folder / RECORDS} says why")
    return f"run: ok, {len(plan.runnable)} cells, {skipped} skipped, {states}, {folder}"
