"""The groups of `make bench`, by name; each is a module of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from experiments.bench.engines import ABLATION, ENGINES
from experiments.bench.model import MODEL
from experiments.bench.provenance import provenance, stale
from experiments.bench.runner_group import RUNNER
from experiments.bench.types import Figure, Group, Provenance
from experiments.errors import UserError

GROUPS: Mapping[str, Group] = MappingProxyType({group.name: group for group in (MODEL, ENGINES, ABLATION, RUNNER)})
LATER = ("yarn", "faults", "beyond")
ALL = "all"
# The step whose figure stands beside every absolute one: it is never left out.
_CALIBRATION = "calibration"


def measured_with() -> Mapping[str, Provenance]:
    """By group: the checkout and host that its figures would be of now."""
    return {one.name: provenance(code=one.code) for one in GROUPS.values()}


def outdated(figures: Mapping[str, Figure], now: Mapping[str, Provenance]) -> frozenset[str]:
    """Names of figures that are of other code than now, or of a group that is no more."""
    return frozenset(
        name
        for name, figure in figures.items()
        if figure.group not in GROUPS or stale(figure, now[figure.group], code=GROUPS[figure.group].code)
    )


def chosen(name: str, steps: Sequence[str] = ()) -> list[Group]:
    """The group of that name, or all there are; with names of steps, these alone of each, after its calibration.

    Raises UserError for an unknown name of a group or of a step, or a group that is not built yet.
    """
    return [_with_steps(group, steps) for group in _named(name)] if steps else _named(name)


def _with_steps(group: Group, names: Sequence[str]) -> Group:
    known = [step.name for step in group.steps]
    for name in names:
        if name not in known:
            raise UserError(f"STEPS={name}: GROUP={group.name} has no such step; it has: {', '.join(known)}")
    return replace(group, steps=tuple(step for step in group.steps if step.name in {*names, _CALIBRATION}))


def _named(name: str) -> list[Group]:
    if name == ALL:
        return list(GROUPS.values())
    if name in GROUPS:
        return [GROUPS[name]]
    known = ", ".join((*GROUPS, ALL))
    if name in LATER:
        raise UserError(f"GROUP={name}: not built yet; there are: {known}")
    raise UserError(f"GROUP={name}: no such group; there are: {known}; to come: {', '.join(LATER)}")
