"""The data set's objects as the detections that a perfect network would give."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from pycocotools import mask as coco_mask

from cluster_app.evaluate.coco import Annotations
from cluster_app.tasks import Detection


def objects_by_image(annotations: Annotations) -> Dict[int, List[Detection]]:
    """Objects of every image, by image id, with score 1. Crowds are left out: they are no single object."""
    sizes = {image.id: (image.height, image.width) for image in annotations.images}
    found: Dict[int, List[Detection]] = {image.id: [] for image in annotations.images}
    for one in annotations.objects:
        if not one["iscrowd"]:
            height, width = sizes[one["image_id"]]
            x, y, across, down = one["bbox"]
            mask = _run_lengths(one["segmentation"], height, width)
            found[one["image_id"]].append(Detection(one["category_id"], 1.0, (x, y, across, down), mask))
    return found


def _run_lengths(segmentation: Any, height: int, width: int) -> Mapping[str, Any]:
    """Polygons, or run lengths in either form -> COCO's compressed run lengths, with counts as a text."""
    if isinstance(segmentation, dict) and isinstance(segmentation["counts"], str):
        return segmentation
    parts = coco_mask.frPyObjects(segmentation, height, width)
    whole = coco_mask.merge(parts) if isinstance(parts, list) else parts
    return {"size": [height, width], "counts": whole["counts"].decode("ascii")}
