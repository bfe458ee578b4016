"""Figures of accuracy, after the paper's Figs. 12 and 13. Needs matplotlib, which the builder's image has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Mapping

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.figure import Figure

_MARKERS = "osD^vP*X"
_SPREAD = 0.04  # points of one ratio stand beside each other, so that their intervals can be told apart


def boundary_figure(backends: Mapping[str, Mapping[str, Any]], title: str) -> Figure:
    """Boundary IoU over dilation ratio, a line for each backend, with 95 % intervals."""
    figure, axes = pyplot.subplots(figsize=(7.5, 4.5), layout="constrained")
    for index, (name, one) in enumerate(backends.items()):
        points = {float(ratio): found for ratio, found in one["boundary_iou"].items() if found["value"] is not None}
        at = [ratio * (1 + _SPREAD * (index - (len(backends) - 1) / 2)) for ratio in points]
        values = [found["value"] for found in points.values()]
        # A resampled interval can miss its value by a rounding error; a bar of negative length is refused.
        below = [max(0.0, found["value"] - found["low"]) for found in points.values()]
        above = [max(0.0, found["high"] - found["value"]) for found in points.values()]
        marker = _MARKERS[index % len(_MARKERS)]
        axes.errorbar(at, values, yerr=[below, above], marker=marker, markersize=5, capsize=3, lw=1, label=name)
    axes.set_xscale("log")
    ratios = [float(ratio) for ratio in next(iter(backends.values()))["boundary_iou"]]
    axes.set_xticks(ratios, [f"{ratio:g}" for ratio in ratios])
    axes.minorticks_off()
    axes.set_xlabel("dilation ratio (share of the image's diagonal)")
    axes.set_ylabel("boundary IoU against the data set")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def save(figure: Figure, folder: Path, name: str) -> List[Path]:
    """As SVG, whose text stays text, and as PNG."""
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        for path in paths:
            figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return paths
