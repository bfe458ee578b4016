"""Accuracy as tables: Markdown for people, CSV for programs."""

from __future__ import annotations

import csv
import io
from typing import Any, Iterator, List, Mapping, Tuple

from cluster_app.evaluate.average_precision import METRICS

Backends = Mapping[str, Mapping[str, Any]]


def markdown(backends: Backends) -> str:
    """Three tables of what `accuracy.summary` gives: average precision, outlines, agreement."""
    ratios = list(next(iter(backends.values()))["boundary_iou"])
    parts = [
        "Average precision, with 95 % intervals by image",
        _table(
            ["backend", *(f"mask {name}" for name in METRICS), *(f"box {name}" for name in ("AP", "AP50"))],
            [
                [name, *(_shown(one["mask"][key]) for key in METRICS), *(_shown(one["box"][k]) for k in ("AP", "AP50"))]
                for name, one in backends.items()
            ],
        ),
        "Boundary IoU against the data set, of the objects found, by dilation ratio",
        _table(
            ["backend", *ratios, "mask IoU", "objects found"],
            [
                [
                    name,
                    *(_shown(one["boundary_iou"][ratio]) for ratio in ratios),
                    _shown(one["matched"]["mask_iou"]),
                    _shown(one["matched"]["share_of_objects"]),
                ]
                for name, one in backends.items()
            ],
        ),
    ]
    beside = [
        [name, other, _shown(found["difference"], 4), _shown(found["fraction"], 4)]
        for name, one in backends.items()
        for other, found in one.get("mask_AP_against", {}).items()
    ]
    if beside:
        parts += ["Mask AP beside another backend's, on the same images"]
        parts += [_table(["backend", "beside", "difference", "fraction"], beside)]
    return "\n\n".join(parts) + "\n"


def as_csv(backends: Backends) -> str:
    """One line a figure: backend, group, metric, value, low, high. What could not be measured is left empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["backend", "group", "metric", "value", "low", "high"])
    for name, one in backends.items():
        for group, metric, figure in _figures(one):
            writer.writerow([name, group, metric, figure["value"], figure["low"], figure["high"]])
    return text.getvalue()


def _figures(one: Mapping[str, Any]) -> Iterator[Tuple[str, str, Mapping[str, Any]]]:
    for group in ("mask", "box", "boundary_iou", "boundary_iou_all_objects"):
        for metric, figure in one[group].items():
            yield group, metric, figure
    for metric in ("mask_iou", "share_of_objects"):
        yield "matched", metric, one["matched"][metric]
    for other, found in one.get("mask_AP_against", {}).items():
        for metric, figure in found.items():
            yield f"mask_AP_against {other}", metric, figure


def _shown(figure: Mapping[str, Any], digits: int = 3) -> str:
    if figure["value"] is None:
        return "none"
    value, low, high = (f"{figure[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _table(head: List[str], rows: List[List[str]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)
