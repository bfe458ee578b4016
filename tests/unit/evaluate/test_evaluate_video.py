"""Videos: read, written, refused; a video's detections are drawn frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from coco_material import detection, square

from cluster_app.evaluate import reel as reels
from cluster_app.evaluate import video
from cluster_app.evaluate.errors import BadInput
from cluster_app.evaluate.footage import CODECS, Writer, frames, look
from cluster_app.tasks import Bytes, Detection
from cluster_app.tasks.yolact import YolactTask

WIDTH, HEIGHT, RATE, COUNT = 64, 48, 12, 30


def made(path: Path, count: int = COUNT, rate: float = RATE) -> Path:
    """Frame n is grey of value 5 n, so that it can be told from the others."""
    with Writer(path, rate, (WIDTH, HEIGHT)) as sink:
        for index in range(count):
            sink.write(np.full((HEIGHT, WIDTH, 3), 5 * index % 250, np.uint8))
    return path


@pytest.mark.parametrize("suffix", CODECS)
def test_what_was_written_is_read(tmp_path: Path, suffix: str) -> None:
    found = look(made(tmp_path / f"a{suffix}"))
    assert (found.frames, found.rate, found.width, found.height) == (COUNT, RATE, WIDTH, HEIGHT)
    values = [float(frame.mean()) for frame in frames(found)]
    np.testing.assert_allclose(values, [5 * index for index in range(COUNT)], atol=4)


def test_what_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.mp4: there is no such file"):
        look(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("hello\n")
    (tmp_path / "empty.mp4").touch()
    for name in ("text.mp4", "empty.mp4"):
        with pytest.raises(BadInput, match=f"{name}: is not a video that can be decoded"):
            look(tmp_path / name)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(BadInput, match="holds a single picture"):
        look(tmp_path / "a.png")


def test_a_video_that_is_cut_off(tmp_path: Path) -> None:
    whole = made(tmp_path / "a.mp4", 200)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises(BadInput, match=r"cut\.mp4: is not a video"):
        look(cut)
    clip = made(tmp_path / "b.avi", 200)
    data = clip.read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(data[: len(data) // 2])
    with pytest.raises(BadInput, match=r"cut\.avi: breaks off after \d+ of 200 frames"):
        list(frames(look(cut)))


class FakeDetector:
    """Finds one object in every frame, and one that nobody would draw."""

    def __init__(self) -> None:
        self.task, self.seen = YolactTask(), 0

    def detect(self, image: Bytes) -> Sequence[Detection]:
        self.seen += 1
        height, width = image.shape[:2]
        mask = square(10, 10, 20, height=height, width=width)
        return [detection(mask, 0.9), detection(mask, 0.1)]


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> FakeDetector:
    fake = FakeDetector()
    monkeypatch.setattr(video, "read_model", lambda folder: SimpleNamespace(name=folder.name))
    monkeypatch.setattr(video, "open_detector", lambda *_: fake)
    return fake


def annotate(*words: Any) -> int:
    return video.main([*(str(word) for word in words), "--model", "model"])


def test_objects_are_drawn(tmp_path: Path, detector: FakeDetector, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = made(tmp_path / "a.mp4"), tmp_path / "out" / "b.mp4"
    assert annotate(source, target) == 0
    assert detector.seen == COUNT
    assert f"{target}: {COUNT} frames, {COUNT} objects drawn" in capsys.readouterr().out
    first, plain = next(frames(look(target))), next(frames(look(source)))
    assert look(target).rate == RATE
    inside, outside = (slice(14, 28), slice(14, 28)), (slice(36, 46), slice(40, 60))
    assert np.abs(first[inside].astype(int) - plain[inside]).max() > 50
    assert np.abs(first[outside].astype(int) - plain[outside]).max() < 16
    assert [path.name for path in target.parent.iterdir()] == ["b.mp4"]


def test_a_limit(tmp_path: Path, detector: FakeDetector) -> None:
    assert annotate(made(tmp_path / "a.mp4"), tmp_path / "b.webm", "--limit", 7) == 0
    assert detector.seen == look(tmp_path / "b.webm").frames == 7


REFUSED = [
    (("a.mp4", "b.gif"), "b.gif: its suffix is .gif; allowed: .mp4, .webm, .avi"),
    (("a.mp4", "b"), "b: its suffix is missing; allowed"),
    (("a.mp4", "there.mp4"), "there.mp4: is there already; give another name, or --force"),
    (("there.mp4", "b.mp4"), "there.mp4: is not a video"),
    (("a.mp4", "b.mp4", "--limit", 0), "limit is 0; allowed: 1 or more"),
    (("a.mp4", "b.mp4", "--least-score", 1.5), "least-score is 1.5; allowed: 0 to 1"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_is_refused_leaves_nothing(
    tmp_path: Path,
    detector: FakeDetector,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[Any, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "a.mp4")
    (tmp_path / "there.mp4").write_text("text")
    assert annotate(*words) == 2
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "there.mp4"]
    assert detector.seen == 0


def test_force_replaces_and_a_broken_source_replaces_nothing(tmp_path: Path, detector: FakeDetector) -> None:
    target = tmp_path / "b.avi"
    target.write_text("old")
    whole = made(tmp_path / "a.avi", 200).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    assert annotate(tmp_path / "cut.avi", target, "--force") == 2
    assert detector.seen > 0
    assert target.read_text() == "old"
    assert annotate(tmp_path / "a.avi", target, "--force") == 0
    assert look(target).frames == 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.avi", "b.avi", "cut.avi"]


def test_a_reel_plays_clips_at_their_own_speed_and_again(tmp_path: Path) -> None:
    """24 frames at 12 a second and 60 at 30: two seconds each; a reel of five seconds begins again after four."""
    clips = [made(tmp_path / "a.mp4", 24, 12), made(tmp_path / "b.mp4", 60, 30)]
    found = reels.reel(clips, 5, tmp_path / "videos")
    assert (found.frames, found.rate, (found.width, found.height)) == (300, 60, reels.SIZE)
    shown = [float(frame.mean()) for frame in frames(found)]
    # Each frame of a clip of 12 a second is shown five times, of 30 a second twice.
    for at, value in ((0, 0), (4, 0), (5, 5), (119, 115), (120, 0), (122, 5), (200, 200), (240, 0), (245, 5)):
        assert abs(shown[at] - value) < 6, at
    before = found.path.stat().st_mtime_ns
    assert reels.reel(clips, 5, tmp_path / "videos").path.stat().st_mtime_ns == before


def test_a_reel_of_another_length_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "reel-5s.mp4")
    with pytest.raises(BadInput, match=r"reel-5s\.mp4: has 30 frames, 5 s at 60 a second are 300; remove it"):
        reels.reel([], 5, tmp_path)
