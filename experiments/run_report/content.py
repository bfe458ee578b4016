"""All that a report shows, from runs to plain tables; the template only lays it out."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from experiments.analysis import statistics
from experiments.analysis.statistics import NoEstimate, Summary, outliers, summary
from experiments.analysis.trials import CUT, OLD, TRIAL, observations
from experiments.bench.provenance import DIRTY
from experiments.claims.sides import STAGE_3
from experiments.figures.drawn import Cell
from experiments.report import topology_drawing
from experiments.report.records import Executor, Machine, Node, Topology
from experiments.report.text import count_text, measured_text, percent_text
from experiments.run_report.cells import PER_FRAME
from experiments.run_report.raw import RawFiles
from experiments.run_report.reading import RunFolder, Runs, measured_of
from experiments.run_report.scaling import WALL
from experiments.run_report.sources import Lines
from experiments.run_report.study import Study
from experiments.store.records import RECORDS
from experiments.types import ClusterSpec

# Figures of a cell in the table of cells: path in the record, and what it is. Worker-seconds are executors x stage.
CELL_FIGURES = ((STAGE_3, "stage (s per image)"), (WALL, "to the last row (s per image)"))
_SHOWN_REASONS = 3


@dataclass(frozen=True)
class Table:
    """rows: None is an empty cell. name: of its CSV file."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def cells_table(study: Study, lines: Lines) -> Table:
    """Each cell's medians with their intervals, in the comparison's block, and the records that they are of."""
    rows = []
    for cell, trials in study.comparison.here.items():
        row: list[Cell] = [cell, len(trials), trials[0].figure("executors"), trials[0].figure("images")]
        for path, _ in CELL_FIGURES:
            found = summary([one.value for one in observations(trials, path)])
            row += [found.value, found.low, found.high] if isinstance(found, Summary) else [None, None, None]
        rows.append((*row, lines.text(one.name for one in trials)))
    named = [f"{name}, {end}" for _, name in CELL_FIGURES for end in ("median", "low", "high")]
    return Table(f"{study.setting.name}-table", ("cell", "n", "executors", "images", *named, "records"), tuple(rows))


def notices(runs: Runs, studies: Sequence[Study], problems: Sequence[str]) -> list[str]:
    """What a reader must know before the figures: what is missing, failed, left out, or too few."""
    found = [f"{run.name}: {text}" for run in runs.folders for text in (*run.lacking, *_unfinished(run), *_dirty(run))]
    found += _speeds(runs)
    found += [
        f"{run.name}: preset {run.preset} was run with {', '.join(run.changes)}; claims that name it are judged on that"
        for run in runs.folders
        if run.changes
    ]
    for why, names in runs.trials.left_out.items():
        if why != "skipped":
            found.append(f"{count_text(len(names), 'trial')} {why}, in no figure: {_some(names)}")
    if not runs.trials.counted:
        found.append("no trial was measured, so there are no figures")
    elif studies and studies[0].setting.floor is None:
        found.append(
            f"no A/A of {statistics.ENOUGH} pairs was run (preset aa): differences are held against their own interval "
            f"alone, and under {percent_text(statistics.UNSEEN)} there is none"
        )
    few = sorted(
        {
            f"{one.comparison.preset}: {cell}"
            for one in studies
            for cell, trials in one.comparison.cells.items()
            if len(trials) < statistics.ENOUGH
        }
    )
    if few:
        text = f"fewer than {statistics.ENOUGH} trials of {_some(few)}: their intervals are too narrow"
        found.append(text)
    return [*found, *problems]


def _unfinished(run: RunFolder) -> Iterator[str]:
    """Cells with fewer measured trials than the preset asks for."""
    if run.repeats is None or not run.plan:
        return
    counts = measured_of(run)
    short = [f"{cell} {number} of {run.repeats}" for cell, number in counts.items() if number < run.repeats]
    if short:
        yield f"not finished, or with failures: {_some(short)} trials measured; `clusterbed run --resume` goes on"


def _dirty(run: RunFolder) -> Iterator[str]:
    """Blocks that were measured with code that is in no commit."""
    for block in run.environment.get("blocks", ()):
        if str(block.get("commit", "")).endswith(DIRTY):
            where = f"block {block.get('block')}, on commit {block['commit'][:10]},"
            yield f"{where} was measured with changes that are in no commit"


def _speeds(runs: Runs) -> list[str]:
    """Where the hosts of the blocks differ in speed, by how much."""
    seconds: dict[str, list[float]] = {}
    for run in runs.folders:
        for block in run.environment.get("blocks", ()):
            for isa, one in (block.get("calibration") or {}).items():
                seconds.setdefault(isa, []).append(float(one))
    return [
        f"hosts differ in speed: with {isa} a small network takes {measured_text(min(own))} to "
        f"{measured_text(max(own))} s per image on one core, so times of two sections may be of two speeds"
        for isa, own in seconds.items()
        if max(own) > (1 + statistics.SAME) * min(own)
    ]


def skipped(study: Study) -> list[str]:
    """Of the comparison's cells, those that could not be run, and why."""
    own = (one for one in study.run.plan.get("cells", ()) if one.get("comparison") == study.comparison.name)
    return [f"{one['cell']}: {'; '.join(map(str, one['skipped']))}" for one in own if one.get("skipped")]


def notes(study: Study) -> list[str]:
    """What the preset says of its cells."""
    own = study.run.plan.get("cells", ())
    return [f"{one['cell']}: {one['note']}" for one in own if one.get("note") and one["cell"] in study.comparison.cells]


def _uncounted(runs: Runs) -> Iterator[tuple[str, str]]:
    """(why, trial) of those that were measured and are left out."""
    for why in (OLD, CUT):
        yield from ((why, name) for name in runs.trials.left_out.get(why, ()))


def failures(runs: Runs, lines: Lines) -> list[tuple[str, str, str]]:
    """(record, state, reasons) of each trial that is in no figure, skipped cells included."""
    found = [(lines.text([name]), "measured", why) for why, name in _uncounted(runs)]
    for run in runs.folders:
        for line, record in enumerate(run.records, start=1):
            if record.get("kind") == TRIAL and record.get("status") != "measured":
                reasons = [str(reason) for reason in record.get("reasons") or ["no reason recorded"]]
                more = len(reasons) - _SHOWN_REASONS
                said = "; ".join(reasons[:_SHOWN_REASONS]) + (f"; and {more} more" if more > 0 else "")
                name = f"{record.get('trial') or record.get('cell')} ({run.name}/{RECORDS}, line {line})"
                found.append((name, str(record.get("status")), said))
    return found


def outlier_rows(studies: Sequence[Study]) -> list[tuple[str, str, str]]:
    """(trial, cell, value) of those far from their cell's median; they are in the figures."""
    return [
        (one.trial, one.cell, f"{measured_text(one.value)} s {what}")
        for study in studies
        for path, what in _timed(study)
        for one in outliers(observations(study.comparison.trials, path))
    ]


def _timed(study: Study) -> Iterator[tuple[str, str]]:
    """The figures of a comparison's trials that are drawn or tabled: paths, and what they are."""
    if study.comparison.video:
        for side in sorted({side for one in study.comparison.trials for side in one.evidence[PER_FRAME]}):
            yield f"{PER_FRAME}.{side}.total", f"a frame, {side}"
    else:
        yield STAGE_3, "an image, stage"
        yield WALL, "an image, submission to last row"


def trials_table(runs: Runs) -> Table:
    """Every record, which is what all numbers go back to; of measured ones that are not counted also why."""
    rows, why = [], {name: why for why, name in _uncounted(runs)}
    for run in runs.folders:
        for line, record in enumerate(run.records, start=1):
            per_image = record.get("per_image") or {}
            head = [record.get(key) for key in ("trial", "cell", "block", "round", "kind", "status")]
            head.append(why.get(runs.name_of(run, str(record.get("trial")))))
            times = [per_image.get("stage_3"), per_image.get("wall"), record.get("seconds")]
            rows.append((run.name, line, *head, *times))
    columns = ("run", "line", "trial", "cell", "block", "round", "kind", "state", "not counted")
    return Table("trials", (*columns, *(name for _, name in CELL_FIGURES), "trial (s)"), tuple(rows))


def topologies(runs: Runs, raw: RawFiles) -> list[Mapping[str, Any]]:
    """The clusters of each run, drawn as they were run."""
    found = list[Mapping[str, Any]]()
    for run in runs.folders:
        clusters = [_drawn(spec, _cells_on(spec.name, run)) for spec in raw.clusters(run)]
        if clusters:
            found.append({"run": run.name, "clusters": clusters})
    return found


def environments(runs: Runs) -> list[Mapping[str, Any]]:
    """Each block of each run: (name, value) pairs."""
    return [
        {"run": run.name, "block": block.get("block"), "facts": _block(block), "locks": block.get("locks") or {}}
        for run in runs.folders
        for block in run.environment.get("blocks", ())
    ]


def began(runs: Runs) -> tuple[str, str]:
    """The days of the first and of the last trial; empty where no record says."""
    days = sorted(str(record["began"])[:10] for run in runs.folders for record in run.records if record.get("began"))
    return (days[0], days[-1]) if days else ("", "")


def data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _block(block: Mapping[str, Any]) -> list[tuple[str, str]]:
    host = block.get("host") or {}
    images = {name: str(id_)[:19] for name, id_ in (block.get("images") or {}).items() if id_}
    speeds = {isa: f"{seconds:.3f} s per image" for isa, seconds in (block.get("calibration") or {}).items()}
    pairs = [
        ("began", block.get("began")),
        ("processor", host.get("cpu_model")),
        ("cores", host.get("cores")),
        ("memory", f"{host['memory_mb']} MB" if "memory_mb" in host else None),
        ("kernel", host.get("kernel")),
        ("cgroup", host.get("cgroup")),
        ("Python of the host", host.get("python")),
        ("container engine", block.get("engine")),
        ("commit", block.get("commit")),
        ("calibration: a small network on one core", ", ".join(f"{isa} {said}" for isa, said in speeds.items())),
        ("calibration: a start of Python on one core", _seconds(block.get("start_seconds"))),
        ("images", ", ".join(f"{name} {id_}" for name, id_ in images.items())),
    ]
    return [(name, str(value)) for name, value in pairs if value not in (None, "")]


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f} s"


def _cells_on(cluster: str, run: RunFolder) -> list[str]:
    return list(dict.fromkeys(str(one["cell"]) for one in run.records if one.get("cluster") == cluster))


def _drawn(spec: ClusterSpec, cells: Sequence[str]) -> Mapping[str, Any]:
    nodes = [
        Node(
            name=node.name,
            roles=list(node.roles),
            machine=node.machine,
            cpus=node.cpus,
            memory_mb=node.memory_mb,
            isa=node.isa,
            profile=node.profile,
            executor=Executor(**asdict(node.executor)) if node.executor else None,
        )
        for node in spec.nodes
    ]
    machines = [Machine(name=one.name, cores=one.cores) for one in spec.machines]
    topology = Topology(manager=spec.manager, machines=machines, nodes=nodes)
    text = f"The nodes of {spec.name} on its {count_text(len(machines), 'machine')}"
    return {
        "name": spec.name,
        "manager": spec.manager,
        "cells": cells,
        "wide": topology_drawing.draw(topology, topology_drawing.WIDE, text),
        "narrow": topology_drawing.draw(topology, topology_drawing.NARROW, text),
    }


def _some(names: Sequence[str], most: int = 6) -> str:
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def missing_figure(found: NoEstimate) -> str:
    """Why a figure is not there, as a sentence."""
    return f"No figure: {found.reason}."
