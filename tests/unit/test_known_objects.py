"""Objects that are known to be in a scene are found once each, or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from experiments.known_objects import count_found

Json = dict[str, Any]


def mask(x: int, width: int = 10) -> Json:
    pixels = np.zeros((40, 60), np.uint8, order="F")
    pixels[5:25, x : x + width] = 1
    encoded = coco_mask.encode(pixels)
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def detection(x: int, score: float = 0.9, category: int = 1, width: int = 10) -> Json:
    return {"category_id": category, "score": score, "segmentation": mask(x, width)}


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    """One scene with an object of category 1 at 0 and one of category 2 at 30."""
    known = [{"image_id": 1, "category_id": number, "segmentation": mask(x)} for number, x in ((1, 0), (2, 30))]
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": known}))
    return path


def rows(*detections: Json) -> list[Json]:
    return [{"image": "scenes/a.jpg", "detections": list(detections)}, {"image": "a.jpg", "detections": [detection(0)]}]


def test_both_found(annotations: Path) -> None:
    found = count_found(annotations, rows(detection(0), detection(30, category=2)))
    assert (found.scenes, found.objects, found.found, found.wrong, found.mean_iou) == (1, 2, 2, 0, 1.0)


@pytest.mark.parametrize(
    ("seen", "found", "wrong"),
    [
        (detection(0, category=2), 0, 1),
        (detection(0, score=0.29), 0, 0),
        (detection(8), 0, 1),
        (detection(0, width=5), 1, 0),
        (detection(0, width=4), 0, 1),
    ],
    ids=["other category", "unsure", "beside", "half of it", "less than half"],
)
def test_what_counts(annotations: Path, seen: Json, found: int, wrong: int) -> None:
    result = count_found(annotations, rows(seen))
    assert (result.found, result.wrong) == (found, wrong)


def test_an_object_is_found_once(annotations: Path) -> None:
    result = count_found(annotations, rows(detection(0, 0.5, width=9), detection(0, 0.9)))
    assert (result.found, result.wrong, result.mean_iou) == (1, 1, 1.0)


def test_nothing_found_has_no_mean(annotations: Path) -> None:
    result = count_found(annotations, rows())
    assert (result.found, result.mean_iou) == (0, None)


def test_a_scene_without_a_row_is_an_error(annotations: Path) -> None:
    with pytest.raises(KeyError, match=r"scenes/a\.jpg"):
        count_found(annotations, [])
