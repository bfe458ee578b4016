"""A COCO folder as training data: images with boxes, classes and masks, augmented.

What sample i of epoch e becomes follows from (seed, e, i) alone, so that a resumed training sees what an
uninterrupted one would have seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from cluster_app.tasks import Bytes, Floats
from cluster_app.tasks.yolact import rle
from cluster_app.tasks.yolact.config import YolactConfig
from cluster_app.tasks.yolact.preprocess import preprocess

LEAST_LEFT = 0.4  # of an object's pixels that a crop must leave; else it is no object of the crop
SMALLEST_CROP = 0.65  # of each side
_CROP, _COLOUR = 0.5, 0.6  # how often

Random = np.random.Generator


@dataclass(frozen=True)
class Annotated:
    """One image of the folder: its file, and its objects as class from 1 and compressed RLE."""

    path: Path
    objects: tuple[tuple[int, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class Target:
    """The n objects of one network input.

    boxes (n, 4) float32: x1, y1, x2, y2 as fractions; classes (n,) int64 from 1; masks (n, h, w) float32 at the
    prototypes' resolution, each cell the share of it that the object covers.
    """

    boxes: Floats
    classes: npt.NDArray[np.int64]
    masks: Floats


@dataclass(frozen=True)
class Batch:
    """images (B, 3, S, S) float32, normalised; one target for each."""

    images: Floats
    targets: tuple[Target, ...]


def read_folder(folder: Path, classes: int) -> list[Annotated]:
    """DIR/images and DIR/annotations.json, masks as compressed RLE, category ids 1..classes.

    Raises ValueError that names the file, the field and the value.
    """
    path = folder / "annotations.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        images = {image["id"]: folder / "images" / image["file_name"] for image in content["images"]}
        found: dict[int, list[tuple[int, Mapping[str, Any]]]] = {image_id: [] for image_id in images}
        for one in content["annotations"]:
            if one["image_id"] not in found:
                raise ValueError(f"annotation {one['id']}: image_id is {one['image_id']!r}; no image has that id")
            if not 1 <= one["category_id"] <= classes:
                raise ValueError(
                    f"annotation {one['id']}: category_id is {one['category_id']!r}; allowed: 1 to {classes}"
                )
            found[one["image_id"]].append((one["category_id"], one["segmentation"]))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; give a COCO folder with images/ and annotations.json") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not COCO annotations: {type(error).__name__} {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not images:
        raise ValueError(f"{path}: images is empty")
    return [Annotated(images[image_id], tuple(objects)) for image_id, objects in found.items()]


def load(annotated: Annotated, config: YolactConfig, rng: Random | None) -> tuple[Floats, Target]:
    """One network input (3, S, S) and its target; rng: of the augmentation, None for none.

    Raises ValueError for an image that cannot be read, or a mask of another size than its image's.
    """
    image = cv2.imread(str(annotated.path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{annotated.path} is missing, or not an image that OpenCV can read")
    masks = [(category, _mask(annotated.path, segmentation, image)) for category, segmentation in annotated.objects]
    if rng is not None:
        image, masks = _augmented(image, masks, rng)
    return preprocess(image, config.image_size)[0], _target(masks, config)


def batches(
    data: Sequence[Annotated], config: YolactConfig, size: int, seed: int, epoch: int, first: int = 0
) -> Iterator[Batch]:
    """The epoch's batches of augmented images, in an order of its own, from batch number first on.

    The next one is made while the caller works on this one. A last batch that would not be full is left out.
    """
    order = np.random.default_rng([seed, epoch]).permutation(len(data))

    def make(number: int) -> Batch:
        chosen = order[number * size : (number + 1) * size]
        loaded = [load(data[i], config, np.random.default_rng([seed, epoch, int(i)])) for i in chosen]
        return Batch(np.stack([image for image, _ in loaded]), tuple(target for _, target in loaded))

    numbers = range(first, len(data) // size)
    with ThreadPoolExecutor(max_workers=1) as thread:
        waiting: Future[Batch] | None = None
        for number in numbers:
            current = waiting or thread.submit(make, number)
            waiting = thread.submit(make, number + 1) if number + 1 < numbers.stop else None
            yield current.result()


def _mask(path: Path, segmentation: Mapping[str, Any], image: Bytes) -> Bytes:
    mask = rle.decode(segmentation)
    if mask.shape != image.shape[:2]:
        raise ValueError(f"{path}: a mask has size {list(mask.shape)}, the image {list(image.shape[:2])}")
    return mask


def _augmented(image: Bytes, masks: list[tuple[int, Bytes]], rng: Random) -> tuple[Bytes, list[tuple[int, Bytes]]]:
    """Crop, mirror both ways, change colours."""
    if rng.random() < _CROP:
        height, width = image.shape[:2]
        cut_height, cut_width = (int(side * rng.uniform(SMALLEST_CROP, 1.0)) for side in (height, width))
        y, x = int(rng.integers(height - cut_height + 1)), int(rng.integers(width - cut_width + 1))
        window = (slice(y, y + cut_height), slice(x, x + cut_width))
        image = image[window]
        cut = [(category, mask[window], int(mask.sum())) for category, mask in masks]
        masks = [(category, mask) for category, mask, whole in cut if mask.sum() >= LEAST_LEFT * whole]
    for axis in (0, 1):
        if rng.random() < 0.5:
            image = np.flip(image, axis)
            masks = [(category, np.flip(mask, axis)) for category, mask in masks]
    if rng.random() < _COLOUR:
        image = _recoloured(image, rng)
    return np.ascontiguousarray(image), masks


def _recoloured(image: Bytes, rng: Random) -> Bytes:
    """Each channel with a gain and an offset of its own: hues stay about what they were, they tell classes."""
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.9, 1.1, 3)
    offset = rng.uniform(-20, 20) + rng.uniform(-8, 8, 3)
    changed = image.astype(np.float32) * gain + offset
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def _target(masks: Sequence[tuple[int, Bytes]], config: YolactConfig) -> Target:
    side = config.proto_size
    boxes = np.zeros((len(masks), 4), np.float32)
    small = np.zeros((len(masks), side, side), np.float32)
    for place, (_, mask) in enumerate(masks):
        height, width = mask.shape
        mask = np.ascontiguousarray(mask)
        x, y, w, h = cv2.boundingRect(mask)
        boxes[place] = x / width, y / height, (x + w) / width, (y + h) / height
        method = cv2.INTER_AREA if min(height, width) >= side else cv2.INTER_LINEAR
        small[place] = cv2.resize(mask.astype(np.float32), (side, side), interpolation=method)
    return Target(boxes, np.array([category for category, _ in masks], np.int64), small)
