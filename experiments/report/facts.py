"""What the demo's report says in numbers and sentences, computed from the records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cluster_app.contract.result import FUSED_PHASES, PHASES, PHASES_OF
from cluster_app.contract.rows import STATUSES
from experiments.known_objects import FOUND_SCORE
from experiments.report.records import Record, Summary
from experiments.report.text import (
    count_text,
    fixed_text,
    joined,
    measured_text,
    number_text,
    percent_text,
    seconds_text,
)

# The phases in which images are worked on, by engine.
STAGES_OF = {"bigdl": ("read", "preprocess", "predict", "postprocess"), "fused": ("segment",)}
STAGES = (*STAGES_OF["bigdl"], *STAGES_OF["fused"])

# What the engines have in common comes before and after what is their own.
_IN_ORDER = (*PHASES[:-2], *(phase for phase in FUSED_PHASES if phase not in PHASES), *PHASES[-2:])
_NOTHING = "\N{EN DASH}"
_NOT_RECORDED = "not recorded"
_NOT_COMPARED = "The clusters' detections were not compared."
_FIGURES = {
    "standalone_registered_seconds": "standalone, 3 workers: registered",
    "standalone_canary_seconds": "standalone: canary done",
    "yarn_registered_seconds": "YARN, 3 nodes: registered",
    "yarn_canary_seconds": "YARN: canary done",
    "down_seconds": "cluster taken down",
    "demo_seconds": "the whole demo",
    "environment_mb": "packed Python environment",
    "host_calibration_seconds": "host calibration",
}


@dataclass(frozen=True)
class Figure:
    """A figure of the summary beside its target. met is None where there is nothing to compare."""

    label: str
    measured: str
    target: str
    verdict: str
    met: bool | None


@dataclass(frozen=True)
class PhaseRow:
    """A phase on each cluster: (seconds in all, seconds per image that is ok)."""

    name: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class NotOk:
    """A file without a good result, and the clusters that say so."""

    image: str
    status: str
    reason: str
    clusters: str


@dataclass(frozen=True)
class LimitRow:
    """What was in force on a node, at boot and while the job was measured."""

    node: str
    boot_cpus: str
    measured_cpus: str
    memory: str
    cpuset: str
    isa: str


def per_image(record: Record, phase: str) -> float | None:
    """Seconds of a phase for each image that is ok; None if there is none."""
    ok = record.result.counts.ok
    return record.seconds(phase) / ok if ok else None


def stages(records: Sequence[Record]) -> tuple[str, ...]:
    """The stages that any of these jobs has, in the order they happen."""
    return tuple(stage for stage in STAGES if any(stage in STAGES_OF[record.result.engine] for record in records))


def answer(summary: Summary, records: Sequence[Record]) -> list[str]:
    """The result in sentences: what became of the files, and where the time went."""
    names = [record.cluster for record in records]
    files = count_text(summary.images, "input file")
    outcomes = dict.fromkeys(_outcome(record) for record in records)
    if len(outcomes) == 1:
        each = "on each of them " if len(names) > 1 else ""
        first = f"{files} on {count_text(len(names), 'Spark cluster')} ({joined(names)}): {each}{next(iter(outcomes))}."
    else:
        parts = "; ".join(f"{record.cluster}: {_outcome(record)}" for record in records)
        first = f"{files} on {count_text(len(names), 'Spark cluster')}, with different results. {parts}."
    return [first, f"Most of the job's time goes to {joined([_largest(record) for record in records])}."]


def missing_clusters(summary: Summary, records: Sequence[Record]) -> list[str]:
    """The clusters that the demo was to run, and that left no record."""
    return [name for name in summary.clusters if name not in {record.cluster for record in records}]


def agreement(records: Sequence[Record]) -> list[str]:
    """Whether the clusters found the same objects: a sentence for each cluster that was compared with another."""
    if len(records) == 1:
        return ["There is one cluster to look at, so nothing to compare."]
    return [_agreement(record) for record in records if record.agreement is not None] or [_NOT_COMPARED]


def scenes(records: Sequence[Record]) -> list[str]:
    """How many of the objects that are known to be there each cluster found; clusters with the same stand together."""
    return [f"{names}: {text}" for names, text in _together(_scenes(one) for one in records if one.scenes)]


def phase_table(records: Sequence[Record]) -> list[PhaseRow]:
    """All phases that any of these jobs has, and at the end the whole job."""
    engines = {record.result.engine for record in records}
    named = [phase for phase in _IN_ORDER if any(phase in PHASES_OF[engine] for engine in engines)]
    return [PhaseRow(phase, tuple(_cell(record, phase) for record in records)) for phase in named]


def _cell(record: Record, phase: str) -> tuple[str, str]:
    """Seconds in all and per image; dashes where the job's engine has no such phase."""
    if phase not in PHASES_OF[record.result.engine]:
        return _NOTHING, _NOTHING
    return fixed_text(record.seconds(phase), 1), _each(record, phase)


def not_ok(records: Sequence[Record]) -> list[NotOk]:
    """Files that are not ok on some cluster, by name."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for record in records:
        for row in record.rows:
            if row.status != "ok":
                key = (row.image, row.status, row.error or "no reason recorded")
                found.setdefault(key, []).append(record.cluster)
    return [NotOk(*key, "all" if len(names) == len(records) else joined(names)) for key, names in sorted(found.items())]


def figures(summary: Summary) -> list[Figure]:
    """The summary's figures, those with a target first."""
    rows = [_figure(key, value, summary.targets.get(key)) for key, value in summary.figures().items()]
    return sorted(rows, key=lambda row: row.target == _NOTHING)


def limit_rows(record: Record) -> list[LimitRow]:
    rows = []
    for node in record.topology.nodes:
        boot, measured = record.limits.boot.get(node.name), record.limits.measured.get(node.name)
        rows.append(
            LimitRow(
                node=node.name,
                boot_cpus=_cpus(boot.cpus) if boot else _NOT_RECORDED,
                measured_cpus=_cpus(measured.cpus) if measured else _NOT_RECORDED,
                memory=_memory(measured.memory_mb) if measured else _NOT_RECORDED,
                cpuset=(measured.cpuset or "all") if measured else _NOT_RECORDED,
                isa=node.isa or "the host's",
            )
        )
    return rows


def calibrations(record: Record) -> list[str]:
    """What the quotas were multiplied with and why; nodes with the same factor stand together."""
    described = ((one.node, f"quota factor {number_text(one.factor)}; {one.note}") for one in record.calibration)
    return [f"{nodes}: {text}" for nodes, text in _together(described)]


def setting(record: Record) -> str:
    """A cluster's size in words, with the scale of its CPUs."""
    workers = [node.executor for node in record.topology.workers if node.executor]
    cores = sum(one.cores * one.instances for one in workers)
    worth = sum(one.host_cores for one in workers)
    executors = count_text(sum(one.instances for one in workers), "executor")
    return f"{executors} with {count_text(cores, 'Spark core')} in all, worth {number_text(worth)} host cores"


def jobs(records: Sequence[Record]) -> list[tuple[str, str]]:
    """(clusters, the job that they ran in words); clusters with the same job stand together."""
    return _together((record.cluster, _job(record)) for record in records)


def models(records: Sequence[Record]) -> list[tuple[str, str]]:
    """(clusters, the model that they ran)."""
    return _together((record.cluster, _model(record)) for record in records)


def conditions(summary: Summary, records: Sequence[Record]) -> str:
    """What every absolute figure is to be read with."""
    ok = sorted({record.result.counts.ok for record in records})
    n = " or ".join(f"{count:,}" for count in ok)
    calibration = summary.host_calibration_seconds
    beside = (
        f"host calibration {seconds_text(calibration)} per image" if calibration is not None else "no host calibration"
    )
    return (
        f"n = {n} images that are ok; one run on each cluster, so no interval; {summary.host.cores} cores of "
        f"{summary.host.cpu_model}, shared by quota; {beside}"
    )


def _together(described: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """(name, description) pairs; those of the same description as one pair with all their names."""
    names: dict[str, list[str]] = {}
    for name, description in described:
        names.setdefault(description, []).append(name)
    return [(joined(found), description) for description, found in names.items()]


def _job(record: Record) -> str:
    job, result = record.job, record.result
    return (
        f"engine {result.engine}; precision asked {result.arithmetic.precision_asked}, compiled "
        f"{result.arithmetic.precision_compiled}, weights stored as {result.arithmetic.storage}; input "
        f"{job.image_size} x {job.image_size}; batch {job.batch_size}; "
        f"{count_text(result.threads_per_task, 'thread')} per task; "
        f"{count_text(result.partitions.read, 'partition')} read, {result.partitions.predict:,} predicted; "
        f"timing {result.timing}"
    )


def _model(record: Record) -> str:
    manifest = record.model_manifest
    weights = "seeded weights" if manifest.seeded else "weights"
    return f"{manifest.name}, {weights} with sha256 {manifest.source.sha256[:12]}"


def _outcome(record: Record) -> str:
    counts = record.result.counts
    statuses = joined([f"{getattr(counts, status):,} {status}" for status in STATUSES])
    return f"{statuses}, with {count_text(counts.detections, 'detection')}"


def _largest(record: Record) -> str:
    total = record.seconds("total")
    phase = max((one for one in PHASES_OF[record.result.engine] if one != "total"), key=record.seconds)
    share = percent_text(record.seconds(phase) / total) if total else "all"
    return f"{phase} on {record.cluster} ({share} of {seconds_text(total)})"


def _scenes(record: Record) -> tuple[str, str]:
    known = record.scenes
    assert known is not None
    overlap = f", with a mean mask IoU of {known.mean_iou:.2f}" if known.mean_iou is not None else ""
    mistaken = f"{count_text(known.wrong, 'further detection')} with a score of {FOUND_SCORE} or more"
    where = count_text(known.scenes, "synthetic scene")
    return record.cluster, (
        f"{known.found} of the {known.objects} objects in {where} found{overlap}; {mistaken} matched none"
    )


def _agreement(record: Record) -> str:
    found = record.agreement
    assert found is not None
    pair = f"{record.cluster} against {found.reference}"
    alike = "every image has the same status" if not found.statuses else f"{found.statuses} images differ in status"
    if not found.detections:
        return f"{pair}: {alike}; there are no detections to compare."
    matched = f"{found.pairs:,} of {count_text(found.detections, 'detection')} match one to one"
    if found.least_iou is None:
        return f"{pair}: {alike}; {matched}."
    return (
        f"{pair}: {alike}; {matched}, by category and mask "
        f"(least IoU {found.least_iou:.4f}, scores at most {found.largest_score_difference:.0e} apart)."
    )


def _figure(key: str, value: float | None, target: float | None) -> Figure:
    unit = "MB" if "_mb" in key else "s"
    label = _FIGURES.get(key) or (f"image {key.removeprefix('image_mb.')}, uncompressed" if "." in key else key)
    measured = f"{measured_text(value)} {unit}" if value is not None else "not measured"
    if target is None:
        return Figure(label, measured, _NOTHING, "", None)
    aim = f"at most {number_text(target)} {unit}"
    if value is None:
        return Figure(label, measured, aim, "open", None)
    if value <= target:
        return Figure(label, measured, aim, f"met, {percent_text(1 - value / target)} below", True)
    return Figure(label, measured, aim, f"missed by {measured_text(value - target)} {unit}", False)


def _cpus(cpus: float | None) -> str:
    return "no quota" if cpus is None else number_text(cpus)


def _memory(megabytes: int) -> str:
    return f"{megabytes:,} MB" if megabytes else "no limit"


def _each(record: Record, phase: str) -> str:
    seconds = per_image(record, phase)
    return _NOTHING if seconds is None else fixed_text(seconds, 3)
