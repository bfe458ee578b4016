"""What a preset means on a host: which cells run and at which CPU scale, which do not and why; time and disk. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from experiments.errors import HostError, UserError
from experiments.fit import HostCapacity
from experiments.isa import BF16_FLAGS, BF16_ISA, ISAS
from experiments.matrix import clusters, costs, memory
from experiments.matrix.costs import Calibration, Estimate
from experiments.matrix.expansion import expand
from experiments.matrix.settings import not_built
from experiments.matrix.types import FIT, Cell, Preset
from experiments.types import ClusterSpec

# Space that a cluster's nodes take while they run at least, each of YARN's executors with the environment that it is
# sent, packed and unpacked, and a trial's evidence afterwards, in MB.
CLUSTER_DISK_MB = 8000
YARN_NODE_DISK_MB = 2600
TRIAL_DISK_MB = 3
# A trial may take so much longer than the slow end of its estimate before it is ended.
PATIENCE, LEAST_TIMEOUT = 3.0, 300.0


@dataclass(frozen=True)
class Host:
    """What the plan needs to know of a host: cores, memory and free disk in MB, its processor's name and flags.

    cpu_flags: as the kernel names them; None where they are not known. engine_free_mb: free disk where the engine keeps
    containers; None where that is the same disk, or not known.
    """

    cores: int
    memory_mb: int
    disk_free_mb: int
    cpu_model: str
    cpu_flags: frozenset[str] | None = None
    engine_free_mb: int | None = None

    @property
    def capacity(self) -> HostCapacity:
        return HostCapacity(self.cores, self.memory_mb)


@dataclass(frozen=True)
class PlannedCell:
    """A cell on this host. skipped: why it does not run, empty where it does; then cluster, estimate and timeout hold.

    share: what a paper core is worth of a host core; timeout: in seconds, for one trial. lacks_disk: that is why.
    """

    cell: Cell
    skipped: tuple[str, ...]
    share: float | None = None
    cluster: ClusterSpec | None = None
    estimate: Estimate | None = None
    timeout: float = 0.0
    lacks_disk: bool = False

    @property
    def cluster_name(self) -> str:
        return self.cluster.name if self.cluster else ""


@dataclass(frozen=True)
class Plan:
    """seconds: of the whole run, boot and tear-down included; disk_mb: what it needs at once and leaves."""

    preset: Preset
    host: Host
    calibrated: bool
    cells: tuple[PlannedCell, ...]
    trials: int
    boots: int
    seconds: Estimate
    disk_mb: int

    @property
    def runnable(self) -> tuple[PlannedCell, ...]:
        return tuple(one for one in self.cells if not one.skipped)

    @property
    def scales(self) -> Mapping[str, float]:
        """By comparison: what a paper core is worth of a host core."""
        return {one.cell.comparison: one.share for one in self.runnable if one.share is not None}


def make_plan(preset: Preset, host: Host, calibration: Calibration) -> Plan:
    """The plan of a preset on a host. Raises UserError where the preset's cells cannot be expanded."""
    cells = expand(preset)
    disk = _Disk(host.disk_free_mb, host.engine_free_mb, _evidence(preset, len(cells)))
    if preset.workload == "video":
        planned = [_video(cell, disk, calibration) for cell in cells]
    else:
        comparisons = dict.fromkeys(cell.comparison for cell in cells)
        by_name = {
            one.cell.name: one
            for name in comparisons
            for one in _comparison(preset, [cell for cell in cells if cell.comparison == name], host, disk, calibration)
        }
        planned = [by_name[cell.name] for cell in cells]
    return _summed(preset, host, calibration, planned)


@dataclass(frozen=True)
class _Disk:
    """free, engine_free: in MB, as the host's; evidence: what the run leaves beside the checkout."""

    free: int
    engine_free: int | None
    evidence: int

    def lacking(self, cluster: int) -> str:
        """What is missing for a cluster that takes so much while it is up; "" where there is enough."""
        needs = [("", self.free, self.evidence + (cluster if self.engine_free is None else 0))]
        if self.engine_free is not None:
            needs.append((" where the Docker engine keeps containers", self.engine_free, cluster))
        said = (
            f"{needed} MB of disk are needed{where}, {free} are free; `make clean` says what it would free"
            for where, free, needed in needs
            if needed > free
        )
        return next(said, "")


def _comparison(
    preset: Preset, cells: Sequence[Cell], host: Host, disk: _Disk, calibration: Calibration
) -> list[PlannedCell]:
    """The cells that are compared, at one CPU scale: that of the cell that needs most."""
    reasons, problems = dict[str, tuple[str, ...]](), list[str]()
    for cell in cells:
        try:
            reasons[cell.name] = _impossible(preset, cell, host)
        except HostError as error:
            reasons[cell.name] = error.messages
        except UserError as error:
            problems += [f"{preset.source}: cell {cell.name!r}: {message}" for message in error.messages]
    if problems:
        raise UserError(*dict.fromkeys(problems))
    possible = [clusters.shaped(clusters.wanted(cell.settings)) for cell in cells if not reasons[cell.name]]
    share = _share(preset, possible, host)
    compact = any(_too_large(spec, host) for spec in possible)
    at = _At(share, preset.services, host.capacity, compact)
    planned = [_planned(cell, reasons[cell.name], at, disk, calibration) for cell in cells]
    rest = [one.cell for one in planned if not one.skipped]
    if not rest or len(rest) == len(possible):
        return planned
    # Some do not fit at this scale, whatever it was for: they do not lower that of the others.
    again = {one.cell.name: one for one in _comparison(preset, rest, host, disk, calibration)}
    return [again.get(one.cell.name, one) for one in planned]


@dataclass(frozen=True)
class _At:
    """The scale of a comparison."""

    share: float
    services: float
    host: HostCapacity
    compact: bool


def _impossible(preset: Preset, cell: Cell, host: Host) -> tuple[str, ...]:
    later = not_built(cell.settings)
    if later:
        return tuple(later)
    if no_bf16 := _no_bf16(cell, host):
        return (no_bf16,)
    return _no_room(clusters.wanted(cell.settings), preset.core, preset.services, host)


def _no_bf16(cell: Cell, host: Host) -> str:
    """Why a cell that asks for BF16 would not compute in it, or would only imitate it; "" where it can."""
    if cell.settings.get("precision") != "bf16":
        return ""
    spec = clusters.shaped(clusters.wanted(cell.settings))
    low = [node.isa for node in spec.executor_nodes if node.isa and ISAS.index(node.isa) < ISAS.index(BF16_ISA)]
    if low:
        return f'precision = "bf16": the nodes are capped at {low[0]}, which has none; isa = "host" lifts the cap'
    if host.cpu_flags is not None and not host.cpu_flags & BF16_FLAGS:
        return f'precision = "bf16": this processor has none ({" or ".join(sorted(BF16_FLAGS))})'
    return ""


@lru_cache(maxsize=4096)
def _no_room(cluster: clusters.Wanted, core: float | str, services: float, host: Host) -> tuple[str, ...]:
    """Why such a cluster fits this host at no scale, or not at the one that the preset states."""
    spec = clusters.shaped(cluster)
    if len(spec.machines) > host.cores:
        return (f"its {len(spec.machines)} machines need a host core each; this host has {host.cores}",)
    most = clusters.share_that_fits(spec, host.cores, services)
    least = clusters.LEAST_SHARE if core == FIT else float(core)
    if most < least:
        said = f"a paper core would be worth {most} of a host core; "
        said += f"scale.core = {core} needs more cores" if core != FIT else f"at least {least} is needed"
        return (said,)
    served = clusters.services_share(spec, host.cores, services)
    if served < clusters.LEAST_SHARE:
        said = f"a node without executors would get {served} of a host core; at least {clusters.LEAST_SHARE} is needed"
        return (f"{said}: raise scale.services",)
    needed, room = clusters.memory_needed(spec, compact=True), host.memory_mb - clusters.HOST_RESERVE_MB
    if needed > room:
        return (f"its nodes need {needed} MB of memory at least; this host has {room} to give",)
    return ()


def _share(preset: Preset, specs: Sequence[ClusterSpec], host: Host) -> float:
    if preset.core != FIT:
        return float(preset.core)
    return min((clusters.share_that_fits(spec, host.cores, preset.services) for spec in specs), default=0.0)


def _too_large(spec: ClusterSpec, host: Host) -> bool:
    return clusters.memory_needed(spec, compact=False) > host.memory_mb - clusters.HOST_RESERVE_MB


def _planned(cell: Cell, reasons: tuple[str, ...], at: _At, disk: _Disk, calibration: Calibration) -> PlannedCell:
    if reasons:
        return PlannedCell(cell, reasons)
    threads = int(str(cell.settings.get("threads_per_task") or 1))
    cpuset = cell.settings.get("limit") == "cpuset"
    cluster, misfits = _cluster(clusters.wanted(cell.settings), at, cpuset, threads)
    misfits = misfits or memory.too_large(cell.settings, cluster)
    if misfits:
        return PlannedCell(cell, misfits)
    if lacking := disk.lacking(_cluster_disk(cluster)):
        return PlannedCell(cell, (lacking,), lacks_disk=True)
    estimate = costs.job_estimate(cell.settings, cluster, calibration)
    return PlannedCell(cell, (), at.share, cluster, estimate, _timeout(estimate))


@lru_cache(maxsize=4096)
def _cluster(cluster: clusters.Wanted, at: _At, cpuset: bool, threads: int) -> tuple[ClusterSpec, tuple[str, ...]]:
    spec = clusters.scaled(clusters.shaped(cluster), at.share, at.services, at.host, cpuset=cpuset, compact=at.compact)
    return spec, tuple(clusters.misfits(spec, at.host, threads))


def _video(cell: Cell, disk: _Disk, calibration: Calibration) -> PlannedCell:
    if lacking := disk.lacking(0):
        return PlannedCell(cell, (lacking,), lacks_disk=True)
    estimate = costs.video_estimate(cell.settings, calibration)
    return PlannedCell(cell, (), None, None, estimate, _timeout(estimate))


def _timeout(estimate: Estimate) -> float:
    return math.ceil(max(LEAST_TIMEOUT, PATIENCE * estimate.high))


def _disk_of(preset: Preset, running: Sequence[PlannedCell]) -> int:
    at_once = max((_cluster_disk(one.cluster) for one in running if one.cluster), default=0)
    return at_once + _evidence(preset, len(running))


def _evidence(preset: Preset, cells: int) -> int:
    return TRIAL_DISK_MB * cells * (preset.repeats + preset.warm_ups)


def _cluster_disk(spec: ClusterSpec) -> int:
    sent = YARN_NODE_DISK_MB * len(spec.executor_nodes) if spec.manager == "yarn" else 0
    return max(CLUSTER_DISK_MB, sent)


def _summed(preset: Preset, host: Host, calibration: Calibration, planned: Sequence[PlannedCell]) -> Plan:
    running = [one for one in planned if not one.skipped]
    trials, boots = preset.repeats * len(running), _boots(preset, running)
    warm = preset.warm_ups * (len(running) if preset.warm_up_each == "cell" else sum(boots.values()))
    rounds = preset.repeats + (warm / len(running) if running else 0)
    by_name = {one.cluster.name: one.cluster for one in running if one.cluster}
    fixed = sum(number * costs.boot_seconds(by_name[name]) for name, number in boots.items())
    fixed += (trials + warm) * costs.BETWEEN

    def total(side: str) -> float:
        return round(fixed + rounds * sum(float(getattr(one.estimate, side)) for one in running), 1)

    return Plan(
        preset=preset,
        host=host,
        calibrated=calibration.measured,
        cells=tuple(planned),
        trials=trials + warm,
        boots=sum(boots.values()),
        seconds=Estimate(total("seconds"), total("low"), total("high")),
        disk_mb=_disk_of(preset, running),
    )


def _boots(preset: Preset, running: Sequence[PlannedCell]) -> dict[str, int]:
    """How often each cluster comes up: once a trial where it is to be fresh, once where there is no other, else once
    a round."""
    count: dict[str, int] = {}
    for one in running:
        if one.cluster:
            count[one.cluster.name] = count.get(one.cluster.name, 0) + 1
    if preset.fresh_cluster:
        return {name: cells * (preset.repeats + preset.warm_ups) for name, cells in count.items()}
    return dict.fromkeys(count, 1 if len(count) == 1 else preset.repeats)


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan as `plan.json` holds it."""
    return {
        "schema": 1,
        "preset": plan.preset.name,
        "host": {key: value for key, value in vars(plan.host).items() if key != "cpu_flags"},
        "calibrated": plan.calibrated,
        "scales": dict(plan.scales),
        "services": plan.preset.services,
        "trials": plan.trials,
        "boots": plan.boots,
        "seconds": asdict(plan.seconds),
        "disk_mb": plan.disk_mb,
        "cells": [_cell_json(one) for one in plan.cells],
    }


def _cell_json(one: PlannedCell) -> dict[str, Any]:
    return {
        "cell": one.cell.name,
        "comparison": one.cell.comparison,
        "note": one.cell.note,
        "settings": dict(one.cell.settings),
        "skipped": list(one.skipped),
        "core": one.share,
        "seconds": asdict(one.estimate) if one.estimate else None,
        "timeout": one.timeout,
        "cluster": one.cluster_name or None,
        "nodes": [
            {"name": node.name, "machine": node.machine, "cpus": node.cpus, "memory_mb": node.memory_mb}
            for node in (one.cluster.nodes if one.cluster else ())
        ],
    }
