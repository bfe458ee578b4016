"""Clusters of unequal nodes: how well each cell used them, in sentences. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.analysis.balance import efficiency
from experiments.analysis.statistics import NoEstimate, Summary, summary
from experiments.report.text import count_text, percent_text
from experiments.run_report.causes import Tasks
from experiments.run_report.cells import Comparison


@dataclass(frozen=True)
class Balance:
    """A cell's efficiency over its trials of the comparison's block, or why there is none."""

    cell: str
    efficiency: Summary | NoEstimate
    trials: tuple[str, ...]


def balances(comparison: Comparison, tasks: Tasks) -> tuple[Balance, ...]:
    found = []
    for cell, trials in comparison.here.items():
        values = [(one.name, efficiency(one, tasks(one))) for one in trials]
        known = [(name, value) for name, value in values if not isinstance(value, NoEstimate)]
        reasons = [value for _, value in values if isinstance(value, NoEstimate)]
        whole = summary([value for _, value in known]) if known else reasons[0]
        found.append(Balance(cell, whole, tuple(name for name, _ in known)))
    return tuple(found)


def sentence(one: Balance) -> str:
    if isinstance(one.efficiency, NoEstimate):
        return f"{one.cell}: {one.efficiency.reason}."
    found = one.efficiency
    interval = (
        "" if found.low is None or found.high is None else f"{percent_text(found.low)} to {percent_text(found.high)}; "
    )
    return (
        f"{one.cell}: {percent_text(found.value)} ({interval}{count_text(found.n, 'trial')}) of what its nodes would "
        "have done at the speed of their own tasks, had no slot been idle, for a task elsewhere or for the driver."
    )
