"""Where numbers come from: trials to the lines of their records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from experiments.claims.sources import LINE
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
        """The records of these trials, by file: "table-6/records.jsonl, lines 2-5, 9".

        Trials of no run are named; where such a name is a file and a line, it is shown like the others.
        """
        by_file: dict[str, set[int]] = {}
        others = list[str]()
        for name in dict.fromkeys(trials):
            file, _, number = name.rpartition(LINE)
            if name in self.places:
                run, line = self.places[name]
                by_file.setdefault(f"{run}/{RECORDS}", set()).add(line)
            elif file and number.isdigit():
                by_file.setdefault(file, set()).add(int(number))
            else:
                others.append(name)
        said = [_text(file, sorted(lines)) for file, lines in by_file.items()]
        return "; ".join([*said, *others])


def _text(file: str, lines: list[int]) -> str:
    # Lines that follow each other have the same distance from their place.
    found = []
    for _, group in groupby(enumerate(lines), key=lambda pair: pair[1] - pair[0]):
        own = [line for _, line in group]
        found.append(f"{own[0]}-{own[-1]}" if len(own) > 1 else f"{own[0]}")
    return f"{file}, line{'s' if len(lines) > 1 else ''} {', '.join(found)}"
