"""Where numbers come from: trials to the lines of their records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from experiments.run_report.reading import Runs
from experiments.store.records import RECORDS


@dataclass(frozen=True)
class Lines:
    """By a trial's name: its run, and the line of its record, from 1. A name that comes again counts with its last."""

    places: Mapping[str, tuple[str, int]]

    @classmethod
    def of(cls, runs: Runs) -> Lines:
        places = {}
        for run in runs.folders:
            for number, record in enumerate(run.records, start=1):
                if "trial" in record:
                    places[runs.name_of(run, str(record["trial"]))] = (run.name, number)
        return cls(places)

    def text(self, trials: Iterable[str]) -> str:
        """The records of these trials, by run: "table-6/records.jsonl, lines 2-5, 9". Trials of no run are named."""
        by_run: dict[str, set[int]] = {}
        others = list[str]()
        for name in dict.fromkeys(trials):
            if name in self.places:
                run, line = self.places[name]
                by_run.setdefault(run, set()).add(line)
            else:
                others.append(name)
        said = [_text(run, sorted(lines)) for run, lines in by_run.items()]
        return "; ".join([*said, *others])


def _text(run: str, lines: list[int]) -> str:
    # Lines that follow each other have the same distance from their place.
    found = []
    for _, group in groupby(enumerate(lines), key=lambda pair: pair[1] - pair[0]):
        own = [line for _, line in group]
        found.append(f"{own[0]}-{own[-1]}" if len(own) > 1 else f"{own[0]}")
    return f"{run}/{RECORDS}, line{'s' if len(lines) > 1 else ''} {', '.join(found)}"
