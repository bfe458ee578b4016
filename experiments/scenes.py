"""Synthetic scenes whose objects are known, for the demo.

They are made by `cluster_app.network.training.scenes` in the builder's container: held-out ones, which the shipped
model has not seen.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from experiments.host.evaluation import Program, attend
from experiments.known_objects import FOLDER
from experiments.photographs import collect

COUNT = 8
# Colours that people who do not see red or green tell apart (Okabe and Ito, 2008).
_PALETTE = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0))


def make(folder: Path, photographs: Path, say: Callable[[str], None]) -> Path:
    """Writes scenes into folder/images and what is in them into folder/annotations.json, whose path is returned."""
    annotations = folder / "annotations.json"
    if annotations.is_file():
        return annotations
    collect(photographs, malformed=False)
    folder.parent.mkdir(parents=True, exist_ok=True)
    mounts = {photographs: "/photographs:ro", folder.parent: "/out"}
    arguments = ["--out", f"/out/{folder.name}", "--photos", "/photographs", "--split", "val", "--count", str(COUNT)]
    attend(Program("cluster_app.network.training.scenes", arguments, mounts), say)
    return annotations


def place(annotations: Path, photographs: Path) -> list[Path]:
    """Copies the scenes into a job's input, beside the photographs; returns the files, in order."""
    target = photographs / FOLDER
    target.mkdir(parents=True)
    return [shutil.copyfile(path, target / path.name) for path in sorted((annotations.parent / "images").iterdir())]


def draw_known(annotations: Path, target: Path) -> list[Path]:
    """Pictures of the scenes with each object in a colour of its own; returns them, named as the scenes are."""
    target.mkdir(parents=True)
    content = json.loads(annotations.read_text())
    written = []
    for image in content["images"]:
        with Image.open(annotations.parent / "images" / image["file_name"]) as opened:
            pixels = np.asarray(opened.convert("RGB"), np.float32)
        for number, one in enumerate(o for o in content["annotations"] if o["image_id"] == image["id"]):
            inside = coco_mask.decode(one["segmentation"]).astype(bool)
            pixels = np.where(
                inside[..., None], 0.4 * pixels + 0.6 * np.array(_PALETTE[number % len(_PALETTE)]), pixels
            )
        path = target / f"{Path(image['file_name']).stem}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        written.append(path)
    return written
