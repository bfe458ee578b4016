"""What verdicts rest on beside trials: figures of benchmarks, manifests of built models, trials of other programs.

A folder of runs may hold them as they were then, in facts.json; else the benchmarks' latest figures are taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from experiments.analysis.decomposition import Decomposition, decompose
from experiments.analysis.statistics import NoEstimate
from experiments.analysis.trials import Trial
from experiments.bench.store import BENCH, read_latest
from experiments.claims.sources import SYNCHRONY, SYNCHRONY_TRIALS, from_bench, from_manifest, from_synchrony
from experiments.claims.types import Evidence, Fact
from experiments.errors import UserError
from experiments.run_report.raw import RawFiles
from experiments.run_report.reading import SCHEMA, Runs
from experiments.store.records import replace as write

Content = TypeVar("Content")

FACTS = "facts.json"


def evidence_of(runs: Runs, folder: Path, bench: Path = BENCH, raw: RawFiles | None = None) -> Evidence:
    """All that rules look at. folder: the run's, or the one that holds the runs; never where a report is written to,
    or the same runs would get other verdicts there. raw: reads the tasks. Raises UserError for damaged files.
    """
    kept = read_facts(folder / FACTS)
    facts = kept if kept is not None else from_bench(read_latest(bench))
    beside, hosts = from_synchrony(_lines(folder / SYNCHRONY / SYNCHRONY_TRIALS))
    trials = replace(runs.trials, counted=(*runs.trials.counted, *beside))
    return Evidence(trials, facts, {**runs.hosts, **hosts}, _parts(raw or RawFiles(runs), frozenset(hosts)))


def _parts(raw: RawFiles, beside: Collection[int]) -> Callable[[Trial], Decomposition | NoEstimate]:
    """Splits a trial's time, each once. beside: blocks of trials that are of no run."""
    known = dict[str, Decomposition | NoEstimate]()

    def parts(trial: Trial) -> Decomposition | NoEstimate:
        if trial.name not in known:
            known[trial.name] = decompose(trial, None if trial.block in beside else raw.tasks(trial))
        return known[trial.name]

    return parts


def collect(manifests: Iterable[Path], bench: Path = BENCH, stale: Iterable[str] = ()) -> dict[str, Fact]:
    """The facts as they are now: of `make bench`, and of built models' manifest.json, later ones first.

    stale: figures of other code than there is now, which say so from then on.
    """
    found = dict[str, Fact]()
    for path in manifests:
        found = from_manifest(_content(path)) | found
    return from_bench(read_latest(bench), stale) | found


def write_facts(facts: Mapping[str, Fact], folder: Path) -> Path:
    """Keeps facts with runs, so that their report stays the same when others are measured later."""
    content = {"schema": SCHEMA, "facts": {name: asdict(facts[name]) for name in sorted(facts)}}
    write(folder / FACTS, json.dumps(content, indent=1) + "\n")
    return folder / FACTS


def read_facts(path: Path) -> dict[str, Fact] | None:
    """None where there is no file."""
    if not path.exists():
        return None
    content = _content(path)
    if content.get("schema") != SCHEMA:
        raise UserError(f"{path}: schema = {json.dumps(content.get('schema'))}; this release knows {SCHEMA}")
    return _checked(_FACTS, content.get("facts"), path)


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore the file") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: is no JSON object; restore the file")
    return content


class _Line(BaseModel):
    """What is looked at of a line of synchrony's trials."""

    model_config = ConfigDict(strict=True)

    mode: str
    repeat: int
    failed: bool
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    tasks: int | None = None
    failed_tasks: int | None = None
    host: dict[str, Any] | None = None


_FACTS = TypeAdapter(dict[str, Fact])
_LINES = TypeAdapter(list[_Line])


def _lines(path: Path) -> list[Mapping[str, Any]]:
    """Whole lines; the last one may have been cut off by a crash."""
    if not path.exists():
        return []
    try:
        *whole, _ = path.read_text(encoding="utf-8").split("\n")
        found = [json.loads(line) for line in whole]
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore the file") from None
    _checked(_LINES, found, path)
    return found


def _checked(shape: TypeAdapter[Content], content: Any, path: Path) -> Content:
    try:
        return shape.validate_python(content)
    except ValidationError as error:
        first, *_ = error.errors(include_url=False)
        where = ".".join(map(str, first["loc"])) or "its content"
        raise UserError(f"{path}: {where}: {first['msg']}; restore the file") from None
