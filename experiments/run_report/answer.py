"""The answer first: does it scale, what stops it, what should I do. From the studies, or what is to be run for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from experiments.analysis.advice import Wish, none_for
from experiments.analysis.statistics import Ratio
from experiments.analysis.trials import varied
from experiments.run_report import advising, causes, scaling
from experiments.run_report.scaling import Scaled
from experiments.run_report.study import Study

# The preset that varies the number of workers.
_SCALING = "table-10"
# Comparisons whose best cell is named in the answer: those in which most is to be gained.
_MOST_CHOICES = 4


@dataclass(frozen=True)
class Answer:
    """said: sentences, the first one the answer; trials: those it rests on."""

    question: str
    said: tuple[str, ...]
    trials: tuple[str, ...]


def answers(studies: Sequence[Study], wish: Wish | None = None) -> tuple[Answer, ...]:
    """wish: the user's, which is answered also where nothing can be said."""
    return tuple(
        Answer(question, tuple(said), trials)
        for question, (said, trials) in (
            ("Does it scale?", _scales(studies)),
            ("What stops it?", _stops(studies)),
            ("What should I do?", _advice(studies, wish)),
        )
    )


def scaling_study(studies: Sequence[Study]) -> tuple[Study, Scaled] | None:
    """The family of cells that answers best, and its study."""
    able = [(study, one) for study in studies if (one := scaling.best(study.setting.scaled))]
    return max(able, key=lambda pair: scaling.weight(pair[1]), default=None)


def _scales(studies: Sequence[Study]) -> tuple[list[str], tuple[str, ...]]:
    found = scaling_study(studies)
    if found is None:
        why = "Not known: no cells that differ in the number of workers alone were measured in pairs"
        return [f"{why}; `clusterbed run {_SCALING}` makes some."], ()
    study, one = found
    core, floor = study.comparison.core, study.setting.floor
    where = f"Measured on {study.setting.host}" + (f", a paper core at {core:g} of a host core" if core else "")
    where += f": {study.run.name}, {one.family.name}."
    others = list(_other_engines(studies, one))
    said = [*scaling.said(one, floor), scaling.law_text(one), scaling.paid_text(one, floor), where]
    trials = dict.fromkeys((*one.trials, *(name for _, other in others for name in other.trials)))
    return [*said, *(scaling.said(other, of.setting.floor)[0] for of, other in others)], tuple(trials)


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


def _stops(studies: Sequence[Study]) -> tuple[list[str], tuple[str, ...]]:
    found = scaling_study(studies)
    if found is not None:
        study, one = found
        return causes.stops(one, study.setting.parts), one.trials
    split = [(study, part) for study in studies for part in study.setting.parts if part.trials]
    if not split:
        return ["Not known: no trial could be split into what its time was spent on."], ()
    # Where nothing varies the workers: the cell with most images, which start-up hides least; an A/A is no cell to ask.
    study, part = max(split, key=lambda pair: (len(_differing(pair[0])) > 0, causes.images(pair[1])))
    first, *others = causes.largest(part)
    return [f"Of how it scales nothing is known. {first} It is of {study.comparison.preset}.", *others], part.trials


def _differing(study: Study) -> Sequence[str]:
    """Settings that differ between a comparison's cells: none in an A/A."""
    return varied([trials[0] for trials in study.comparison.cells.values()])


def _advice(studies: Sequence[Study], wish: Wish | None) -> tuple[list[str], tuple[str, ...]]:
    said, trials = list[str](), dict[str, None]()
    for text, names in _advised(studies, wish):
        said.append(text)
        trials.update(dict.fromkeys(names))
    return said or ["Not known: there is nothing to choose between in what was measured."], tuple(trials)


def _advised(studies: Sequence[Study], wish: Wish | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    found = scaling_study(studies)
    advised = [one for one in found[0].advised if one.wish == wish or one.advice.costs] if found else []
    if wish and not advised:
        yield none_for(wish, "no cells differ in the number of workers alone").said, ()
    for one in advised:
        warned = f" But {'; '.join(one.advice.warnings)}." if one.advice.warnings else ""
        yield f"{one.advice.said}{warned}", one.trials
    for best in advising.by_gain(one.best for one in studies if one.best)[:_MOST_CHOICES]:
        yield best.said, best.trials
