"""The report's small parts: numbers as text, pictures, targets."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from experiments.report.pictures import load_pictures
from experiments.report.targets import targets
from experiments.report.text import (
    count_text,
    fixed_text,
    joined,
    measured_text,
    memory_text,
    number_text,
    percent_text,
)


@pytest.mark.parametrize(
    ("value", "measured", "setting"),
    [
        (0, "0.000", "0"),
        (0.0312, "0.031", "0.031"),
        (0.5, "0.500", "0.5"),
        (0.9996, "1.00", "1"),
        (2.304, "2.30", "2.3"),
        (9.996, "10.0", "10"),
        (33, "33.0", "33"),
        (99.96, "100", "100"),
        (200, "200", "200"),
        (1743, "1,743", "1,743"),
        (-3.7, "-3.70", "-3.7"),
    ],
)
def test_numbers(value: float, measured: str, setting: str):
    assert (measured_text(value), number_text(value)) == (measured, setting)


def test_words():
    assert fixed_text(1234.5678, 1) == "1,234.6"
    assert (memory_text(512), memory_text(3584)) == ("512 MB", "3.5 GB")
    assert (count_text(1, "image"), count_text(1743, "image")) == ("1 image", "1,743 images")
    assert percent_text(0.357) == "36 %"
    assert [joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_targets_of_a_bare_machine_and_of_a_second_run():
    assert targets(bare=True)["demo_seconds"] == 1500
    assert targets(bare=False)["demo_seconds"] == 540
    assert targets(bare=True)["yarn_canary_seconds"] == 60


def _paint(folder: Path, name: str, size: tuple[int, int]) -> str:
    Image.effect_noise(size, 80).convert("RGB").save(folder / name)
    return name


def _sides(uri: str) -> tuple[int, int]:
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        assert image.format == "JPEG"
        return image.size


def test_pictures_are_at_most_640_px_and_not_enlarged(tmp_path: Path):
    names = [_paint(tmp_path, "cats%2Fa%20b.jpg.png", (1000, 500)), _paint(tmp_path, "small.png.png", (100, 80))]
    large, small = load_pictures(tmp_path, names)
    assert (large.image, large.width, large.height) == ("cats/a b.jpg", 640, 320)
    assert _sides(large.uri) == (640, 320)
    assert (small.image, _sides(small.uri)) == ("small.png", (100, 80))


def test_pictures_shrink_before_any_is_left_out(tmp_path: Path):
    names = [_paint(tmp_path, f"{number}.png", (640, 640)) for number in range(4)]
    whole = sum(len(base64.b64decode(one.uri.partition(",")[2])) for one in load_pictures(tmp_path, names))
    shrunk = load_pictures(tmp_path, names, budget=whole // 2)
    assert [one.width for one in shrunk] in ([480] * 4, [320] * 4)
    few = load_pictures(tmp_path, names, budget=whole // 8)
    assert [one.image for one in few] == ["0"] or [one.image for one in few] == ["0", "1"]
    assert all(one.width == 320 for one in few)
