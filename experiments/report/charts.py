"""The demo's charts: what each shows is decided here, how it is drawn in drawing.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from experiments.report import drawing, facts
from experiments.report.drawing import Block, Segment
from experiments.report.facts import STAGES, STAGES_OF, per_image
from experiments.report.records import Record, Task
from experiments.report.text import count_text, measured_text, number_text, percent_text, seconds_text

# Colours beyond those of the phases, for Spark stages that no phase is known of.
_OTHER_KINDS = 6
_TURN = (
    ("registered", "services start and register"),
    ("canary", "canary job"),
    ("limit", "quotas applied"),
    ("ship", "packed environment shipped"),
    ("outside", "job: outside its stages"),
    ("stages", "job: its stages"),
    ("down", "taken down"),
)


@dataclass(frozen=True)
class Row:
    label: str
    drawing: Markup
    note: str


@dataclass(frozen=True)
class Chart:
    """Rows over one axis. legend: (kind of colour, what it stands for)."""

    rows: tuple[Row, ...]
    axis: Markup
    legend: tuple[tuple[str, str], ...]


def stages(records: Sequence[Record]) -> Chart | None:
    """Seconds per image by stage, a bar for each cluster; None if no cluster has an image that is ok."""
    bars = []
    for record in records:
        shares = [(stage, per_image(record, stage)) for stage in STAGES_OF[record.result.engine]]
        segments = [_stage_segment(record, stage, seconds) for stage, seconds in shares if seconds is not None]
        if segments:
            bars.append((record, segments))
    if not bars:
        return None
    scale = drawing.scale_to(max(_sum(segments) for _, segments in bars))
    rows = tuple(
        Row(record.cluster, drawing.stacked_bar(segments, scale), f"{seconds_text(_sum(segments))} per image")
        for record, segments in bars
    )
    return Chart(rows, drawing.axis(scale, "s"), tuple((stage, stage) for stage in facts.stages(records)))


def turns(records: Sequence[Record]) -> Chart:
    """A cluster's whole turn, from the nodes' start to their end, in seconds."""
    bars = [(record, _turn_segments(record)) for record in records]
    scale = drawing.scale_to(max(_sum(segments) for _, segments in bars))
    rows = tuple(
        Row(record.cluster, drawing.stacked_bar(segments, scale), f"{seconds_text(_sum(segments))} in all")
        for record, segments in bars
    )
    return Chart(rows, drawing.axis(scale, "s"), _TURN)


def tasks(record: Record) -> Chart:
    """Which node did which task: a row for each node that runs executors, and for any other host seen."""
    kinds = _kinds(record.tasks)
    scale = drawing.scale_to(max(task.finish_s for task in record.tasks))
    nodes = [node.name for node in record.topology.workers]
    others = sorted({task.host for task in record.tasks} - {*nodes})
    rows = []
    for host in [*nodes, *others]:
        done = [task for task in record.tasks if task.host == host]
        lanes = drawing.lanes(_block(task, kinds) for task in done)
        spent = sum(task.finish_s - task.launch_s for task in done)
        failed = sum(task.failed for task in done)
        note = f"{count_text(len(done), 'task')}, {seconds_text(spent)}" if done else "no task"
        note += f", {failed} failed" if failed else ""
        rows.append(Row(host if host in nodes else f"{host} (no node)", drawing.timeline(lanes, scale), note))
    return Chart(tuple(rows), drawing.axis(scale, "s"), tuple((kind, group) for group, kind in kinds.items()))


def failures(record: Record) -> list[str]:
    """The attempts that failed, one line each."""
    return [
        f"{task.host}: {_group(task)}, task {task.index}, attempt {task.attempt}: {task.reason or 'no reason recorded'}"
        for task in record.tasks
        if task.failed
    ]


def shares(record: Record) -> Chart:
    """Images by node, with a mark where the node's share of the executors' host cores would put it."""
    done = [row.host for row in record.rows if row.host is not None]
    weights = {node.name: node.executor.host_cores for node in record.topology.workers if node.executor}
    counts = {host: done.count(host) for host in [*weights, *sorted({*done} - {*weights})]}
    whole = sum(weights.values())
    expected = {host: len(done) * weight / whole for host, weight in weights.items()}
    scale = drawing.scale_to(max([1.0, *map(float, counts.values()), *expected.values()]))
    rows = tuple(_share_row(host, count, len(done), expected.get(host), scale) for host, count in counts.items())
    return Chart(rows, drawing.axis(scale, "images"), ())


def _share_row(host: str, count: int, whole: int, expected: float | None, scale: drawing.Scale) -> Row:
    """A row of `shares`; expected is None for a host that is no node of the topology."""
    hint = "no node of the topology" if expected is None else f"{number_text(expected)} by its share of the cores"
    title = f"{host}: {count_text(count, 'image')}; {hint}"
    bar = drawing.share_bar(count, expected, str(count), title, scale)
    return Row(host, bar, percent_text(count / whole) if whole else "")


def _stage_segment(record: Record, stage: str, seconds: float) -> Segment:
    whole = seconds_text(record.seconds(stage))
    title = f"{record.cluster}, {stage}: {seconds_text(seconds)} per image, {whole} in all"
    return Segment(seconds, stage, measured_text(seconds), title)


def _turn_segments(record: Record) -> list[Segment]:
    up, staged = record.up, sum(record.seconds(stage) for stage in STAGES_OF[record.result.engine])
    lengths = (
        up.registered_seconds,
        up.canary_seconds - up.registered_seconds,
        up.ready_seconds - up.canary_seconds,
        record.ship_environment_seconds or 0.0,
        record.submit_seconds - staged,
        staged,
        record.down_seconds,
    )
    return [
        Segment(seconds, kind, measured_text(seconds), f"{record.cluster}, {label}: {seconds_text(seconds)}")
        for (kind, label), seconds in zip(_TURN, lengths, strict=True)
    ]


def _sum(segments: Sequence[Segment]) -> float:
    return sum(segment.value for segment in segments)


def _kinds(done: Sequence[Task]) -> dict[str, str]:
    """Group of tasks -> kind of colour, in the order in which the groups begin."""
    groups = dict.fromkeys(_group(task) for task in sorted(done, key=lambda task: task.launch_s))
    others = [group for group in groups if group not in _PHASE_KINDS]
    return {
        group: group if group in _PHASE_KINDS else f"other-{others.index(group) % _OTHER_KINDS}" for group in groups
    }


_PHASE_KINDS = ("start", "inventory", *STAGES, "commit")


def _group(task: Task) -> str:
    return task.phase or f"stage {task.stage_id}: {task.stage_name}"


def _block(task: Task, kinds: dict[str, str]) -> Block:
    title = (
        f"{_group(task)}, task {task.index}, attempt {task.attempt}, executor {task.executor}: "
        f"{measured_text(task.launch_s)} to {seconds_text(task.finish_s)}"
    )
    return Block(
        task.launch_s,
        task.finish_s,
        kinds[_group(task)],
        f"{title}; failed: {task.reason}" if task.failed else title,
        task.failed,
    )
