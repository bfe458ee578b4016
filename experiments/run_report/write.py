"""A report from stored runs: figures, summary.json, report.html. The same runs give the same bytes."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.analysis.advice import Wish
from experiments.analysis.decomposition import PARTS
from experiments.claims.ledger import QUESTIONS, as_json, ledger, load_claims
from experiments.claims.types import HOLDS, Evidence
from experiments.errors import RunFailed, UserError
from experiments.figures.drawn import Drawn, save
from experiments.run_report import balance, content, page
from experiments.run_report.answer import Answer, answers, scaling_study
from experiments.run_report.causes import changes, sentences
from experiments.run_report.deviations import deviations, of_jobs
from experiments.run_report.drawings import Shown, drawings
from experiments.run_report.facts import evidence_of
from experiments.run_report.one_trial import one_trial
from experiments.run_report.raw import RawFiles
from experiments.run_report.reading import SCHEMA, Runs, common_home, home, read_runs
from experiments.run_report.said import Said, paragraphs
from experiments.run_report.scaling import law_text, paid_text, said
from experiments.run_report.sources import Lines
from experiments.run_report.study import Studies, Study, studies, weak_text
from experiments.store.records import replace

REPORT, SUMMARY, FIGURES = "report.html", "summary.json", "figures"
# Comparisons whose report shows a trial of each in detail; of more than these, only those where it tells most.
_MOST_CLOSE_UPS = 4
# Records that are listed on the page; their file has all.
_MOST_TRIALS = 2000


@dataclass(frozen=True)
class Written:
    """report: its file; figures: how many were drawn; answers: to be printed."""

    report: Path
    figures: int
    answers: tuple[Answer, ...]


def write_report(names: Sequence[str], out: Path | None = None, wish: Wish | None = None) -> Written:
    """Writes the report of these runs: into the run's folder, or the folder that holds them, or `out`.

    Raises UserError for names that are no runs, for damaged files, and for several names without `out`.
    """
    runs, folder = read_runs(names), _folder(names, out)
    folder.mkdir(parents=True, exist_ok=True)
    raw, lines = RawFiles(runs), Lines.of(runs)
    evidence = evidence_of(runs, common_home(names), raw=raw)
    found = studies(runs, evidence, raw, wish)
    claims, questions = ledger(evidence), ledger(evidence, load_claims(QUESTIONS))
    told = answers(found.found, wish)
    drawer = _Drawer(raw, lines, folder / FIGURES, _close_up(found.found))
    sections, problems = _sections(found, drawer)
    drawn = [figure for section in sections for figure in section["figures"] if "picture" in figure]
    _remove_former(folder, {figure["name"] for figure in drawn})
    html = page.render(
        {
            "title": runs.folders[0].title if len(runs.folders) == 1 else f"{len(runs.folders)} runs, one report",
            "runs": runs.folders,
            "began": content.began(runs),
            "answers": [_answer(one, lines) for one in told],
            "notices": content.notices(runs, found.found, [*problems, *raw.problems]),
            "verdicts": Counter(one.verdict.direction for one in claims),
            "sizes": Counter(one.verdict.size for one in claims if one.verdict.direction == HOLDS),
            "claims": [(one, lines.text(one.verdict.trials)) for one in claims],
            "questions": [(one, lines.text(one.verdict.trials)) for one in questions],
            "deviations": deviations(runs.trials.counted, evidence.hosts.values()),
            "job_deviations": of_jobs(runs.trials.counted),
            "sections": sections,
            "topologies": content.topologies(runs, raw),
            "failures": content.failures(runs, lines),
            "outliers": content.outlier_rows(found.found),
            "environments": content.environments(runs),
            "trials": page.table(content.trials_table(runs), most=_MOST_TRIALS),
            "versions": _versions(evidence),
            "parts": PARTS,
        }
    )
    _replace(folder / REPORT, html)
    _summarise(folder / SUMMARY, runs, told, as_json(claims, questions), [figure["name"] for figure in drawn])
    return Written(folder / REPORT, len(drawn), told)


def _folder(names: Sequence[str], out: Path | None) -> Path:
    if out is not None:
        return out
    if len(names) > 1:
        raise UserError(f"{len(names)} runs are given: say with --out where their common report goes")
    return home(names[0])


@dataclass(frozen=True)
class _Drawer:
    """What drawing a study needs. figures: the folder; close_up: names of studies that show one trial in detail."""

    raw: RawFiles
    lines: Lines
    figures: Path
    close_up: frozenset[str]


def _close_up(found: Sequence[Study]) -> frozenset[str]:
    """Of few studies all; of many those on clusters of unequal nodes, and the one that says whether it scales."""
    if len(found) <= _MOST_CLOSE_UPS:
        return frozenset(study.setting.name for study in found)
    unequal = [study for study in found if study.balances]
    best = scaling_study(found)
    return frozenset(study.setting.name for study in [*unequal, *([best[0]] if best else [])])


def _sections(found: Studies, drawer: _Drawer) -> tuple[list[Mapping[str, Any]], list[str]]:
    """All comparisons, and what could not be analysed."""
    sections, problems = list[Mapping[str, Any]](), list(found.problems)
    for study in found.found:
        try:
            sections.append(_section(study, drawer))
        except RunFailed as error:
            problems.append(f"{study.comparison.preset}: could not be drawn: {error.messages[0]}")
    return sections, problems


def _section(study: Study, drawer: _Drawer) -> Mapping[str, Any]:
    """One comparison, with its figures drawn and saved."""
    comparison, parts, lines = study.comparison, study.setting.parts, drawer.lines
    shown = list(_drawn(study, drawer))
    return {
        "id": study.setting.name,
        "run": study.run.name,
        "title": study.run.title if comparison.name == comparison.preset else f"{study.run.title}: {comparison.name}",
        "ours": study.run.ours,
        "skipped": content.skipped(study),
        "notes": content.notes(study),
        "host": study.setting.host,
        "core": comparison.core,
        "cells": page.table(content.cells_table(study, lines)) if not comparison.video else None,
        "scaling": [(text, lines.text(trials)) for text, trials in _scaling_rows(study)],
        "balances": [(balance.sentence(one), lines.text(one.trials)) for one in study.balances],
        "parts": [(one.text, lines.text(one.trials)) for one in sentences(parts)],
        "changes": [
            (one.text, lines.text(one.trials)) for one in changes(parts, comparison, study.setting.whole_floor)
        ],
        "advised": [(one, lines.text(one.trials)) for one in study.advised],
        "best": (study.best.said, lines.text(study.best.trials)) if study.best else None,
        "figures": shown,
    }


def _answer(one: Answer, lines: Lines) -> Mapping[str, Any]:
    """The short sentence by itself, the others by what they rest on."""
    first, *others = one.sentences
    told = paragraphs([Said("", first.trials), *others])
    return {
        "question": one.question,
        "short": first.text,
        "paragraphs": [(part.text.strip(), lines.text(part.trials)) for part in told],
    }


def _drawn(study: Study, drawer: _Drawer) -> Iterator[Mapping[str, Any]]:
    """One after the other, so that one figure at a time is in memory."""
    for one in drawings(study.setting):
        yield _figure(one, drawer)
    if study.setting.name in drawer.close_up and not study.comparison.video:
        for one in one_trial(study.setting, drawer.raw):
            yield _figure(one, drawer)


def _scaling_rows(study: Study) -> Iterator[tuple[str, Sequence[str]]]:
    """A sentence for each family of cells, and the trials that it rests on."""
    floor = study.setting.floor
    for one in study.setting.scaled:
        yield " ".join([f"{one.family.name}:", *said(one, floor), law_text(one), paid_text(one, floor)]), one.trials
    for weak in study.weak:
        yield weak_text(weak), [trial.name for trial in weak.family.trials]


def _figure(one: Shown, drawer: _Drawer) -> Mapping[str, Any]:
    if not isinstance(one.drawn, Drawn):
        return {"name": one.name, "missing": content.missing_figure(one.drawn)}
    svg = save(one.drawn, drawer.figures, one.name)
    return page.figure(one.name, one.drawn, svg, drawer.lines.text(one.trials))


def _remove_former(folder: Path, names: set[str]) -> None:
    """Figures of an earlier report, by its own list, that this one does not have: no other file is touched."""
    former = (_kept(folder / SUMMARY).get("report") or {}).get("figures") or []
    for name in {str(one) for one in former} - names:
        for ending in (".svg", ".png"):
            (folder / FIGURES / Path(f"{name}{ending}").name).unlink(missing_ok=True)


def _kept(path: Path) -> dict[str, Any]:
    """What is in a summary. One that is no JSON object holds nothing that could be kept: it is written anew."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    return found if isinstance(found, dict) else {"schema": SCHEMA}


def _versions(evidence: Evidence) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for one in evidence.trials.counted:
        for name, version in ((one.evidence.get("result") or {}).get("versions") or {}).items():
            found.setdefault(name, {})[str(version)] = None
    return {name: ", ".join(found[name]) for name in sorted(found)}


def _summarise(
    path: Path, runs: Runs, told: Sequence[Answer], verdicts: Mapping[str, Any], figures: Sequence[str]
) -> None:
    """The report's own part beside what the runner wrote there."""
    kept = _kept(path)
    own = {
        "runs": [run.name for run in runs.folders],
        "trials": len(runs.trials.counted),
        "answers": [{"question": one.question, "said": one.said, "trials": one.trials} for one in told],
        "figures": list(figures),
        "claims": verdicts["claims"],
        "questions": verdicts["questions"],
    }
    replace(path, json.dumps({**kept, "report": own}, indent=1) + "\n")


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
