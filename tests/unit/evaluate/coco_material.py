"""A small COCO folder made by hand: two images, three objects, every form that a mask can have."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cluster_app.tasks import Detection
from cluster_app.tasks.yolact import rle

HEIGHT, WIDTH = 40, 60


def square(x: int, y: int, side: int, *, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[y : y + side, x : x + side] = 1
    return mask


def detection(mask: np.ndarray, score: float = 1.0, category: int = 1) -> Detection:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (0.0, 0.0, 0.0, 0.0)
    if len(rows):
        x, y = float(columns[0]), float(rows[0])
        box = (x, y, float(columns[-1]) + 1 - x, float(rows[-1]) + 1 - y)
    return Detection(category, score, box, rle.encode(mask))


def annotation(number: int, image: int, category: int, mask: np.ndarray, segmentation: Any = None) -> dict[str, Any]:
    one = detection(mask)
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "iscrowd": 0,
        "area": int(mask.sum()),
        "bbox": list(one.bbox),
        "segmentation": one.segmentation if segmentation is None else segmentation,
    }


DOCUMENT: dict[str, Any] = {
    "info": {"description": "made by hand"},
    "images": [
        {"id": 7, "file_name": "second.png", "width": WIDTH, "height": HEIGHT},
        {"id": 3, "file_name": "first.png", "width": WIDTH, "height": HEIGHT},
    ],
    "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "bicycle"}],
    "annotations": [
        annotation(1, 3, 1, square(4, 6, 10)),
        annotation(2, 3, 2, square(30, 10, 20), [[30, 10, 50, 10, 50, 30, 30, 30]]),
        annotation(
            3, 7, 1, square(0, 0, 40), {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * 40, HEIGHT * (WIDTH - 40)]}
        ),
    ],
}


def document() -> dict[str, Any]:
    return copy.deepcopy(DOCUMENT)


def write_folder(folder: Path, content: Any = None) -> Path:
    """images/ and annotations.json; content replaces the document, a text is written as it is."""
    (folder / "images").mkdir(parents=True)
    for index, name in enumerate(("first.png", "second.png")):
        cv2.imwrite(str(folder / "images" / name), np.full((HEIGHT, WIDTH, 3), 60 + index, np.uint8))
    text = content if isinstance(content, str) else json.dumps(document() if content is None else content)
    (folder / "annotations.json").write_text(text)
    return folder
