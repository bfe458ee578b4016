"""The programs that run backends, end to end on a small network with drawn weights."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cluster_app.backends.folder import ModelFolder
from cluster_app.evaluate import models, table_1, video, video_benchmark
from cluster_app.evaluate.footage import Writer, look


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    rng = np.random.default_rng(0)
    with Writer(path, 25, (96, 64)) as sink:
        for _ in range(20):
            coarse = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
            sink.write(cv2.resize(coarse, (96, 64), interpolation=cv2.INTER_CUBIC))
    return path


def test_table_1(model: ModelFolder, clip: Path, tmp_path: Path) -> None:
    words = ["--model", model.path, "--videos", tmp_path / "videos", "--out", tmp_path / "bare.jsonl", "--clip", clip]
    sides = ["torch", "onnx", "openvino-fp32", "openvino-fp16"]
    chosen = [word for side in sides for word in ("--side", side)]
    rest = ["--node", "bare", "--case", "1:5", "--loads", "2"]
    assert video_benchmark.main([*map(str, words), *chosen, *rest]) == 0
    rows = [json.loads(line) for line in (tmp_path / "bare.jsonl").read_text().splitlines()]
    frames = [row for row in rows if row["kind"] == "frame"]
    assert len(frames) == 5 * len(sides)
    assert all(row[part] > 0 for row in frames for part in table_1.PARTS)
    assert {row["frame"] for row in frames} == {6, 18, 30, 42, 54}
    # Every backend saw the same frames: what is found in them is the same.
    for number in range(5):
        found = {row["detections"] for row in frames if row["round"] == number and row["side"] != "openvino-fp16"}
        assert len(found) == 1
    assert [row["side"] for row in rows if row["kind"] == "load"].count("openvino-fp16") == 2
    assert table_1.main(["--records", str(tmp_path / "bare.jsonl"), "--out", str(tmp_path / "table.json")]) == 0
    table = json.loads((tmp_path / "table.json").read_text())
    fp16, fp32 = (table["resources"][side] for side in sides[:1:-1])
    assert fp16["bytes"] < fp32["bytes"]
    assert fp16["rss_mb"] > 10
    assert table["cells"][0]["sides"]["onnx"]["arithmetic"] == ["f32"]


def test_a_side_that_cannot_run_ends_the_benchmark(
    model: ModelFolder, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", model.path, "--videos", tmp_path / "videos", "--out", tmp_path / "o.jsonl", "--clip", clip]
    rest = ["--node", "bare", "--case", "1:5", "--side", "onnx", "--side"]
    assert video_benchmark.main([*map(str, words), *rest, "openvino-int8"]) == 2
    told = capfd.readouterr().err
    assert "int8.xml: is missing" in told
    assert "openvino-int8: its process ended with status 2" in told
    assert video_benchmark.main([*map(str, words), *rest, "openvino-2021"]) == 3
    assert "this image lacks /opt/openvino-2021/bin/python3" in capfd.readouterr().err
    assert not (tmp_path / "o.jsonl").exists()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A COCO folder of two pictures with one object each."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(1)
    for index in (1, 2):
        cv2.imwrite(str(folder / "images" / f"{index}.png"), rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    corners = [10, 10, 50, 10, 50, 40, 10, 40]
    shape = {"iscrowd": 0, "area": 1200, "bbox": [10, 10, 40, 30], "segmentation": [corners], "category_id": 1}
    document = {
        "images": [{"id": index, "file_name": f"{index}.png", "width": 80, "height": 60} for index in (1, 2)],
        "annotations": [{"id": index, "image_id": index, **shape} for index in (1, 2)],
        "categories": [{"id": 1, "name": "star"}],
    }
    (folder / "annotations.json").write_text(json.dumps(document))
    return folder


def evaluate(model: Path, data: Path, out: Path, *words: str) -> int:
    return models.main(["--model", str(model), "--data", str(data), "--out", str(out), *words])


def test_all_backends_on_a_folder(model: ModelFolder, data: Path, tmp_path: Path) -> None:
    kinds = ["torch", "onnx", "openvino-fp32", "openvino-fp16"]
    assert evaluate(model.path, data, tmp_path / "out", *(word for kind in kinds for word in ("--backend", kind))) == 0
    content = json.loads((tmp_path / "out" / "accuracy.json").read_text())
    assert list(content["backends"]) == kinds
    assert (content["images"], content["objects"], content["seeded"]) == (2, 2, True)
    assert content["backends"]["onnx"]["mask"]["AP"]["value"] is not None
    rows = list(csv.DictReader((tmp_path / "out" / "accuracy.csv").open()))
    assert {row["backend"] for row in rows} == set(kinds)
    found = json.loads((tmp_path / "out" / "detections" / "torch.json").read_text())
    assert {row["image_id"] for row in found} <= {1, 2}
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "accuracy.json",
        "accuracy.csv",
        "accuracy.md",
        "boundary-iou.svg",
        "boundary-iou.png",
        "detections",
    }


def test_what_evaluate_models_refuses(
    model: ModelFolder, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(tmp_path.iterdir())
    assert evaluate(model.path, data, tmp_path / "out", "--backend", "openvino-int8") == 2
    assert "int8.xml: is missing" in capsys.readouterr().err
    assert evaluate(data, data, tmp_path / "out") == 2
    assert "holds no manifest.json" in capsys.readouterr().err
    assert evaluate(model.path, tmp_path / "none", tmp_path / "out") == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert evaluate(model.path, data, tmp_path / "out", "--backend", "openvino-2021") == 3
    assert "openvino-2021" in capsys.readouterr().err
    assert evaluate(model.path, data, data) == 2
    assert "is there already" in capsys.readouterr().err
    document = json.loads((data / "annotations.json").read_text())
    document["categories"] = [{"id": 1, "name": "star"}, {"id": 99, "name": "zebra"}]
    (data / "annotations.json").write_text(json.dumps(document))
    assert evaluate(model.path, data, tmp_path / "out") == 2
    assert f"categories: id 99 is 'zebra', in {model.name} it is 'no class'" in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


def test_a_video(model: ModelFolder, clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    assert video.main([str(clip), str(target), "--model", str(model.path), "--backend", "onnx", "--limit", "4"]) == 0
    assert look(target).frames == 4
