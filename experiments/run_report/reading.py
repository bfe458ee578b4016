"""Stored runs: names to folders, folders to trials. Says what a folder lacks, and makes nothing up for it."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.analysis.trials import Trial, Trials, pooled, read_trials
from experiments.claims.sources import hosts_of
from experiments.errors import UserError
from experiments.host.paths import RESULTS
from experiments.matrix.preset import as_run
from experiments.store import contents
from experiments.store.records import RECORDS, Record, load

SCHEMA = 1
PRESET, PLAN, ENVIRONMENT = "preset.toml", "plan.json", "environment.json"
_DEFAULT_REPEATS = 5


@dataclass(frozen=True)
class RunFolder:
    """One run. title, preset, repeats, ours: as its preset.toml says, the folder's name and None where it has none.

    plan, environment: the files' content, empty where missing; lacking: what the folder lacks, a sentence each;
    present: by cell, the hash of the content that counts, where that is kept. changes: of the preset, as it was
    run with, the number of rounds left aside.
    """

    name: str
    path: Path
    preset: str
    title: str
    ours: str
    repeats: int | None
    records: tuple[Record, ...]
    plan: Mapping[str, Any]
    environment: Mapping[str, Any]
    lacking: tuple[str, ...]
    present: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()

    @property
    def trials(self) -> Trials:
        return read_trials(self.records, self.present)


@dataclass(frozen=True)
class Runs:
    """Several runs read together. trials: of all of them; hosts: each block's, in words.

    One run keeps its trials' names and blocks; of several, names begin with their run's, and blocks are numbered anew.
    """

    folders: tuple[RunFolder, ...]
    trials: Trials
    hosts: Mapping[int, str]

    @property
    def planned(self) -> tuple[tuple[str, str], ...]:
        """(preset, cell) of all planned cells, in the order of the plans."""
        return tuple((one.preset, cell["cell"]) for one in self.folders for cell in one.plan.get("cells", ()))

    def folder_of(self, trial: str) -> tuple[RunFolder, str]:
        """The run that a trial is of, and the trial's name in it."""
        if len(self.folders) == 1:
            return self.folders[0], trial
        run, _, name = trial.partition("/")
        return next(one for one in self.folders if one.name == run), name

    def name_of(self, run: RunFolder, trial: str) -> str:
        """A trial's name here."""
        return trial if len(self.folders) == 1 else f"{run.name}/{trial}"

    def presets(self) -> Mapping[str, tuple[Trial, ...]]:
        """The counted trials by preset, in the order of the runs."""
        found: dict[str, list[Trial]] = {}
        for one in self.trials.counted:
            found.setdefault(one.preset, []).append(one)
        return {preset: tuple(own) for preset, own in found.items()}


def home(name: str) -> Path:
    """The folder that a name stands for, of one run or of several: an id below results/, or a path.

    Raises UserError where there is none.
    """
    for path in (Path(name), RESULTS / name):
        if path.is_dir():
            if inside(path):
                return path
            raise UserError(
                f"{path}: holds neither {RECORDS} nor folders of runs; give a run's folder, or one that holds some"
            )
    known = ", ".join(sorted(path.parent.name for path in RESULTS.glob(f"*/{PRESET}"))) or "none"
    raise UserError(f"{name!r}: there is no such run; give an id below results/, or a folder; there are: {known}")


def common_home(names: Sequence[str]) -> Path:
    """The folder of one name, or the one that holds all of several."""
    return Path(os.path.commonpath([home(name).resolve() for name in names]))


def inside(path: Path) -> tuple[Path, ...]:
    """The folder itself if it is a run's; else the runs' folders right below it, by name."""
    if _is_run(path):
        return (path,)
    return tuple(sorted(one for one in path.iterdir() if one.is_dir() and _is_run(one)))


def read_runs(names: Sequence[str]) -> Runs:
    """The runs of these names, each once. Raises UserError for unknown names and files that are damaged."""
    paths = list(dict.fromkeys(path.resolve() for name in names for path in inside(home(name))))
    folders = tuple(read_run(path) for path in paths)
    doubled = sorted({one.name for one in folders if [other.name for other in folders].count(one.name) > 1})
    if doubled:
        raise UserError(f"two runs are called {doubled[0]!r}; rename one of the folders")
    if len(folders) == 1:
        return Runs(folders, folders[0].trials, hosts_of(folders[0].environment))
    trials = pooled({one.name: one.trials for one in folders})
    own = {one.name: hosts_of(one.environment) for one in folders}
    hosts = {block: own[run][number] for block, (run, number) in trials.blocks.items() if number in own[run]}
    return Runs(folders, trials, hosts)


def read_run(path: Path) -> RunFolder:
    """One run's folder. Raises UserError for a file that is damaged, or of a schema that this release does not know."""
    lacking = list[str]()
    loaded = load(path / RECORDS)
    if loaded.torn:
        lacking.append(f"the last line of {RECORDS} was cut off by a crash and is not used; --resume makes it again")
    if not (path / RECORDS).exists():
        lacking.append(f"{RECORDS} is missing: no trial has ended yet")
    elif not loaded.records:
        lacking.append(f"{RECORDS} holds no trial yet")
    plan, environment = (_json(path / name, lacking) for name in (PLAN, ENVIRONMENT))
    _check(path / PLAN, plan, "cells", {"cell": str})
    _check(path / ENVIRONMENT, environment, "blocks", {"block": int, "host": dict})
    table, repeats = _preset(path / PRESET, lacking)
    changes = tuple(one for one in as_run(path / PRESET)[1] if one.partition("=")[0].strip() != "repeats")
    named = (record["preset"] for record in loaded.records if "preset" in record)
    preset = str(next(named, plan.get("preset", path.name)))
    title, ours = str(table.get("title", preset)), str(table.get("ours", ""))
    present = contents.load(path).present
    return RunFolder(
        path.name,
        path,
        preset,
        title,
        ours,
        repeats,
        loaded.records,
        plan,
        environment,
        tuple(lacking),
        present,
        changes,
    )


def _is_run(path: Path) -> bool:
    return (path / RECORDS).exists() or (path / PLAN).exists()


def _json(path: Path, lacking: list[str]) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        lacking.append(f"{path.name} is missing")
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore the file") from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise UserError(
            f"{path}: schema = {json.dumps(schema)}; this release knows {SCHEMA}; "
            "read it with the release that wrote it"
        )
    return dict(content)


def _check(path: Path, content: Mapping[str, Any], key: str, needed: Mapping[str, type]) -> None:
    """Raises UserError where the list of that name is none, or an entry of it lacks what every entry has."""
    entries = content.get(key, [])
    whole = isinstance(entries, list) and all(isinstance(one, dict) for one in entries)
    for number, one in enumerate(entries if whole else [], start=1):
        for name, kind in needed.items():
            if not isinstance(one.get(name), kind):
                raise UserError(f"{path}: entry {number} of {key!r} has no {name!r}; restore the file")
    if not whole:
        raise UserError(f"{path}: {key!r} is no list of tables; restore the file")


def _preset(path: Path, lacking: list[str]) -> tuple[Mapping[str, Any], int | None]:
    """The preset's table as run, and how many rounds it asks for."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        lacking.append(f"{path.name} is missing")
        return {}, None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore the file") from None
    changes = [change.partition("=") for change in as_run(path)[1]]
    changed = [value.strip() for key, _, value in changes if key.strip() == "repeats"]
    repeats = changed[-1] if changed else table.get("repeats", _DEFAULT_REPEATS)
    return table, int(repeats) if str(repeats).isdigit() else None


def measured_of(run: RunFolder) -> Mapping[str, int]:
    """How many trials of each planned cell count."""
    counts = {str(one["cell"]): 0 for one in run.plan.get("cells", ()) if not one.get("skipped")}
    for one in run.trials.counted:
        counts[one.cell] = counts.get(one.cell, 0) + 1
    return counts
