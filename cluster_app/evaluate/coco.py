"""A COCO-format data set: found, read, and refused with one message for each thing that is wrong with it.

Two layouts are known: FOLDER/images with FOLDER/annotations.json, and COCO's own, FOLDER/NAME with
FOLDER/annotations/instances_NAME.json (NAME is val2017, for one).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Collection, List, Mapping, Optional, Tuple

from cluster_app.evaluate.coco_checks import Problems, check_document
from cluster_app.evaluate.errors import BadInput
from cluster_app.pipeline.images import OK, inspect

_LAYOUTS = "images/ with annotations.json, or NAME/ with annotations/instances_NAME.json as COCO has them"


@dataclass(frozen=True)
class Image:
    """One image of the data set; width and height in pixels."""

    id: int
    file_name: str
    width: int
    height: int


@dataclass(frozen=True)
class Annotations:
    """What an annotation file says. categories: (id, name) in its order; objects: its annotations as they are."""

    file: Path
    images: Tuple[Image, ...]
    categories: Tuple[Tuple[int, str], ...]
    objects: Tuple[Mapping[str, Any], ...]

    def only(self, image_ids: Collection[int]) -> Annotations:
        """The same for some of the images."""
        kept = set(image_ids)
        return replace(
            self,
            images=tuple(image for image in self.images if image.id in kept),
            objects=tuple(one for one in self.objects if one["image_id"] in kept),
        )

    def objects_of(self, image_id: int) -> List[Mapping[str, Any]]:
        return [one for one in self.objects if one["image_id"] == image_id]


@dataclass(frozen=True)
class Dataset:
    """Annotations, and the folder that their images lie in."""

    folder: Path
    annotations: Annotations

    def path(self, image: Image) -> Path:
        return self.folder / image.file_name


def read_dataset(folder: Path, split: Optional[str] = None, limit: Optional[int] = None) -> Dataset:
    """The data set in a folder, its first `limit` images by id, all files looked at.

    split is the NAME where a folder in COCO's own layout has several. Raises BadInput.
    """
    if limit is not None and limit < 1:
        raise BadInput(f"limit is {limit}; allowed: 1 or more")
    images_folder, file = _locate(folder, split)
    annotations = read_annotations(file)
    if limit is not None:
        annotations = annotations.only(sorted(image.id for image in annotations.images)[:limit])
        if not annotations.objects:
            raise BadInput(f"{file}: the first {limit} images by id have no annotation; give a larger limit")
    dataset = Dataset(images_folder, annotations)
    _check_files(dataset)
    return dataset


def read_annotations(file: Path) -> Annotations:
    """An annotation file. Raises BadInput with all that is wrong with it, as far as it can be read."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror}; give a COCO annotation file") from None
    except UnicodeDecodeError:
        raise BadInput(f"{file}: is not UTF-8 text; give a COCO annotation file") from None
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{file}: is not JSON: {error.msg} at line {error.lineno}, column {error.colno}; "
            "if the file was cut off, copy it again"
        ) from None
    check_document(document, file)
    return Annotations(
        file=file,
        images=tuple(
            Image(one["id"], one["file_name"], one["width"], one["height"])
            for one in sorted(document["images"], key=lambda one: one["id"])
        ),
        categories=tuple((one["id"], one["name"]) for one in document["categories"]),
        objects=tuple({"iscrowd": 0, **one} for one in document["annotations"]),
    )


def _locate(folder: Path, split: Optional[str]) -> Tuple[Path, Path]:
    if not folder.is_dir():
        raise BadInput(f"{folder}: there is no such folder; give one with {_LAYOUTS}")
    plain = (folder / "images", folder / "annotations.json")
    if split is None and plain[1].is_file():
        if not plain[0].is_dir():
            raise BadInput(f"{plain[0]}: is missing; the images of {plain[1]} must lie in it")
        return plain
    files = sorted((folder / "annotations").glob("instances_*.json"))
    named = {file.stem[len("instances_") :]: file for file in files}
    there = {name: file for name, file in named.items() if (folder / name).is_dir()}
    chosen = sorted(there) if split is None else [split]
    if len(chosen) > 1:
        raise BadInput(f"{folder}: holds {', '.join(chosen)}; say which with --split")
    if not chosen or chosen[0] not in there:
        what = "" if split is None else f" of the split {split!r}"
        listed = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise BadInput(f"{folder}: holds no COCO data set{what}: expected {_LAYOUTS}; found {listed}")
    return folder / chosen[0], there[chosen[0]]


def _check_files(dataset: Dataset) -> None:
    problems = Problems(dataset.annotations.file)
    for image in dataset.annotations.images:
        path = dataset.path(image)
        where = f"images: id {image.id}: file_name = {image.file_name!r}"
        if not path.is_file():
            problems.add(f"{where}: there is no such file in {dataset.folder}; add it, or take the image out")
            continue
        found = inspect(path.read_bytes())
        if found.status != OK:
            problems.add(f"{where}: {found.error}; replace the file, or take the image out")
        elif (found.width, found.height) != (image.width, image.height):
            problems.add(
                f"{where}: width x height = {image.width} x {image.height}, the file has {found.width} x {found.height}"
            )
    problems.refuse()
