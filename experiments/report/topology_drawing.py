"""A cluster's machines and nodes as one SVG: machines as boxes, their nodes in them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from markupsafe import Markup, escape

from experiments.report.drawing import element
from experiments.report.records import Machine, Node, Topology
from experiments.report.text import cores_text, memory_text, number_text

_GAP = 10
_PAD = 12
_LINE = 17
_HEAD = 48  # a machine's name and the bar of its cores
_SLOT = 38  # an executor's box
_CHARACTER = 6.3  # mean width of one at 12 px


@dataclass(frozen=True)
class Layout:
    """width in user units; columns: nodes side by side."""

    width: int
    columns: int


@dataclass(frozen=True)
class _Placed:
    """A machine with its nodes, drawn in that many columns."""

    machine: Machine
    nodes: list[Node]
    columns: int

    @property
    def lines(self) -> list[list[Node]]:
        return [self.nodes[start : start + self.columns] for start in range(0, len(self.nodes), self.columns)]


WIDE = Layout(width=1000, columns=4)
NARROW = Layout(width=340, columns=1)


def draw(topology: Topology, layout: Layout, label: str) -> Markup:
    """The drawing; label is its text for those who cannot see it."""
    drawn, top = [], 0.0
    for row in _rows(topology, layout):
        boxes = _row(row, layout)
        left = 0.0
        for box, width, _ in boxes:
            drawn.append(element("g", box, transform=f"translate({left:.1f} {top:.1f})"))
            left += width + _GAP
        top += max(height for _, _, height in boxes) + _GAP
    return element(
        "svg",
        *drawn,
        class_="topology",
        view_box=f"0 0 {layout.width} {top - _GAP:.0f}",
        role="img",
        aria_label=label,
    )


def _rows(topology: Topology, layout: Layout) -> list[list[_Placed]]:
    """Machines side by side, as many as the layout has columns for their nodes."""
    rows: list[list[_Placed]] = []
    for machine in topology.machines:
        nodes = [node for node in topology.nodes if node.machine == machine.name]
        placed = _Placed(machine, nodes, min(layout.columns, max(1, len(nodes))))
        if rows and sum(one.columns for one in rows[-1]) + placed.columns <= layout.columns:
            rows[-1].append(placed)
        else:
            rows.append([placed])
    return rows


def _row(row: list[_Placed], layout: Layout) -> list[tuple[Markup, float, float]]:
    """(drawing, width, height) of each machine of a row; all its nodes have the same width."""
    columns = sum(one.columns for one in row)
    between = sum(2 * _PAD + (one.columns - 1) * _GAP for one in row) + (len(row) - 1) * _GAP
    node_width = (layout.width - between) / columns
    tall = max(_inner_height(one, node_width) for one in row)
    return [_machine(one, node_width, tall) for one in row]


def _inner_height(placed: _Placed, node_width: float) -> float:
    heights = [max(_node_height(node, node_width) for node in line) for line in placed.lines]
    return sum(heights) + _GAP * max(0, len(heights) - 1)


def _machine(placed: _Placed, node_width: float, inner_height: float) -> tuple[Markup, float, float]:
    width = placed.columns * (node_width + _GAP) - _GAP + 2 * _PAD
    drawn, top = [_machine_head(placed, width)], float(_HEAD + _PAD)
    for line in placed.lines:
        height = inner_height if len(placed.lines) == 1 else max(_node_height(node, node_width) for node in line)
        for column, node in enumerate(line):
            place = f"translate({_PAD + column * (node_width + _GAP):.1f} {top:.1f})"
            drawn.append(element("g", _node(node, node_width, height), transform=place))
        top += height + _GAP
    height = _HEAD + _PAD + inner_height + _PAD
    frame = element("rect", x=0.5, y=0.5, width=f"{width - 1:.1f}", height=f"{height - 1:.1f}", rx=10, class_="machine")
    return Markup("").join([frame, *drawn]), width, height


def _machine_head(placed: _Placed, width: float) -> Markup:
    """The machine's name, and its cores as a bar that the nodes' quotas share."""
    machine, inner = placed.machine, width - 2 * _PAD
    given = f"{number_text(sum(node.cpus for node in placed.nodes))} of {cores_text(machine.cores)}"
    drawn = [
        _text(f"machine {machine.name}", _PAD, 22, "name"),
        _text(given, width - _PAD, 22, "end"),
        element("rect", x=_PAD, y=32, width=f"{inner:.1f}", height=10, rx=3, class_="cores"),
    ]
    left = float(_PAD)
    for node in placed.nodes:
        length = inner * node.cpus / machine.cores
        kind = "quota executes" if node.executor else "quota"
        title = element("title", escape(f"{node.name}: {number_text(node.cpus)} of {cores_text(machine.cores)}"))
        place = {"x": f"{left:.1f}", "width": f"{max(length - 2, 1):.1f}"}
        drawn.append(element("rect", title, **place, y=32, height=10, class_=kind))
        left += length
    return Markup("").join(drawn)


def _node(node: Node, width: float, height: float) -> Markup:
    drawn = [
        element("rect", x=0.5, y=0.5, width=f"{width - 1:.1f}", height=f"{height - 1:.1f}", rx=7, class_="node"),
        _text(node.name, _PAD, 22, "name"),
        _text(f"{number_text(node.cpus)} CPU", width - _PAD, 22, "end"),
    ]
    top = 22
    for line in _lines(node, width):
        top += _LINE
        drawn.append(_text(line, _PAD, top, "detail"))
    if node.executor:
        executor = node.executor
        text = f"{_times(executor.instances, 'executor')} of {_times(executor.cores, 'Spark core')}"
        memory = f"{memory_text(executor.memory_mb)} heap + {memory_text(executor.overhead_mb)}"
        top += 10
        inner = f"{width - 2 * _PAD:.1f}"
        slot = element("rect", x=_PAD, y=top, width=inner, height=_SLOT, rx=4, class_="executor")
        drawn += [slot, _text(text, _PAD + 8, top + 16, "in"), _text(memory, _PAD + 8, top + 32, "in")]
    return Markup("").join(drawn)


def _node_height(node: Node, width: float) -> int:
    return 22 + len(_lines(node, width)) * _LINE + (10 + _SLOT if node.executor else 0) + _PAD


def _lines(node: Node, width: float) -> list[str]:
    # The space before a dot does not break, so that a dot never begins a line.
    roles = textwrap.wrap("\N{NO-BREAK SPACE}· ".join(node.roles), int((width - 2 * _PAD) / _CHARACTER))
    isa = f"ISA up to {node.isa}" if node.isa else "the host's ISA"
    return [*roles, f"{memory_text(node.memory_mb)} memory", isa, *([f"as {node.profile}"] if node.profile else [])]


def _times(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _text(text: str, x: float, y: float, kind: str) -> Markup:
    return element("text", escape(text), x=f"{x:.1f}", y=y, class_=kind)
