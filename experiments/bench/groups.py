"""The groups of `make bench`, by name; each is a module of its own."""

from __future__ import annotations

from collections.abc import Mapping
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


def chosen(name: str) -> list[Group]:
    """The group of that name, or all there are. Raises UserError for an unknown name, or one that is not built yet."""
    if name == ALL:
        return list(GROUPS.values())
    if name in GROUPS:
        return [GROUPS[name]]
    known = ", ".join((*GROUPS, ALL))
    if name in LATER:
        raise UserError(f"GROUP={name}: not built yet; there are: {known}")
    raise UserError(f"GROUP={name}: no such group; there are: {known}; to come: {', '.join(LATER)}")
