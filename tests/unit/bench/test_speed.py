"""The timing program of `cluster_app`: interleaved, warmed up, and honest about its threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import pytest

from cluster_app.evaluate import speed
from cluster_app.evaluate.speed import Photo, Workload, main, read_photos, rounds, turn


def test_every_side_is_at_every_place_equally_often() -> None:
    names = ["a", "b", "c"]
    orders = [turn(names, number) for number in range(6)]
    for order in orders:
        assert sorted(order) == names
    for place in range(3):
        assert sorted(order[place] for order in orders) == ["a", "a", "b", "b", "c", "c"]


def workload(ran: list[tuple[str, int]]) -> Workload:
    def side(name: str) -> Callable[[int], int | None]:
        def run(index: int) -> int | None:
            ran.append((name, index))
            return 7 if name == "postprocess" else None

        return run

    photos = [Photo(f"{number}.png", np.zeros((4, 6 + number, 3), np.uint8)) for number in range(2)]
    return Workload(photos, MappingProxyType({name: side(name) for name in ("x", "postprocess")}), {})


def test_rounds_take_the_photographs_in_turn_and_leave_the_warm_up_out() -> None:
    ran: list[tuple[str, int]] = []
    seconds = iter(range(100))
    timings = list(rounds(workload(ran), warm_up=2, count=3, clock=lambda: float(next(seconds))))
    assert len(ran) == 2 * (2 + 3)
    assert [(one.round, one.photo, one.width) for one in timings[::2]] == [
        (0, "0.png", 6),
        (1, "1.png", 7),
        (2, "0.png", 6),
    ]
    assert {one.side for one in timings} == {"x", "postprocess"}
    assert all(one.seconds == 1.0 for one in timings)
    assert [one.detections for one in timings if one.side == "postprocess"] == [7, 7, 7]
    assert [one.detections for one in timings if one.side == "x"] == [None] * 3


def photographs(folder: Path) -> None:
    for name, (height, width) in {"small.png": (50, 60), "right.jpg": (80, 120), "large.png": (300, 400)}.items():
        cv2.imwrite(str(folder / name), np.zeros((height, width, 3), np.uint8))
    (folder / "broken.jpg").write_text("no image")


def test_photographs_are_chosen_by_size(tmp_path: Path) -> None:
    photographs(tmp_path)
    assert [photo.name for photo in read_photos(tmp_path, 100, 20_000)] == ["right.jpg"]
    assert len(read_photos(tmp_path, 1, 10**9)) == 3
    with pytest.raises(ValueError, match=r"no readable photograph .* side of 500 pixels or more"):
        read_photos(tmp_path, 500, 10**9)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "holds no manifest.json"),
        (["--threads", "2"], "OMP_NUM_THREADS is 1; set it to 2"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    given = ["--model", str(tmp_path), "--photos", str(tmp_path), "--side", "preprocess", *words]
    assert main(given) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert message in said.err
    assert len(said.err.splitlines()) == 1


def test_postprocessing_needs_a_backend() -> None:
    with pytest.raises(ValueError, match="needs the outputs of a backend"):
        speed.prepare(["postprocess"], None, [], 1)  # type: ignore[arg-type]
