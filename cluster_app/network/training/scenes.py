"""Synthetic scenes as a COCO folder: `python -m cluster_app.network.training.scenes --out DIR --photos DIR ...`.

Writes DIR/images/NNNNNN.jpg and DIR/annotations.json (masks as compressed RLE). Scene i of a split follows from
(seed, split, i), the photographs and the code alone. The two splits share neither random numbers nor photographs: the
photographs are grouped by subject, and every third group serves the split val only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import lru_cache, partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cluster_app.network.photos import SUFFIXES
from cluster_app.network.training import classes, composition, shapes, textures
from cluster_app.network.training.classes import CATEGORIES
from cluster_app.network.training.composition import LEAST_VISIBLE_PIXELS, LEAST_VISIBLE_SHARE, Scene, compose
from cluster_app.tasks import Bytes
from cluster_app.tasks.yolact import rle

SPLITS = ("train", "val")
_CODE = (classes, composition, shapes, textures)  # what a scene looks like
QUALITY = (55, 95)  # of the JPEG files
FEWEST_GROUPS = 3
MOST_SCENES = 999_999
PROCESSES = 2
_LARGEST_PHOTO = 640  # pixels on the longer side: scenes are smaller


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 2 bad input."""
    options = _parse(arguments)
    try:
        write(options.out, options.photos, options.split, options.count, options.seed)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def write(out: Path, photos: Path, split: str, count: int, seed: int) -> None:
    """Make the folder, complete or not at all; nothing to do if it holds just these scenes.

    Raises ValueError for an unknown split, a count out of range, too few photographs, or a folder that holds
    something else.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; allowed: {', '.join(SPLITS)}")
    if not 1 <= count <= MOST_SCENES:
        raise ValueError(f"count is {count}; allowed: 1 to {MOST_SCENES}")
    if seed < 0:
        raise ValueError(f"seed is {seed}; allowed: 0 or more")
    paths = photographs(photos, split)
    info = {
        "description": "synthetic scenes",
        "split": split,
        "count": count,
        "seed": seed,
        "photographs_sha256": _digest(paths),
        "code_sha256": _digest([Path(module.__file__ or "") for module in _CODE]),
        "rule": f"objects with less than {LEAST_VISIBLE_SHARE} of their area or {LEAST_VISIBLE_PIXELS} pixels "
        "visible are not placed",
    }
    if out.exists() and any(out.iterdir()):
        if _info(out) == info:
            print(f"{out}: up to date", file=sys.stderr)
            return
        raise ValueError(f"{out} holds something else; give an empty folder, or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    for unfinished in out.parent.glob(f".{out.name}-*"):  # of a call that was killed
        shutil.rmtree(unfinished)
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        _write_into(aside, paths, info)
        aside.chmod(0o755)
        aside.replace(out)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def photographs(folder: Path, split: str) -> list[Path]:
    """The photographs of that split: by subject (the folder, or the letters that the name begins with).

    Raises ValueError if there are fewer than 3 subjects.
    """
    groups: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
        inside = path.relative_to(folder)
        subject = (
            inside.parts[0] if len(inside.parts) > 1 else re.split(r"[^a-z]", inside.stem.lower())[0] or inside.stem
        )
        groups.setdefault(subject, []).append(path)
    if len(groups) < FEWEST_GROUPS:
        raise ValueError(f"{folder} has photographs of {len(groups)} subjects; at least {FEWEST_GROUPS} are needed")
    held_out = [subject for index, subject in enumerate(sorted(groups)) if index % 3 == 0]
    chosen = held_out if split == "val" else [subject for subject in sorted(groups) if subject not in held_out]
    return [path for subject in chosen for path in groups[subject]]


def make_scene(index: int, paths: tuple[Path, ...], split: str, seed: int) -> tuple[Scene, int]:
    """Scene number index of the split, and the JPEG quality it is to be stored with."""
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    scene = compose(rng, _read(paths))
    return scene, int(rng.integers(QUALITY[0], QUALITY[1] + 1))


def _write_into(folder: Path, paths: Sequence[Path], info: dict[str, Any]) -> None:
    (folder / "images").mkdir()
    _read(tuple(paths))  # before the processes fork: they then share it, and a bad file is one error
    work = partial(_one, folder=folder, paths=tuple(paths), split=info["split"], seed=info["seed"])
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    with Pool(PROCESSES) as pool:
        for image, found in pool.imap(work, range(info["count"]), chunksize=16):
            images.append(image)
            annotations += [{"id": len(annotations) + 1 + place, **one} for place, one in enumerate(found)]
            if len(images) % 1000 == 0:
                print(f"{info['split']}: {len(images)} of {info['count']} scenes", file=sys.stderr, flush=True)
    content = {"info": info, "images": images, "annotations": annotations, "categories": CATEGORIES}
    (folder / "annotations.json").write_text(json.dumps(content) + "\n", encoding="utf-8")


def _one(
    index: int, folder: Path, paths: tuple[Path, ...], split: str, seed: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    scene, quality = make_scene(index, paths, split, seed)
    name = f"{index + 1:06}.jpg"
    _, encoded = cv2.imencode(".jpg", scene.image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    (folder / "images" / name).write_bytes(encoded.tobytes())
    height, width = scene.image.shape[:2]
    image = {"id": index + 1, "file_name": name, "width": width, "height": height}
    found = [_annotation(index + 1, one.category, one.mask) for one in scene.objects]
    return image, found


def _annotation(image_id: int, category: int, mask: Bytes) -> dict[str, Any]:
    x, y, width, height = cv2.boundingRect(mask)
    return {
        "image_id": image_id,
        "category_id": CATEGORIES[category]["id"],
        "bbox": [x, y, width, height],
        "area": int(mask.sum()),
        "iscrowd": 0,
        "segmentation": rle.encode(np.asfortranarray(mask)),
    }


@lru_cache(maxsize=2)
def _read(paths: tuple[Path, ...]) -> tuple[Bytes, ...]:
    """The photographs' pixels, none larger than needed. Raises ValueError for one that cannot be read."""
    photos = []
    for path in paths:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ValueError(f"{path} is not an image that OpenCV can read; take it out of the folder")
        factor = _LARGEST_PHOTO / max(pixels.shape[:2])
        photos.append(
            pixels if factor >= 1 else cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        )
    return tuple(photos)


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _info(out: Path) -> object:
    try:
        return json.loads((out / "annotations.json").read_text(encoding="utf-8")).get("info")
    except (OSError, ValueError, AttributeError):
        return None


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_app.network.training.scenes", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--photos", type=Path, required=True, help="photographs for backgrounds and fillings")
    parser.add_argument("--split", choices=SPLITS, required=True)
    parser.add_argument("--count", type=int, required=True, help="scenes")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
