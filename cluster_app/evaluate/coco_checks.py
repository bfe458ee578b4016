"""What an annotation file must be: each finding is one line that names file, place, value and what is allowed."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import Any, Dict, List, Mapping, Set, Tuple

from cluster_app.contract.checks import shown
from cluster_app.evaluate.errors import BadInput
from cluster_app.tasks.yolact import rle

# COCO's own boxes and polygons touch the image's edge, and pass it by fractions of a pixel.
TOLERANCE = 1.0
_MOST_SHOWN = 20
_LEAST_NUMBERS = 6

Size = Tuple[int, int]


class Problems:
    """What is wrong with one file, in the order found."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._messages: List[str] = []

    def add(self, message: str) -> None:
        self._messages.append(f"{self._file}: {message}")

    def wrong(self, place: str, value: Any, allowed: str) -> None:
        self.add(f"{place} = {shown(value)}: must be {allowed}")

    def refuse(self) -> None:
        """Raises BadInput with the first 20, if there are any."""
        if self._messages:
            more = len(self._messages) - _MOST_SHOWN
            rest = [f"{self._file}: {more} more problems like these"] if more > 0 else []
            raise BadInput(*self._messages[:_MOST_SHOWN], *rest)


def check_document(document: Any, file: Path) -> None:
    """Raises BadInput unless the document is a COCO annotation file whose parts fit together."""
    problems = Problems(file)
    lists = _lists(document, problems)
    problems.refuse()
    sizes = _check_images(lists["images"], problems)
    categories = _check_categories(lists["categories"], problems)
    _check_annotations(lists["annotations"], sizes, categories, problems)
    problems.refuse()


def _lists(document: Any, problems: Problems) -> Dict[str, List[Any]]:
    if not isinstance(document, dict):
        problems.add(f"holds {shown(document)}: must be one JSON object with images, annotations, categories")
        return {}
    for name in ("images", "annotations", "categories"):
        value = document.get(name)
        if name not in document:
            problems.add(f"{name} is missing: give a list")
        elif not isinstance(value, list):
            problems.wrong(name, value, "a list")
        elif not value:
            problems.add(f"{name} is empty: nothing could be measured")
        else:
            for index, item in enumerate(value):
                if not isinstance(item, dict):
                    problems.wrong(f"{name}[{index}]", item, "an object")
    return document


def _check_images(images: List[Mapping[str, Any]], problems: Problems) -> Dict[int, Size]:
    """Returns (width, height) by id of the images that have both."""
    sizes: Dict[int, Size] = {}
    seen: Set[int] = set()
    names: Set[str] = set()
    for index, image in enumerate(images):
        place = f"images[{index}]"
        _check_id(image, place, seen, problems)
        name = image.get("file_name")
        if not isinstance(name, str) or not name:
            problems.wrong(f"{place}.file_name", name, "a file's name")
        elif PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            problems.wrong(f"{place}.file_name", name, "a path below the folder of the images")
        elif name in names:
            problems.add(f"{place}.file_name = {shown(name)}: is given twice; each image has a file of its own")
        else:
            names.add(name)
        good = True
        for key in ("width", "height"):
            if not _whole(image.get(key)) or image[key] < 1:
                problems.wrong(f"{place}.{key}", image.get(key), "a whole number of 1 or more, in pixels")
                good = False
        if good and _whole(image.get("id")):
            sizes[image["id"]] = (image["width"], image["height"])
    return sizes


def _check_categories(categories: List[Mapping[str, Any]], problems: Problems) -> Set[int]:
    seen: Set[int] = set()
    names: Set[str] = set()
    for index, category in enumerate(categories):
        place = f"categories[{index}]"
        _check_id(category, place, seen, problems)
        name = category.get("name")
        if not isinstance(name, str) or not name:
            problems.wrong(f"{place}.name", name, "a text")
        elif name in names:
            problems.add(f"{place}.name = {shown(name)}: is given twice")
        else:
            names.add(name)
    return seen


def _check_annotations(
    annotations: List[Mapping[str, Any]], sizes: Mapping[int, Size], categories: Set[int], problems: Problems
) -> None:
    seen: Set[int] = set()
    for index, one in enumerate(annotations):
        place = f"annotations[{index}]"
        _check_id(one, place, seen, problems)
        if one.get("category_id") not in categories:
            problems.wrong(f"{place}.category_id", one.get("category_id"), "the id of one of categories")
        if one.get("iscrowd", 0) not in (0, 1):
            problems.wrong(f"{place}.iscrowd", one.get("iscrowd"), "0 or 1")
        if not _number(one.get("area")) or one["area"] < 0:
            problems.wrong(f"{place}.area", one.get("area"), "a number of 0 or more, in square pixels")
        size = sizes.get(one["image_id"]) if _whole(one.get("image_id")) else None
        if size is None:
            problems.wrong(f"{place}.image_id", one.get("image_id"), "the id of one of images")
            continue
        _check_box(one.get("bbox"), f"{place}.bbox", size, problems)
        _check_mask(one.get("segmentation"), f"{place}.segmentation", size, problems)


def _check_box(box: Any, place: str, size: Size, problems: Problems) -> None:
    if not isinstance(box, list) or len(box) != 4 or not all(_number(value) for value in box):
        problems.wrong(place, box, "four numbers: x, y, width, height in pixels")
        return
    x, y, width, height = box
    inside = x >= -TOLERANCE and y >= -TOLERANCE and x + width <= size[0] + TOLERANCE
    if width < 0 or height < 0 or not inside or y + height > size[1] + TOLERANCE:
        problems.wrong(place, box, f"a box within the image of {size[0]} x {size[1]} pixels")


def _check_mask(mask: Any, place: str, size: Size, problems: Problems) -> None:
    if isinstance(mask, list):
        if not mask:
            problems.wrong(place, mask, "at least one polygon, or run lengths")
        for number, polygon in enumerate(mask):
            _check_polygon(polygon, f"{place}[{number}]", size, problems)
    elif isinstance(mask, dict):
        _check_run_lengths(mask, place, size, problems)
    else:
        problems.wrong(place, mask, "polygons (a list of lists), or run lengths (an object with size and counts)")


def _check_polygon(polygon: Any, place: str, size: Size, problems: Problems) -> None:
    if not isinstance(polygon, list) or len(polygon) < _LEAST_NUMBERS or len(polygon) % 2:
        problems.wrong(place, polygon, "an even count of at least 6 numbers: x, y of each corner")
        return
    for position, value in enumerate(polygon):
        side = size[position % 2]
        if not _number(value) or not -TOLERANCE <= value <= side + TOLERANCE:
            problems.wrong(f"{place}[{position}]", value, f"a number from 0 to {side}: a corner within the image")
            return


def _check_run_lengths(mask: Mapping[str, Any], place: str, size: Size, problems: Problems) -> None:
    wanted = [size[1], size[0]]
    if mask.get("size") != wanted:
        problems.wrong(f"{place}.size", mask.get("size"), f"{wanted}: height and width of its image")
        return
    counts = mask.get("counts")
    if isinstance(counts, str):
        try:
            runs = [int(run) for run in rle.decompress(counts)]
        except ValueError as error:
            problems.add(f"{place}.counts: {error}")
            return
    elif isinstance(counts, list) and all(_whole(run) for run in counts):
        runs = counts
    else:
        problems.wrong(f"{place}.counts", counts, "COCO's text, or a list of whole numbers")
        return
    if sum(runs) != size[0] * size[1] or any(run < 0 for run in runs):
        problems.add(f"{place}.counts: cover {sum(runs)} pixels; the image has {size[0] * size[1]}")


def _check_id(item: Mapping[str, Any], place: str, seen: Set[int], problems: Problems) -> None:
    found: Any = item.get("id")
    if not _whole(found):
        problems.wrong(f"{place}.id", found, "a whole number")
    elif found in seen:
        problems.add(f"{place}.id = {found}: is given twice; each has an id of its own")
    else:
        seen.add(found)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return _whole(value) or (isinstance(value, float) and math.isfinite(value))
