"""The groups of `make bench`, by name; each is a module of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from experiments.bench.engines import ABLATION, ENGINES
from experiments.bench.model import MODEL
from experiments.bench.runner_group import RUNNER
from experiments.bench.types import Group
from experiments.errors import UserError

GROUPS: Mapping[str, Group] = MappingProxyType({group.name: group for group in (MODEL, ENGINES, ABLATION, RUNNER)})
LATER = ("yarn", "faults", "beyond")
ALL = "all"


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
