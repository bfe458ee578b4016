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
_SLOT = 34  # an executor's box
_CHARACTER = 6.3  # mean width of one at 12 px


@dataclass(frozen=True)
class Layout:
    """width in user units; columns: nodes side by side."""

    width: int
    columns: int


WIDE = Layout(width=1000, columns=4)
NARROW = Layout(width=340, columns=1)


def draw(topology: Topology, layout: Layout, label: str) -> Markup:
    """The drawing; label is its text for those who cannot see it."""
    drawn, top = [], 0
    for machine in topology.machines:
        box, height = _machine(machine, [node for node in topology.nodes if node.machine == machine.name], layout)
        drawn.append(element("g", box, transform=f"translate(0 {top})"))
        top += height + _GAP
    return element(
        "svg",
        *drawn,
        class_="topology",
        view_box=f"0 0 {layout.width} {top - _GAP}",
        role="img",
        aria_label=label,
        style=f"max-width:{layout.width}px",
    )


def _machine(machine: Machine, nodes: list[Node], layout: Layout) -> tuple[Markup, int]:
    columns = min(layout.columns, max(1, len(nodes)))
    width = (layout.width - 2 * _PAD - (columns - 1) * _GAP) / columns
    rows = [nodes[start : start + columns] for start in range(0, len(nodes), columns)]
    drawn, top = [_machine_head(machine, nodes, layout)], _HEAD + _PAD
    for row in rows:
        height = max(_node_height(node, width) for node in row)
        for column, node in enumerate(row):
            place = f"translate({_PAD + column * (width + _GAP):.1f} {top})"
            drawn.append(element("g", _node(node, width, height), transform=place))
        top += height + _GAP
    height = top - _GAP + _PAD
    frame = element("rect", x=0.5, y=0.5, width=layout.width - 1, height=height - 1, rx=10, class_="machine")
    return Markup("").join([frame, *drawn]), height


def _machine_head(machine: Machine, nodes: list[Node], layout: Layout) -> Markup:
    """The machine's name, and its cores as a bar that the nodes' quotas share."""
    given = sum(node.cpus for node in nodes)
    inner = layout.width - 2 * _PAD
    drawn = [
        _text(f"machine {machine.name}", _PAD, 22, "name"),
        _text(f"quotas {number_text(given)} of {cores_text(machine.cores)}", layout.width - _PAD, 22, "end"),
        element("rect", x=_PAD, y=32, width=inner, height=10, rx=3, class_="cores"),
    ]
    left = float(_PAD)
    for node in nodes:
        width = inner * node.cpus / machine.cores
        kind = "quota executes" if node.executor else "quota"
        title = element("title", escape(f"{node.name}: {number_text(node.cpus)} of {cores_text(machine.cores)}"))
        drawn.append(element("rect", title, x=f"{left:.1f}", y=32, width=f"{max(width - 2, 1):.1f}", height=10, class_=kind))
        left += width
    return Markup("").join(drawn)


def _node(node: Node, width: float, height: int) -> Markup:
    drawn = [
        element("rect", x=0.5, y=0.5, width=f"{width - 1:.1f}", height=height - 1, rx=7, class_="node"),
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
        slot = element("rect", x=_PAD, y=top, width=f"{width - 2 * _PAD:.1f}", height=_SLOT + 4, rx=4, class_="executor")
        drawn += [slot, _text(text, _PAD + 8, top + 16, "in"), _text(memory, _PAD + 8, top + 32, "in")]
    return Markup("").join(drawn)


def _node_height(node: Node, width: float) -> int:
    return 22 + len(_lines(node, width)) * _LINE + (10 + _SLOT + 4 if node.executor else 0) + _PAD


def _lines(node: Node, width: float) -> list[str]:
    roles = textwrap.wrap(" · ".join(node.roles), int((width - 2 * _PAD) / _CHARACTER))
    isa = f"ISA up to {node.isa}" if node.isa else "the host's ISA"
    return [*roles, f"{memory_text(node.memory_mb)} memory", isa, *([f"as {node.profile}"] if node.profile else [])]


def _times(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _text(text: str, x: float, y: float, kind: str) -> Markup:
    return element("text", escape(text), x=f"{x:.1f}", y=y, class_=kind)
