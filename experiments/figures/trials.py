"""Figures of single trials: where the time goes, tasks over time, work by node, memory, throttling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Patch

from experiments.analysis.decomposition import PARTS, Decomposition, unmeasured_text
from experiments.analysis.occupancy import placed
from experiments.analysis.statistics import NoEstimate
from experiments.eventlog import TaskRow
from experiments.figures.drawn import About, Cell, Drawn, caption, nothing
from experiments.figures.style import look, panels, styled
from experiments.runner.samples import Sample


@dataclass(frozen=True)
class Split:
    """One cell's decomposition, the mean over n trials."""

    cell: str
    parts: Decomposition
    n: int


@styled
def where_time_goes(found: Sequence[Split], about: About) -> Drawn | NoEstimate:
    """A bar for each cell: wall time per image by part, which add up to the whole."""
    name, title = "where-time-goes", "Where the time of an image goes"
    if not found:
        return nothing(name, "no trial could be split into parts")
    figure, (axes,) = panels(height=2.2 + 0.42 * len(found))
    begins = [0.0] * len(found)
    shown = [part for part in PARTS if any(one.parts.seconds[part] > 0 for one in found)]
    for part in shown:
        lengths = [one.parts.seconds[part] for one in found]
        one = look(list(PARTS).index(part))
        axes.barh(
            range(len(found)), lengths, left=begins, label=part, color=one.colour, hatch=one.hatch, edgecolor="white"
        )
        begins = [begin + length for begin, length in zip(begins, lengths, strict=True)]
    axes.set_yticks(range(len(found)), [one.cell for one in found])
    axes.set(xlabel="seconds of wall time per image", title=title, ylim=(len(found) - 0.5, -0.5))
    figure.legend(ncols=4, loc="outside lower center")
    rows = tuple(_split_row(split) for split in found)
    columns = ("cell", "n", *(f"{part} (s per image)" for part in PARTS), "total (s per image)")
    what = "all slots' time from submission to the end, by what it was spent on"
    missing = [f"{split.cell}: {unmeasured_text(split.parts)}" for split in found if split.parts.unmeasured]
    means = "means, which add up, without an interval"
    said = caption(what, about, [split.n for split in found], *missing, interval=means)
    return Drawn(name, title, said, figure, columns, rows)


def _split_row(one: Split) -> tuple[Cell, ...]:
    """Missing is not zero: a part without evidence is empty."""
    parts = one.parts
    shown = (parts.seconds[part] if parts.seconds[part] or part not in parts.unmeasured else None for part in PARTS)
    return (one.cell, one.n, *shown, parts.total)


@styled
def tasks_over_time(
    trial: str, tasks: Sequence[TaskRow], nodes: Sequence[str], about: About, start: float | None = None
) -> Drawn | NoEstimate:
    """A band for each node, a lane for each slot that it used: tasks by phase, failed ones crossed, idle time blank.

    The last task of each stage, for which the others wait, has a thick outline. start: seconds from submission to the
    application's start, from which tasks' times count; None where it is not known.
    """
    since = start or 0.0
    name, title = "tasks", f"Tasks over time: {trial}"
    if not tasks:
        return nothing(name, f"{trial} has no tasks")
    everywhere = placed(tasks)
    shown = [(task, node, lane) for node in _nodes(tasks, nodes) for task, lane in everywhere if task.host == node]
    lanes = {node: 1 + max((lane for _, at, lane in shown if at == node), default=0) for node in _nodes(tasks, nodes)}
    tops, top = dict[str, int](), 0
    for node, count in lanes.items():
        tops[node], top = top, top + count + 1
    phases = list(dict.fromkeys(_phase(task) for task in sorted(tasks, key=lambda task: task.launch_s)))
    last = {max(group, key=lambda task: task.finish_s) for group in _stages([task for task, _ in everywhere])}
    figure, (axes,) = panels(height=1.8 + 0.16 * top)
    for number, phase in enumerate(phases):
        one = look(number)
        own = [(task, tops[node] + lane) for task, node, lane in shown if _phase(task) == phase]
        axes.barh(
            [row for _, row in own],
            [task.finish_s - task.launch_s for task, _ in own],
            left=[task.launch_s + since for task, _ in own],
            height=0.9,
            color=one.colour,
            hatch=["xxxx" if task.failed else one.hatch for task, _ in own],
            edgecolor=["black" if task in last else "white" for task, _ in own],
            linewidth=[1.2 if task in last else 0.3 for task, _ in own],
        )
    axes.set_yticks([tops[node] + (count - 1) / 2 for node, count in lanes.items()], list(lanes))
    x = "seconds since the application's start" if start is None else "seconds since submission"
    axes.set(xlabel=x, title=title, xlim=(0, None), ylim=(top - 0.5, -0.75))
    axes.grid(visible=False, axis="y")
    looks = [(phase, look(number)) for number, phase in enumerate(phases)]
    # Of their own: a bar that happens to be the last of its stage would lend its outline.
    keys = [Patch(facecolor=one.colour, hatch=one.hatch, edgecolor="white", label=phase) for phase, one in looks]
    figure.legend(handles=keys, ncols=4, loc="outside lower center")
    failed = sum(task.failed for task in tasks)
    remarks = (f"{len(tasks)} tasks, {failed} failed", "outlined: the last of its stage; blank: idle")
    rows = tuple(
        (
            node,
            lane,
            _phase(task),
            task.stage_id,
            task.index,
            task.attempt,
            task.launch_s + since,
            task.finish_s + since,
            int(task.failed),
        )
        for task, node, lane in shown
    )
    columns = ("node", "slot", "phase", "stage", "task", "attempt", "launched (s)", "finished (s)", "failed")
    return Drawn(name, title, caption("every task of one trial", about, [1], *remarks), figure, columns, rows)


@dataclass(frozen=True)
class NodeWork:
    """images: mean over n trials; expected: by the node's share of the speed of all, None where it is not known."""

    node: str
    images: float
    expected: float | None
    n: int


@styled
def share_of_work(cell: str, found: Sequence[NodeWork], about: About) -> Drawn | NoEstimate:
    """A bar for each node, and a mark where its share of the speed would put it."""
    name, title = "share-of-work", f"Images by node: {cell}"
    if not found:
        return nothing(name, f"{cell}: no node computed an image")
    figure, (axes,) = panels(height=1.5 + 0.4 * len(found))
    one = look(0)
    places = range(len(found))
    axes.barh(places, [node.images for node in found], height=0.6, color=one.colour, edgecolor="white", label="images")
    marked = [(node.expected, place) for place, node in enumerate(found) if node.expected is not None]
    if marked:
        axes.plot(
            *zip(*marked, strict=True),
            linestyle="none",
            marker="|",
            markersize=18,
            markeredgewidth=2.5,
            color="black",
            label="by its share of the speed",
        )
    axes.set_yticks(places, [node.node for node in found])
    axes.set(xlabel="images", title=title, xlim=(0, None), ylim=(len(found) - 0.5, -0.5))
    figure.legend(ncols=2, loc="outside lower center")
    rows = tuple((node.node, node.images, node.expected, node.n) for node in found)
    said = caption(
        "images that each node computed",
        about,
        [node.n for node in found],
        interval="means, which add up, without an interval",
    )
    return Drawn(name, title, said, figure, ("node", "images", "expected", "n"), rows)


@styled
def memory_over_time(
    trial: str, samples: Sequence[Sample], limits_mb: Mapping[str, float], about: About
) -> Drawn | NoEstimate:
    """What each node holds, without idle page cache; its limit as a thin line of the same colour."""
    name, title = "memory", f"Memory by node: {trial}"
    if not samples:
        return nothing(name, f"{trial} has no samples")
    figure, (axes,) = panels()
    for number, (node, own) in enumerate(_by_node(samples).items()):
        one = look(number)
        axes.plot(
            [at.t for at in own],
            [at.memory_mb for at in own],
            color=one.colour,
            linestyle=one.line,
            marker=one.marker,
            markevery=max(1, len(own) // 8),
            label=node,
        )
        if node in limits_mb:
            axes.axhline(limits_mb[node], color=one.colour, linewidth=0.7, linestyle=(0, (1, 2)))
    axes.set(xlabel="seconds since submission", ylabel="MB (2^20 bytes)", title=title, ylim=(0, None))
    axes.legend()
    rows = tuple((at.node, at.t, at.memory_mb, limits_mb.get(at.node)) for at in samples)
    columns = ("node", "t (s)", "memory (MB)", "limit (MB)")
    said = caption("what nodes hold without idle page cache, once a second; dotted: limits", about, [1])
    return Drawn(name, title, said, figure, columns, rows)


@styled
def throttling_over_time(trial: str, samples: Sequence[Sample], about: About) -> Drawn | NoEstimate:
    """A row for each node: between samples, the share of the time with work in which its quota stopped it."""
    name, title = "throttling", f"Throttled time by node: {trial}"
    shares = [one for node, own in _by_node(samples).items() for one in _throttled(node, own)]
    if not shares:
        return nothing(name, f"{trial} has no two samples of a node")
    nodes = list(dict.fromkeys(node for node, _, _ in shares))
    figure, (axes,) = panels(height=1.6 + 0.35 * len(nodes))
    shades = ScalarMappable(Normalize(0, 100), "Blues")
    for row, node in enumerate(nodes):
        times = [one.t for one in samples if one.node == node]
        own = [100 * share for at, _, share in shares if at == node]
        ends = sorted(times)
        widths = [after - before for before, after in pairwise(ends)]
        axes.barh(
            [row] * len(own), widths, left=ends[:-1], height=0.85, color=shades.to_rgba(np.array(own)), linewidth=0
        )
    axes.set_yticks(range(len(nodes)), nodes)
    axes.set(xlabel="seconds since submission", title=title, xlim=(0, None), ylim=(len(nodes) - 0.5, -0.5))
    axes.grid(visible=False, axis="y")
    figure.colorbar(shades, ax=axes, label="throttled (% of the\ntime with work)")
    said = caption("throttled over used plus throttled time, between samples", about, [1])
    return Drawn(name, title, said, figure, ("node", "t (s)", "throttled share"), tuple(shares))


def _throttled(node: str, own: Sequence[Sample]) -> list[tuple[str, float, float]]:
    found = []
    for before, after in pairwise(own):
        stopped, used = after.throttled_s - before.throttled_s, after.cpu_s - before.cpu_s
        found.append((node, after.t, stopped / (stopped + used) if stopped > 0 else 0.0))
    return found


def _by_node(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for one in sorted(samples, key=lambda one: (one.node, one.t)):
        found.setdefault(one.node, []).append(one)
    return found


def _nodes(tasks: Sequence[TaskRow], nodes: Sequence[str]) -> list[str]:
    """Those that are expected, also without any task, then any other host."""
    return [*nodes, *sorted({task.host for task in tasks} - {*nodes})]


def _stages(tasks: Sequence[TaskRow]) -> list[list[TaskRow]]:
    groups: dict[tuple[int, int], list[TaskRow]] = {}
    for task in tasks:
        groups.setdefault((task.stage_id, task.stage_attempt), []).append(task)
    return list(groups.values())


def _phase(task: TaskRow) -> str:
    return task.phase or f"stage {task.stage_id}"
