"""A comparison of a run, studied: curves, causes, advice. What cannot be analysed says why, and spoils no other."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.analysis.advice import Wish
from experiments.analysis.scaling import NoFit
from experiments.claims import sides
from experiments.claims.types import Evidence
from experiments.errors import RunFailed
from experiments.report.text import joined, number_text, percent_text
from experiments.run_report import advising, balance, causes, cells, scaling
from experiments.run_report.advising import Advised, Best, Jobs
from experiments.run_report.balance import Balance
from experiments.run_report.cells import Comparison
from experiments.run_report.drawings import Setting
from experiments.run_report.raw import RawFiles
from experiments.run_report.reading import RunFolder, Runs
from experiments.run_report.scaling import Weak

_NO_HOST = "a host that was not described"


@dataclass(frozen=True)
class Study:
    """run: that the comparison's block is of. balances: of its cells on unequal nodes. jobs: of the family of its cells
    that answers best.
    """

    run: RunFolder
    setting: Setting
    balances: tuple[Balance, ...]
    weak: tuple[Weak, ...]
    best: Best | None
    jobs: Jobs | None
    advised: tuple[Advised, ...]

    @property
    def comparison(self) -> Comparison:
        return self.setting.comparison


@dataclass(frozen=True)
class Studies:
    """problems: of comparisons that could not be analysed, a sentence each."""

    found: tuple[Study, ...]
    problems: tuple[str, ...]


def studies(runs: Runs, evidence: Evidence, raw: RawFiles, wish: Wish | None) -> Studies:
    """All comparisons of the runs, in their order. wish: of the user's, beside the usual ones."""
    found, problems = list[Study](), list[str]()
    for comparison in cells.comparisons(runs.trials.counted, runs.planned):
        try:
            found.append(_study(comparison, runs, evidence, raw, wish))
        except RunFailed as error:
            problems.append(f"{comparison.preset}, {comparison.name}: could not be analysed: {error.messages[0]}")
    return Studies(tuple(found), tuple(problems))


def _study(comparison: Comparison, runs: Runs, evidence: Evidence, raw: RawFiles, wish: Wish | None) -> Study:
    run, _ = runs.folder_of(next(one.name for one in comparison.trials if one.block == comparison.block))
    floor = sides.noise_floor(sides.STAGE_3, evidence)
    setting = Setting(
        comparison=comparison,
        name=_file_name(comparison),
        host=_host(comparison, evidence),
        scaled=scaling.scaled(comparison),
        parts=() if comparison.video else causes.split(comparison, raw.tasks),
        floor=floor,
        facts=evidence.facts,
        whole_floor=sides.noise_floor(scaling.WALL, evidence),
        hosts=evidence.hosts,
    )
    best = scaling.best(setting.scaled)
    jobs = advising.jobs_of(best) if best else None
    wishes = dict.fromkeys([*([wish] if wish else []), *advising.default_wishes(best, jobs)]) if best and jobs else ()
    advised = advising.advise(jobs, tuple(wishes)) if jobs else ()
    uneven = not comparison.video and any(raw.unequal(trials) for trials in comparison.here.values())
    balances = balance.balances(comparison, raw.tasks) if uneven else ()
    best_cell = advising.best_cell(comparison, setting.whole_floor, floor)
    return Study(run, setting, balances, scaling.weak(comparison), best_cell, jobs, advised)


def _host(comparison: Comparison, evidence: Evidence) -> str:
    return evidence.hosts.get(comparison.block, _NO_HOST)


def _file_name(comparison: Comparison) -> str:
    """Of the comparison's figures: its preset, and its own name where the preset has several."""
    own = "" if comparison.name == comparison.preset else f"-{comparison.name}"
    words = "".join(letter if letter.isalnum() else "-" for letter in f"{comparison.preset}{own}".lower())
    return "-".join(filter(None, words.split("-")))


def weak_text(one: Weak) -> str:
    """Gustafson's law of a family, or why there is none."""
    first = one.family.trials[0]
    each = (first.figure("images") or 0.0) / (first.figure("executors") or 1.0)
    name = f"{one.family.name}, {number_text(each)} images a worker"
    if isinstance(one.law, NoFit):
        return f"{name}: no fit: {one.law.reason}."
    serial = one.law.parameters["serial"]
    check = one.law.check
    bad = "" if check.holds else f", but it misses the times at {check.at:g} workers by {percent_text(check.largest)}"
    workers = joined([f"{number:g}" for number in one.family.cells])
    return (
        f"{name}, on {workers} workers: Gustafson's serial fraction is "
        f"{serial.value:.2g} ({serial.low:.2g} to {serial.high:.2g}){bad}."
    )
