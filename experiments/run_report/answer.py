"""The answer first: does it scale, what stops it, what should I do. From the studies, or what is to be run for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from experiments.analysis.advice import Wish, none_for
from experiments.analysis.jobs import JobTimes
from experiments.analysis.statistics import NoEstimate, Ratio
from experiments.analysis.trials import varied
from experiments.report.text import joined
from experiments.run_report import advising, causes, scaling
from experiments.run_report.said import Said, said
from experiments.run_report.scaling import Scaled
from experiments.run_report.study import Study

# The preset that varies the number of workers.
_SCALING = "table-10"
# Comparisons whose best cell is named in the answer: those in which most is to be gained.
_MOST_CHOICES = 4


@dataclass(frozen=True)
class Answer:
    """sentences: the first one is the answer."""

    question: str
    sentences: tuple[Said, ...]

    @property
    def said(self) -> tuple[str, ...]:
        return tuple(one.text for one in self.sentences)

    @property
    def trials(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(trial for one in self.sentences for trial in one.trials))


def answers(studies: Sequence[Study], wish: Wish | None = None) -> tuple[Answer, ...]:
    """wish: the user's, which is answered also where nothing can be said."""
    return (
        Answer("Does it scale?", tuple(_scales(studies))),
        Answer("What stops it?", tuple(_stops(studies))),
        Answer("What should I do?", tuple(_advice(studies, wish))),
    )


def scaling_study(studies: Sequence[Study]) -> tuple[Study, Scaled] | None:
    """The family of cells that answers best, and its study."""
    able = [(study, one) for study in studies if (one := scaling.best(study.setting.scaled))]
    return max(able, key=lambda pair: scaling.weight(pair[1]), default=None)


def _scales(studies: Sequence[Study]) -> list[Said]:
    found = scaling_study(studies)
    if found is None:
        why = "Not known: no cells that differ in the number of workers alone were measured in pairs"
        return [Said(f"{why}; `clusterbed run {_SCALING}` makes some.")]
    study, one = found
    core, floor = study.comparison.core, study.setting.floor
    blocks = [study.comparison.block] if isinstance(one.gain, NoEstimate) else one.gain.blocks
    hosts = dict.fromkeys(study.setting.hosts.get(block, study.setting.host) for block in blocks)
    where = f"Measured on {joined([*hosts])}" + (f", a paper core at {core:g} of a host core" if core else "")
    where += f": {', '.join(dict.fromkeys((study.run.name, one.family.name)))}."
    many = _of_jobs(study, advising.many_images, one)
    limit = _of_jobs(study, advising.limit_of_jobs, one)
    texts = [*scaling.said(one, floor), scaling.law_text(one), scaling.paid_text(one, floor), where]
    others = [
        Said(scaling.said(other, of.setting.floor)[0], other.trials) for of, other in _other_engines(studies, one)
    ]
    first, *rest = said(texts, one.trials)
    return [first, *many, *limit, *rest, *others]


def _of_jobs(study: Study, tell: Callable[[Scaled, JobTimes], list[str]], one: Scaled) -> list[Said]:
    """What whole jobs of the study tell, where a law of them is known."""
    jobs = study.jobs
    return said(tell(one, jobs.times), jobs.trials) if jobs and isinstance(jobs.times, JobTimes) else []


def _other_engines(studies: Sequence[Study], best: Scaled) -> Iterator[tuple[Study, Scaled]]:
    """Of each engine but that of the family that answers: its own best family."""
    engines = dict.fromkeys(one.engine for study in studies for one in study.setting.scaled)
    for engine in engines:
        able = [
            (study, one)
            for study in studies
            for one in study.setting.scaled
            if one.engine == engine != best.engine and isinstance(one.gain, Ratio)
        ]
        if able:
            yield max(able, key=lambda pair: scaling.weight(pair[1]))


def _stops(studies: Sequence[Study]) -> list[Said]:
    found = scaling_study(studies)
    if found is not None:
        study, one = found
        return [*said(causes.stops(one, study.setting.parts), one.trials), *_of_jobs(study, advising.taken_once, one)]
    split = [(study, part) for study in studies for part in study.setting.parts if part.trials]
    if not split:
        return [Said("Not known: no trial could be split into what its time was spent on.")]
    # Where nothing varies the workers: the cell with most images, which start-up hides least; an A/A is no cell to ask.
    study, part = max(split, key=lambda pair: (len(_differing(pair[0])) > 0, causes.images(pair[1])))
    first, *others = causes.largest(part)
    return said(
        [f"Of how it scales nothing is known. {first} It is of {study.comparison.preset}.", *others], part.trials
    )


def _differing(study: Study) -> Sequence[str]:
    """Settings that differ between a comparison's cells: none in an A/A."""
    return varied([trials[0] for trials in study.comparison.cells.values()])


def _advice(studies: Sequence[Study], wish: Wish | None) -> list[Said]:
    return list(_advised(studies, wish)) or [
        Said("Not known: there is nothing to choose between in what was measured.")
    ]


def _advised(studies: Sequence[Study], wish: Wish | None) -> Iterator[Said]:
    found = scaling_study(studies)
    advised = [one for one in found[0].advised if one.wish == wish or one.advice.costs] if found else []
    if wish and not advised:
        yield Said(none_for(wish, "no cells differ in the number of workers alone").said)
    for one in advised:
        warned = f" But {'; '.join(one.advice.warnings)}." if one.advice.warnings else ""
        yield Said(f"{one.advice.said}{warned}", one.trials)
    for best in advising.by_gain(one.best for one in studies if one.best)[:_MOST_CHOICES]:
        yield Said(best.said, best.trials)
