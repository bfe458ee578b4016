"""Synthetic scenes: exact masks, the rule of visibility, and the same scenes from the same seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_app.network.training import composition, scenes, shapes
from cluster_app.network.training.classes import CATEGORIES, CLASSES
from cluster_app.network.training.composition import LEAST_VISIBLE_PIXELS, compose, rasterise
from cluster_app.tasks.yolact import rle

GREY = np.full((400, 500, 3), 127, np.uint8)


def box(left: float, top: float, right: float, bottom: float) -> shapes.Outline:
    return [np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)]


def test_a_rectangle_covers_just_its_pixels() -> None:
    drawn = rasterise(box(3, 2, 13, 7), 20, 30)
    assert drawn is not None
    rows, columns, coverage, area = drawn
    full = np.zeros((20, 30))
    full[rows, columns] = coverage
    expected = np.zeros((20, 30), bool)
    expected[2:7, 3:13] = True
    np.testing.assert_array_equal(full >= 0.5, expected)
    assert area == 50


def test_area_counts_what_lies_outside_of_the_picture() -> None:
    drawn = rasterise(box(-10, 4, 10, 8), 20, 30)
    assert drawn is not None
    _, columns, coverage, area = drawn
    assert area == 80
    assert (coverage >= 0.5).sum() == 40
    assert columns.start == 0
    assert rasterise(box(-10, 4, -2, 8), 20, 30) is None


def test_a_rings_hole_is_not_part_of_it() -> None:
    outline = [contour * 20 + 30 for contour in shapes.ring(np.random.default_rng(0))]
    drawn = rasterise(outline, 60, 60)
    assert drawn is not None
    rows, columns, coverage, area = drawn
    full = np.zeros((60, 60))
    full[rows, columns] = coverage
    assert full[30, 30] == 0
    assert full[30, 30 + 18] == 1
    assert 0.4 * np.pi * 400 < area < 0.9 * np.pi * 400


@pytest.mark.parametrize("name", CLASSES)
def test_outlines_fill_the_unit_square(name: str) -> None:
    for seed in range(20):
        points = np.concatenate(shapes.OBJECTS[name](np.random.default_rng(seed)))
        assert np.abs(points).max() <= 1.2
        assert np.ptp(points, axis=0).max() > 1.2


def test_an_object_hides_what_is_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two boxes of 20 x 20, the second half behind the first, and a third that would show only a quarter."""
    cast = [(0, box(10, 10, 30, 30)), (1, box(20, 10, 40, 30)), (2, box(25, 10, 45, 30))]
    monkeypatch.setattr(composition, "_cast", lambda *_: cast)
    scene = compose(np.random.default_rng(0), [GREY])
    assert [one.category for one in scene.objects] == [0, 1]
    height, width = scene.image.shape[:2]
    first, second = np.zeros((2, height, width), np.uint8)
    first[10:30, 10:30] = 1
    second[10:30, 30:40] = 1
    np.testing.assert_array_equal(scene.objects[0].mask, first)
    np.testing.assert_array_equal(scene.objects[1].mask, second)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_masks_of_a_scene_are_visible_and_apart(seed: int) -> None:
    scene = compose(np.random.default_rng(seed), [GREY])
    again = compose(np.random.default_rng(seed), [GREY])
    np.testing.assert_array_equal(scene.image, again.image)
    masks = [one.mask for one in scene.objects]
    assert all(mask.sum() >= LEAST_VISIBLE_PIXELS and mask.shape == scene.image.shape[:2] for mask in masks)
    if masks:
        assert np.sum(masks, axis=0).max() <= 1


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of four subjects, one of them a folder and one with two files."""
    folder = tmp_path_factory.mktemp("subjects")
    (folder / "cats").mkdir()
    rng = np.random.default_rng(0)
    for name in ("bridge.png", "bridge-close.png", "cats/a.png", "door.png", "engine 2.png"):
        coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / name), cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC))
    return folder


def test_splits_share_no_subject(subjects: Path) -> None:
    names = {
        split: {path.relative_to(subjects).as_posix() for path in scenes.photographs(subjects, split)}
        for split in scenes.SPLITS
    }
    assert names["val"] == {"bridge.png", "bridge-close.png", "engine 2.png"}
    assert names["train"] == {"cats/a.png", "door.png"}


def arguments(out: Path, photos: Path, split: str = "train", count: int = 6, seed: int = 0) -> list[str]:
    options = {"out": out, "photos": photos, "split": split, "count": count, "seed": seed}
    return [word for key, value in options.items() for word in (f"--{key}", str(value))]


@pytest.fixture(scope="module")
def folder(subjects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scenes") / "train"
    assert scenes.main(arguments(out, subjects)) == 0
    return out


def content(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "annotations.json").read_text())
    return read


def test_a_folder_is_consistent(folder: Path) -> None:
    said = content(folder)
    assert said["categories"] == list(CATEGORIES)
    assert [image["id"] for image in said["images"]] == [1, 2, 3, 4, 5, 6]
    assert [one["id"] for one in said["annotations"]] == list(range(1, len(said["annotations"]) + 1))
    assert len(said["annotations"]) >= 6
    sizes = {image["id"]: [image["height"], image["width"]] for image in said["images"]}
    assert any(height != width for height, width in sizes.values())
    for image in said["images"]:
        assert list(cv2.imread(str(folder / "images" / image["file_name"])).shape[:2]) == sizes[image["id"]]
    for one in said["annotations"]:
        mask = rle.decode(one["segmentation"])
        assert list(mask.shape) == sizes[one["image_id"]]
        assert one["area"] == mask.sum()
        assert one["bbox"] == list(cv2.boundingRect(np.ascontiguousarray(mask)))
        assert one["iscrowd"] == 0


def test_scenes_follow_from_seed_split_and_number(folder: Path, subjects: Path, tmp_path: Path) -> None:
    files = sorted(path.name for path in (folder / "images").iterdir())
    for out, change, same in (
        ("again", {}, True),
        ("more", {"count": 8}, True),
        ("seed", {"seed": 1}, False),
        ("val", {"split": "val"}, False),
    ):
        assert scenes.main(arguments(tmp_path / out, subjects, **change)) == 0  # type: ignore[arg-type]
        equal = [
            (folder / "images" / name).read_bytes() == (tmp_path / out / "images" / name).read_bytes() for name in files
        ]
        assert all(equal) if same else not any(equal)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["again", "more", "seed", "val"]


def test_a_finished_folder_is_kept_and_another_one_not_touched(
    folder: Path, subjects: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "annotations.json").stat().st_mtime_ns
    assert scenes.main(arguments(folder, subjects)) == 0
    assert "up to date" in capsys.readouterr().err
    assert scenes.main(arguments(folder, subjects, count=7)) == 2
    assert "holds something else; give an empty folder" in capsys.readouterr().err
    assert (folder / "annotations.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "count is 0; allowed: 1 to 999999"),
        ({"seed": -1}, "seed is -1; allowed: 0 or more"),
        ({"photos": "nowhere"}, "has photographs of 0 subjects; at least 3 are needed"),
    ],
)
def test_bad_input_is_status_2(
    subjects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    assert scenes.main(arguments(**{"out": tmp_path / "out", "photos": subjects, **change, **_path(change)})) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def _path(change: dict[str, Any]) -> dict[str, Path]:
    return {"photos": Path(change["photos"])} if "photos" in change else {}


def test_a_photograph_that_cannot_be_read_is_named_and_nothing_is_left(
    subjects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in subjects.rglob("*.png"):
        (tmp_path / "photos" / path.relative_to(subjects)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / path.relative_to(subjects)).write_bytes(path.read_bytes())
    (tmp_path / "photos" / "door.png").write_text("not an image")
    assert scenes.main(arguments(tmp_path / "out", tmp_path / "photos")) == 2
    assert "door.png is not an image that OpenCV can read" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
