"""Frozen types: a preset as read, and the cells it expands to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Value = str | int | float | bool | None
Settings = Mapping[str, Value]
Workload = Literal["job", "video"]

WORKLOADS: tuple[Workload, ...] = ("job", "video")
# The core share that lets every cell of a comparison fit, whatever the host.
FIT: Literal["fit"] = "fit"


@dataclass(frozen=True)
class Cell:
    """One configuration. settings: all that are given, the preset's own included; unset ones have their defaults.

    comparison: cells of the same one are compared, so they share a CPU scale and their rounds.
    """

    name: str
    comparison: str
    settings: Settings
    note: str = ""


@dataclass(frozen=True)
class Axis:
    """Settings that vary together, and their values, one tuple a step. An axis of the file has one setting."""

    keys: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class NamedCell:
    """A cell of its own: what it sets over the preset's settings."""

    name: str
    settings: Settings
    note: str


@dataclass(frozen=True)
class Preset:
    """A preset file. source: the file, as messages name it.

    reproduces, claims: the paper's tables and the ids of claims that it is about; ours: what the paper does not state
    and this project chose. repeats: measured rounds; warm_ups: unmeasured trials of each cell at the beginning of a
    block ("cell"), or on each cluster that has just come up ("cluster"). fresh_cluster: a cluster of its own for each
    trial. compare_by: settings that separate comparisons. same_cells: cells may be equal, as for a noise floor.
    core: what a paper core is worth of a host core, or "fit"; services: the share of a machine's cores that its nodes
    without executors get together. sets: where images come from, the first that is here; coco: a folder of images.
    """

    name: str
    source: str
    title: str
    reproduces: tuple[str, ...]
    claims: tuple[str, ...]
    ours: str
    workload: Workload
    seed: int
    repeats: int
    warm_ups: int
    warm_up_each: Literal["cell", "cluster"]
    fresh_cluster: bool
    same_cells: bool
    compare_by: tuple[str, ...]
    core: float | Literal["fit"]
    services: float
    sets: tuple[str, ...]
    coco: str | None
    settings: Settings
    axes: tuple[Axis, ...]
    exclude: tuple[Settings, ...]
    cells: tuple[NamedCell, ...]
