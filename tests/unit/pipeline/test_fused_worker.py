"""What the fused engine does with one file, with a network that is a function of the test's."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from cluster_app.pipeline import cpu_share, fingerprint, fused_worker, images
from cluster_app.pipeline.decoding import decode, decode_for_network, reduction
from cluster_app.pipeline.fused_worker import ModelSettings, Segmenter, segment, segment_image
from cluster_app.pipeline.rows import ImageRow
from cluster_app.pipeline.worker_report import Tally
from cluster_app.tasks import Detection, PostprocessOptions
from cluster_app.tasks.yolact.adapter import YolactTask

HOST = "worker-1"


class Finder(YolactTask):
    """Finds one object, whose score says what it was given."""

    def postprocess(
        self, outputs: Mapping[str, Any], priors: Any, height: int, width: int, options: PostprocessOptions
    ) -> list[Detection]:
        assert options == PostprocessOptions()
        assert priors.shape == (0, 4)
        score = float(outputs["mean"][0])
        return [Detection(1, score, (0.0, 0.0, width, height), {"size": [height, width], "counts": ""})]


def mean(pixels: Any) -> Mapping[str, Any]:
    assert pixels.dtype == np.uint8
    return {"mean": np.array([pixels.mean()])}


def row_of(content: bytes, infer: Any = mean, task: Any = None) -> tuple[ImageRow, Tally]:
    tally = Tally()
    segmenter = Segmenter(task or Finder(), np.zeros((0, 4), np.float32), PostprocessOptions(), infer)
    return segment_image("a.png", content, segmenter, HOST, tally), tally


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_good_image_gets_its_row_and_its_time() -> None:
    row, tally = row_of(encoded(Image.new("RGB", (7, 5), (90, 90, 90))))
    assert (row.status, row.error, row.host, row.width, row.height) == ("ok", None, HOST, 7, 5)
    assert row.detections[0].score == 90
    assert tally.images == 1
    assert min(tally.decode_seconds, tally.infer_seconds, tally.postprocess_seconds) > 0


@pytest.mark.parametrize(("content", "status"), [(b"", "corrupt"), (b"text", "unsupported")])
def test_what_is_no_image_never_reaches_the_network(content: bytes, status: str) -> None:
    row, tally = row_of(content, infer=None)
    assert (row.status, row.host, row.detections) == (status, None, ())
    assert tally.images == 1
    assert tally.infer_seconds == 0


def test_what_the_decoder_gives_up_on_is_corrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    row, _ = row_of(encoded(Image.new("L", (7, 5))), infer=None)
    assert (row.status, row.error, row.width) == ("corrupt", "its image data cannot be decoded", 7)


@pytest.mark.parametrize("step", ["inference", "post-processing"])
def test_an_image_that_fails_has_a_row_that_says_where(step: str) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("no more memory")

    task = Finder()
    if step == "post-processing":
        task.postprocess = fail  # type: ignore[method-assign]
    row, _ = row_of(encoded(Image.new("L", (7, 5))), infer=fail if step == "inference" else mean, task=task)
    assert (row.status, row.host) == ("failed", HOST)
    assert row.error == f"{step}: RuntimeError: no more memory"


def test_decoding_rules() -> None:
    colour = Image.new("RGB", (2, 3), (10, 20, 30))
    bgr = np.broadcast_to(np.array([30, 20, 10], np.uint8), (3, 2, 3))
    alpha = colour.copy()
    alpha.putalpha(Image.new("L", (2, 3), 7))
    for picture in (colour, alpha, colour.convert("P", palette=Image.Palette.ADAPTIVE)):
        assert np.array_equal(decode(encoded(picture)), bgr)
    assert np.array_equal(decode(encoded(Image.new("L", (2, 3), 9))), np.full((3, 2, 3), 9))
    assert np.array_equal(decode(encoded(Image.new("LA", (2, 3), (9, 5)))), np.full((3, 2, 3), 9))
    # The high byte of 16 bits.
    deep = cv2.imencode(".png", np.full((3, 2), 0x12FF, np.uint16))[1].tobytes()
    assert images.inspect(deep).deep
    assert np.array_equal(decode(deep), np.full((3, 2, 3), 0x12))
    # An orientation in EXIF turns nothing.
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(colour, "JPEG", exif=exif)).shape == (3, 2, 3)
    assert decode(b"no image") is None


@pytest.mark.parametrize(
    ("width", "height", "by"), [(4000, 4000, 1), (4001, 4000, 2), (8000, 8000, 2), (8001, 8000, 4), (10_000, 10_000, 4)]
)
def test_large_images_are_reduced(width: int, height: int, by: int) -> None:
    assert reduction(images.Inspection(images.OK, None, width, height)) == by


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_reduced_image_keeps_the_size_of_its_row(kind: str) -> None:
    content = encoded(Image.new("RGB", (5000, 4000), (90, 90, 90)), kind)
    seen = images.inspect(content)
    assert decode_for_network(content, seen).shape == (2000, 2500, 3)
    row, _ = row_of(content)
    assert (row.width, row.height) == (5000, 4000)
    assert row.detections[0].segmentation["size"] == [4000, 5000]


def test_the_model_is_told_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_share, "cores", lambda: 8)
    monkeypatch.setattr(cpu_share, "quota", lambda: None)
    settings = ModelSettings("file:/srv/in/model/fp32.xml", "bf16", 3)
    assert settings.path == "/srv/in/model/fp32.xml"
    assert json.loads(json.dumps(settings.compile_settings())) == {
        "INFERENCE_PRECISION_HINT": "bf16",
        "INFERENCE_NUM_THREADS": 3,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    }


def test_a_task_holds_one_file_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows leave as files come: a task that collected them would hold all of its input."""
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))
    monkeypatch.setattr(fused_worker, "_inference", lambda *_: mean)
    monkeypatch.setattr(fused_worker, "pack", lambda row: row.image.encode())
    content, taken, said = encoded(Image.new("RGB", (7, 5), (90, 90, 90))), [0], []

    def files() -> Iterator[Any]:
        for number in range(500):
            taken[0] = number + 1
            yield {"path": [f"file:/in/{number}.png"], "content": [content]}

    settings = ModelSettings("file:/srv/in/model/fp32.xml", "f32", 1)
    inputs = (settings, Finder(), np.zeros((0, 4), np.float32), PostprocessOptions(), said.append)
    rows = segment(files(), "file:/in", *inputs)
    for number in range(500):
        assert next(rows)["image"] == [f"{number}.png"]
        assert taken[0] == number + 1
    assert list(rows) == []
    (tally,) = said[0].values()
    assert tally.images == 500


@pytest.mark.parametrize(("side", "status"), [(10_000, "ok"), (10_001, "unsupported")])
def test_the_largest_image_that_is_accepted(side: int, status: str) -> None:
    """100 megapixels, by what the file says of itself; a larger one is not decoded."""
    blank = cv2.imencode(".png", np.zeros((side, 10_000), np.uint8))[1].tobytes()
    row, _ = row_of(blank, infer=mean if status == "ok" else None)
    assert (row.status, row.width, row.height) == (status, 10_000, side)
    assert row.error is None or "100 megapixels; at most 100 are supported" in row.error


@pytest.mark.parametrize("shift", [0, 40])
def test_a_row_whose_network_saw_another_input_is_reported(shift: int) -> None:
    def infer(pixels: Any) -> Mapping[str, Any]:
        seen = np.clip(pixels.astype(np.int16) + shift, 0, 255).astype(np.uint8)
        return {**mean(pixels), fingerprint.OUTPUT: fingerprint.of_tensor(Finder().preprocess(seen, 64))}

    tally = Tally()
    segmenter = Segmenter(Finder(), np.zeros((0, 4), np.float32), PostprocessOptions(), infer, 64)
    row = segment_image("a.png", encoded(Image.new("RGB", (70, 50), (90, 90, 90))), segmenter, HOST, tally)
    assert row.status == "ok"
    assert (tally.verified, tally.wrong) == (1, ["a.png"] if shift else [])
