"""What claim M5 rests on: how far outlines differ between libraries, from the accuracy of a model. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.claims.types import Fact

NAME = "model_boundary_iou_difference"
# Against which, and which: those that the paper compares (Figs. 12 and 13).
REFERENCE, COMPARED = "torch", ("onnx", "openvino-fp16")


def boundary_fact(accuracy: Mapping[str, Any]) -> dict[str, Fact]:
    """From an accuracy.json: the largest difference of mean boundary IoU from PyTorch's, over dilation ratios and the
    other two libraries. Nothing where one of them was not measured, or found no object.
    """
    backends = accuracy["backends"]
    if not {REFERENCE, *COMPARED} <= set(backends):
        return {}
    reference = backends[REFERENCE]["boundary_iou"]
    pairs = [(backends[name]["boundary_iou"][ratio], one) for name in COMPARED for ratio, one in reference.items()]
    if any(side["value"] is None for pair in pairs for side in pair):
        return {}
    largest = max(abs(one["value"] - other["value"]) for one, other in pairs)
    source = (
        f"evaluation of {accuracy['model']} on {accuracy['images']} held-out scenes, dilation ratios "
        f"{', '.join(reference)}; {', '.join(COMPARED)} against {REFERENCE}"
    )
    return {NAME: Fact(largest, source, n=int(accuracy["images"]), unit="of mean boundary IoU")}
