"""Accuracy of detections on a data set: average precision of masks and boxes, and outlines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Mapping, Optional

from cluster_app.evaluate.average_precision import Found, Precision, average_precision
from cluster_app.evaluate.coco import Annotations
from cluster_app.evaluate.intervals import Estimate, estimate, image_weights
from cluster_app.evaluate.outlines import Outlines, outlines
from cluster_app.evaluate.truth import objects_by_image

SCHEMA = 1


@dataclass(frozen=True)
class Accuracy:
    """Of one backend, or of one job's output."""

    mask: Precision
    box: Precision
    outlines: Outlines

    def as_json(self) -> Dict[str, Any]:
        ratios = self.outlines
        return {
            "mask": {name: asdict(one) for name, one in self.mask.metrics.items()},
            "box": {name: asdict(one) for name, one in self.box.metrics.items()},
            "boundary_iou": {str(ratio): asdict(one) for ratio, one in ratios.by_ratio.items()},
            "boundary_iou_all_objects": {str(ratio): asdict(one) for ratio, one in ratios.by_ratio_all.items()},
            "matched": {
                "mask_iou": asdict(ratios.mask_iou),
                "share_of_objects": asdict(ratios.found),
                "objects": ratios.objects,
            },
        }


@dataclass(frozen=True)
class Against:
    """Mask AP beside another backend's, on the same images and resamples: difference, and fraction of it."""

    difference: Estimate
    fraction: Estimate


def measure(annotations: Annotations, found: Found) -> Accuracy:
    """Detections by image id, against the annotations. Intervals resample the images, in the same way each time."""
    weights = image_weights(len(annotations.images))
    return Accuracy(
        mask=average_precision(annotations, found, "mask", weights),
        box=average_precision(annotations, found, "box", weights),
        outlines=outlines(objects_by_image(annotations), found, weights),
    )


def against(one: Accuracy, other: Accuracy, metric: str = "AP") -> Optional[Against]:
    """One's mask AP beside the other's; None where either has none, or the other's is 0."""
    value, base = one.mask.metrics[metric].value, other.mask.metrics[metric].value
    if value is None or not base:
        return None
    ours, theirs = one.mask.samples[metric], other.mask.samples[metric]
    there = theirs > 0
    return Against(
        difference=estimate(value - base, ours - theirs),
        fraction=estimate(value / base, ours[there] / theirs[there]),
    )


def summary(accuracy: Mapping[str, Accuracy]) -> Dict[str, Dict[str, Any]]:
    """Accuracy by backend as plain data; each beside Torch and OpenVINO FP32, where these were measured."""
    result: Dict[str, Dict[str, Any]] = {}
    for name, one in accuracy.items():
        result[name] = one.as_json()
        beside = {
            other: against(one, accuracy[other])
            for other in ("torch", "openvino-fp32")
            if other in accuracy and other != name
        }
        result[name]["mask_AP_against"] = {other: asdict(found) for other, found in beside.items() if found is not None}
    return result
