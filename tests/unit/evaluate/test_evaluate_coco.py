"""COCO folders: found in both layouts, and each that is malformed refused with one message that names the place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_material import HEIGHT, WIDTH, detection, document, square, write_folder

from cluster_app.evaluate.coco import read_annotations, read_dataset
from cluster_app.evaluate.errors import BadInput
from cluster_app.evaluate.truth import objects_by_image
from cluster_app.tasks.yolact import rle


def test_a_folder_is_read(tmp_path: Path) -> None:
    found = read_dataset(write_folder(tmp_path / "data"))
    assert [image.id for image in found.annotations.images] == [3, 7]
    assert found.annotations.categories == ((1, "person"), (2, "bicycle"))
    assert found.path(found.annotations.images[0]) == tmp_path / "data" / "images" / "first.png"
    assert [one["id"] for one in found.annotations.objects_of(3)] == [1, 2]


def test_cocos_own_layout(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data")
    (folder / "annotations").mkdir()
    for name in ("val2017", "train2017"):
        (folder / "annotations" / f"instances_{name}.json").write_text((folder / "annotations.json").read_text())
    (folder / "annotations.json").unlink()
    (folder / "images").rename(folder / "val2017")
    assert read_dataset(folder).folder == folder / "val2017"
    assert read_dataset(folder, split="val2017").folder == folder / "val2017"
    with pytest.raises(BadInput, match="no COCO data set of the split 'train2017'"):
        read_dataset(folder, split="train2017")
    (folder / "train2017").mkdir()
    with pytest.raises(BadInput, match="holds train2017, val2017; say which with --split"):
        read_dataset(folder)


def test_a_limit_takes_the_first_images_by_id(tmp_path: Path) -> None:
    found = read_dataset(write_folder(tmp_path / "data"), limit=1).annotations
    assert [image.id for image in found.images] == [3]
    assert {one["image_id"] for one in found.objects} == {3}
    with pytest.raises(BadInput, match="limit is 0; allowed: 1 or more"):
        read_dataset(tmp_path / "data", limit=0)


def test_a_limit_that_leaves_no_object(tmp_path: Path) -> None:
    content = document()
    content["annotations"] = content["annotations"][2:]
    with pytest.raises(BadInput, match="the first 1 images by id have no annotation"):
        read_dataset(write_folder(tmp_path / "data", content), limit=1)


def test_every_form_of_a_mask_is_the_same_mask(tmp_path: Path) -> None:
    truth = objects_by_image(read_dataset(write_folder(tmp_path / "data")).annotations)
    masks = [rle.decode(one.segmentation) for one in (*truth[3], *truth[7])]
    np.testing.assert_array_equal(masks[0], square(4, 6, 10))
    np.testing.assert_array_equal(masks[1], square(30, 10, 20))
    np.testing.assert_array_equal(masks[2], square(0, 0, 40))


def test_crowds_are_no_objects(tmp_path: Path) -> None:
    content = document()
    content["annotations"][0]["iscrowd"] = 1
    truth = objects_by_image(read_dataset(write_folder(tmp_path / "data", content)).annotations)
    assert [len(truth[3]), len(truth[7])] == [1, 1]


def test_what_cocos_edges_do_is_allowed(tmp_path: Path) -> None:
    content = document()
    content["annotations"][1]["segmentation"] = [[-0.4, 10, WIDTH + 0.6, 10, WIDTH, HEIGHT + 0.9]]
    content["annotations"][1]["bbox"] = [-0.3, 9.5, WIDTH + 0.6, 31.2]
    assert read_dataset(write_folder(tmp_path / "data", content))


def removed(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.pop(key)


def put(value: Any, *place: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: Any) -> None:
        for step in place[:-1]:
            content = content[step]
        content[place[-1]] = value

    return change


def of_another_size(content: dict[str, Any]) -> None:
    content["images"][1]["width"] = WIDTH + 1
    del content["annotations"][0]  # run lengths would tell it sooner


MALFORMED = [
    (removed("images"), r"images is missing: give a list"),
    (put({}, "annotations"), r"annotations = \{\}: must be a list"),
    (put([], "categories"), r"categories is empty"),
    (put([], "annotations"), r"annotations is empty"),
    (put([], "images"), r"images is empty"),
    (put(5, "images", 0), r"images\[0\] = 5: must be an object"),
    (put("7", "images", 0, "id"), r'images\[0\]\.id = "7": must be a whole number'),
    (put(3, "images", 0, "id"), r"images\[1\]\.id = 3: is given twice"),
    (put("first.png", "images", 0, "file_name"), r'images\[1\]\.file_name = "first\.png": is given twice'),
    (put("../x.png", "images", 0, "file_name"), r"images\[0\]\.file_name .*: must be a path below the folder"),
    (put("", "images", 0, "file_name"), r'images\[0\]\.file_name = "": must be a file\'s name'),
    (put(0, "images", 0, "width"), r"images\[0\]\.width = 0: must be a whole number of 1 or more"),
    (of_another_size, r"id 3: file_name = 'first\.png': width x height = 61 x 40, the file has 60 x 40"),
    (put("none.png", "images", 1, "file_name"), r"id 3: file_name = 'none\.png': there is no such file in"),
    (put("person", "categories", 1, "name"), r'categories\[1\]\.name = "person": is given twice'),
    (put(1, "categories", 1, "id"), r"categories\[1\]\.id = 1: is given twice"),
    (put(None, "categories", 1, "name"), r"categories\[1\]\.name = null: must be a text"),
    (put(2, "annotations", 0, "id"), r"annotations\[1\]\.id = 2: is given twice"),
    (put(99, "annotations", 0, "image_id"), r"annotations\[0\]\.image_id = 99: must be the id of one of images"),
    (put(9, "annotations", 0, "category_id"), r"annotations\[0\]\.category_id = 9: must be the id of one of categ"),
    (put(2, "annotations", 0, "iscrowd"), r"annotations\[0\]\.iscrowd = 2: must be 0 or 1"),
    (put(-1, "annotations", 0, "area"), r"annotations\[0\]\.area = -1: must be a number of 0 or more"),
    (put([1, 2, 3], "annotations", 0, "bbox"), r"annotations\[0\]\.bbox = \[1, 2, 3\]: must be four numbers"),
    (put([50, 0, 20, 5], "annotations", 0, "bbox"), r"annotations\[0\]\.bbox .*: must be a box within the image of 60"),
    (put(None, "annotations", 0, "segmentation"), r"annotations\[0\]\.segmentation = null: must be polygons"),
    (put([], "annotations", 1, "segmentation"), r"annotations\[1\]\.segmentation = \[\]: must be at least one polygon"),
    (put([1, 2, 3, 4], "annotations", 1, "segmentation", 0), r"segmentation\[0\] .*: must be an even count"),
    (
        put(62.5, "annotations", 1, "segmentation", 0, 2),
        r"segmentation\[0\]\[2\] = 62\.5: must be a number from 0 to 60",
    ),
    (
        put(-1.5, "annotations", 1, "segmentation", 0, 3),
        r"segmentation\[0\]\[3\] = -1\.5: must be a number from 0 to 40",
    ),
    (put([60, 40], "annotations", 2, "segmentation", "size"), r"size = \[60, 40\]: must be \[40, 60\]"),
    (put([5, 5], "annotations", 2, "segmentation", "counts"), r"counts: cover 10 pixels; the image has 2400"),
    (put([-5, 2405], "annotations", 2, "segmentation", "counts"), r"counts: cover 2400 pixels"),
    (put("~~", "annotations", 2, "segmentation", "counts"), r"annotations\[2\]\.segmentation\.counts: counts"),
    (put(3, "annotations", 2, "segmentation", "counts"), r"counts = 3: must be COCO's text, or a list"),
]


@pytest.mark.parametrize(("change", "said"), MALFORMED, ids=[said[:40] for _, said in MALFORMED])
def test_a_malformed_folder(tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str) -> None:
    content = document()
    change(content)
    folder = write_folder(tmp_path / "data", content)
    with pytest.raises(BadInput, match=said) as caught:
        read_dataset(folder)
    assert all(message.startswith(f"{folder / 'annotations.json'}: ") for message in caught.value.messages)
    assert not any("\n" in message for message in caught.value.messages)


def test_all_problems_are_told_at_once_and_many_are_counted(tmp_path: Path) -> None:
    content = document()
    content["annotations"] *= 30
    with pytest.raises(BadInput) as caught:
        read_dataset(write_folder(tmp_path / "data", content))
    assert len(caught.value.messages) == 21
    assert caught.value.messages[-1].endswith("67 more problems like these")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"images": [', r"is not JSON: .* at line 1, column \d+; if the file was cut off"),
        ("[1]", "must be one JSON obj"),
    ],
)
def test_a_file_that_is_no_annotation_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_dataset(write_folder(tmp_path / "data", text))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.json: cannot be read: No such file"):
        read_annotations(tmp_path / "none.json")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(BadInput, match="is not UTF-8 text"):
        read_annotations(tmp_path / "x.json")


def test_folders_that_are_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such folder"):
        read_dataset(tmp_path / "none")
    with pytest.raises(BadInput, match=r"holds no COCO data set: expected images/ .*; found nothing"):
        read_dataset(tmp_path)
    folder = write_folder(tmp_path / "data")
    for path in (folder / "images").iterdir():
        path.unlink()
    with pytest.raises(BadInput, match="there is no such file"):
        read_dataset(folder)
    (folder / "images").rmdir()
    with pytest.raises(BadInput, match="images: is missing"):
        read_dataset(folder)


@pytest.mark.parametrize(("data", "said"), [(b"", "the file is empty"), (b"text", "not an image by its bytes")])
def test_a_picture_that_is_none(tmp_path: Path, data: bytes, said: str) -> None:
    folder = write_folder(tmp_path / "data")
    (folder / "images" / "first.png").write_bytes(data)
    with pytest.raises(BadInput, match=said):
        read_dataset(folder)


def test_a_truncated_picture(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data")
    path = folder / "images" / "second.png"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match=r"file_name = 'second\.png': the PNG is truncated"):
        read_dataset(folder)


def test_the_material_is_right() -> None:
    assert detection(square(4, 6, 10)).bbox == (4.0, 6.0, 10.0, 10.0)
