"""Figures for people: value, interval, target, met or missed; stale ones and unmeasured ones are said to be so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from experiments.bench.targets import TARGETS, verdict
from experiments.bench.types import CALIBRATION, Figure

COLUMNS = ("figure", "value", "unit", "95 % interval", "n", "target", "verdict", "note")
NOT_MEASURED = "not measured"
STALE = "stale"


def rows(group: str, figures: Mapping[str, Figure], stale: Collection[str]) -> list[tuple[str, ...]]:
    """One row a figure of the group, and one for each target of it that has no figure; those with a target first.

    The host calibration stands beside the figures of every group, whichever measured it last.
    """
    own = _own(group, figures)
    wanted = [name for name, target in TARGETS.items() if target.group == group]
    others = sorted(name for name in own if name not in wanted)
    return [_row(name, own.get(name), name in stale) for name in (*wanted, *others)]


def hosts(group: str, figures: Mapping[str, Figure]) -> list[str]:
    """A line for each kind of host that a group's figures are of; none where all are of one kind."""
    names: dict[str, list[str]] = {}
    for name, figure in sorted(_own(group, figures).items()):
        names.setdefault(_kind(figure.host), []).append(name)
    return [f"on {kind}: {', '.join(found)}" for kind, found in sorted(names.items())] if len(names) > 1 else []


def summary(group: str, rows_of_group: Collection[tuple[str, ...]]) -> str:
    """The last line: how many figures, and how many of the targets are met by figures that are not stale."""
    verdicts = [row[6] for row in rows_of_group if row[5]]
    counted = {
        "met": sum(text.startswith("met") for text in verdicts),
        "missed": sum(text.startswith("missed") for text in verdicts),
        STALE: sum(text.startswith(STALE) for text in verdicts),
        NOT_MEASURED: sum(text == NOT_MEASURED for text in verdicts),
    }
    said = ", ".join(f"{number} {what}" for what, number in counted.items() if number)
    measured = sum(row[1] != "" for row in rows_of_group)
    return f"bench: {group}, {measured} figures; of {len(verdicts)} targets {said or 'none'}"


def _own(group: str, figures: Mapping[str, Figure]) -> dict[str, Figure]:
    return {name: figure for name, figure in figures.items() if figure.group == group or name == CALIBRATION}


def _kind(host: Mapping[str, Any]) -> str:
    return f"{host['cpu_model']}, {host['cores']} cores, {' '.join(host['flags'])}"


def _row(name: str, figure: Figure | None, is_stale: bool) -> tuple[str, ...]:
    target = str(TARGETS[name]) if name in TARGETS else ""
    if figure is None:
        return (name, "", "", "", "", target, NOT_MEASURED, "")
    said = verdict(figure)
    if is_stale:
        said = f"{STALE} ({figure.commit[:10]})" + (f", was {said}" if said else "")
    interval = "" if figure.low is None or figure.high is None else f"{_short(figure.low)} .. {_short(figure.high)}"
    return (name, _short(figure.value), figure.unit, interval, str(figure.n), target, said, figure.note)


def _short(value: float) -> str:
    return f"{value:.4g}"
