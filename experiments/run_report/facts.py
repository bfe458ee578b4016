"""What verdicts rest on beside trials: figures of benchmarks, manifests of built models, trials of other programs.

A folder of runs may hold them as they were then, in facts.json; else the benchmarks' latest figures are taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from experiments.bench.store import BENCH, read_latest
from experiments.claims.sources import SYNCHRONY, from_bench, from_manifest, from_synchrony
from experiments.claims.types import Evidence, Fact
from experiments.errors import UserError
from experiments.run_report.reading import SCHEMA, Runs
from experiments.store.records import replace as write

FACTS = "facts.json"
_SYNCHRONY_TRIALS = Path(SYNCHRONY) / "trials.jsonl"


def evidence_of(runs: Runs, folder: Path, bench: Path = BENCH) -> Evidence:
    """All that rules look at. folder: the run's, or the one that holds the runs; never where a report is written to,
    or the same runs would get other verdicts there. Raises UserError for damaged files.
    """
    kept = read_facts(folder / FACTS)
    facts = kept if kept is not None else from_bench(read_latest(bench))
    beside, hosts = from_synchrony(_lines(folder / _SYNCHRONY_TRIALS))
    trials = replace(runs.trials, counted=(*runs.trials.counted, *beside))
    return Evidence(trials, facts, {**runs.hosts, **hosts})


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
    known = {field.name for field in fields(Fact)}
    try:
        return {
            name: Fact(**{key: value for key, value in one.items() if key in known})
            for name, one in content["facts"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: is not as it was written ({error}); restore the file") from None


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore the file") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: is no JSON object; restore the file")
    return content


def _lines(path: Path) -> list[Mapping[str, Any]]:
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); restore the file") from None
