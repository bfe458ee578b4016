"""The full build of the small configuration, end to end: INT8, preprocessing inside, pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest

from cluster_app.backends.openvino_backend import settings
from cluster_app.network import build, quantise
from cluster_app.network.artefacts import FULL, INSIDE
from cluster_app.network.material import synthetic_scenes
from cluster_app.network.photos import Photo, read_photos
from cluster_app.network.prepost import open_embedded
from cluster_app.network.training.classes import CLASSES
from cluster_app.network.verify import executed_layers
from cluster_app.tasks import Bytes
from cluster_app.tasks.yolact.config import MEAN_BGR, OUTPUT_NAMES, STD_BGR
from cluster_app.tasks.yolact.preprocess import preprocess

SIZE = 96


@pytest.fixture(scope="module")
def built(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models")
    arguments = ["--configuration", "small", "--size", str(SIZE), "--full", "--quantise-on", "8"]
    assert build.main(["--out", str(out), "--photos", str(photos), *arguments]) == 0
    return out / f"yolact-small-{SIZE}"


@pytest.fixture
def manifest(built: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((built / "manifest.json").read_text())
    return content


def test_every_artefact_is_there_and_described(built: Path, manifest: dict[str, Any]) -> None:
    told = manifest["artefacts"]
    assert list(told) == [artefact.stem for artefact in FULL]
    for stem, one in told.items():
        assert (built / one["file"]).stat().st_size > 0
        assert one["storage"] == {"int8": "INT8", "fp16": "FP16"}.get(stem.removesuffix("-u8"), "FP32")
        assert one["preprocessing"] == ("inside" if stem.endswith("-u8") else "outside")
        assert one["source_sha256"] == manifest["files"][one["source"]]["sha256"]
    assert told["int8-u8"]["input"]["element_type"] == "u8"
    assert told["int8-u8"]["input"]["shape"] == [1, None, None, 3]
    assert [one["name"] for one in manifest["categories"]] == list(CLASSES)
    assert manifest["quantisation"]["images"] == 8
    assert manifest["tools"]["nncf"] == "2.8.1"
    assert manifest["seconds"]["int8"] > 0


def test_int8_stores_and_computes_in_int8(built: Path, manifest: dict[str, Any]) -> None:
    model = ov.Core().read_model(str(built / "int8.xml"))
    assert sum(node.get_type_name() == "FakeQuantize" for node in model.get_ops()) > 40
    for stem in ("int8", "int8-u8"):
        told = manifest["artefacts"][stem]
        assert told["arithmetic"] == "int8"
        assert told["executed_layers"]["int8"] > 10 * told["executed_layers"].get("f32", 0)
        assert told["constant_bytes"]["i8"] > 10 * told["constant_bytes"]["f32"]
    assert manifest["artefacts"]["fp32"]["executed_layers"].keys() == {"f32"}
    assert manifest["artefacts"]["fp16-u8"]["constant_bytes"]["f16"] > 100_000
    assert (built / "int8.bin").stat().st_size < 0.35 * (built / "fp32.bin").stat().st_size


def test_each_artefact_is_compared_and_int8_is_not_exact(manifest: dict[str, Any]) -> None:
    compared = manifest["verification"]["artefacts"]
    assert list(compared) == [artefact.stem for artefact in FULL]
    rms = {stem: max(one["rms"] for one in said["differences"].values()) for stem, said in compared.items()}
    assert rms["model"] < 1e-4 < rms["fp16"] < rms["int8"]
    assert all(said["detections"]["torch"] > 50 for said in compared.values())


def test_pictures_show_a_panel_for_each(built: Path) -> None:
    pictures = sorted(built.glob("seen-*.png"))
    assert [picture.name for picture in pictures] == ["seen-1.png", "seen-2.png", "seen-3.png"]
    for picture in pictures:
        pixels = cv2.imread(str(picture))
        assert pixels.shape[1] == 5 * 480 + 6 * 6


@pytest.mark.parametrize("artefact", INSIDE, ids=lambda artefact: artefact.stem)
def test_preprocessing_inside_equals_the_one_outside(built: Path, photos: Path, artefact: Any) -> None:
    plain = ov.Core().compile_model(str(built / artefact.source), "CPU", settings("f32", 1))
    run = open_embedded(built / artefact.file, 1)
    for photo in read_photos(photos):
        inside, outside = run(photo.pixels), plain([preprocess(photo.pixels, SIZE)])
        for name in OUTPUT_NAMES:
            error = np.sqrt(np.square(inside[name] - outside[name]).mean())
            # A value at the edge of an INT8 step may round to the other side.
            allowed = 0.05 if artefact.storage == "INT8" else 1e-3
            assert error <= allowed * np.sqrt(np.square(outside[name]).mean()), name


def embedded_input(image: Bytes, folder: Path) -> np.ndarray:
    """What the network would be given: the steps in front of a network that does nothing."""
    from openvino.runtime import opset10

    from cluster_app.network.prepost import embed_preprocessing

    parameter = opset10.parameter([1, 3, SIZE, SIZE], np.float32)
    parameter.output(0).tensor.set_names({"input"})
    result = opset10.add(parameter, np.float32(0))
    result.output(0).tensor.set_names({"result"})
    ov.save_model(ov.Model([result], [parameter]), str(folder / "nothing.xml"), compress_to_fp16=False)
    embed_preprocessing(folder / "nothing.xml", folder / "inside.xml")
    compiled = ov.Core().compile_model(str(folder / "inside.xml"), "CPU", settings("f32", 1))
    return np.array(compiled([image[None]])["result"])


@pytest.mark.parametrize("shape", [(SIZE, SIZE), (40, 60), (333, 250), (97, 500), (1, 1)])
def test_what_the_network_is_given_is_the_same(tmp_path: Path, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    inside = embedded_input(image, tmp_path)
    np.testing.assert_allclose(inside, preprocess(image, SIZE), atol=5e-4)
    assert np.abs(inside).max() > 0.5
    if shape == (1, 1):
        expected = (image[0, 0] - np.array(MEAN_BGR)) / np.array(STD_BGR)
        np.testing.assert_allclose(inside[0, :, 5, 5], expected[::-1], atol=1e-4)


def test_few_photographs_become_many_images_deterministically(photos: Path) -> None:
    few = read_photos(photos)
    many = quantise.augmented(few, 20)
    assert len(many) == 20
    assert list(many[:6]) == few
    again = quantise.augmented(few, 20)
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(many, again, strict=True))
    assert len({one.name for one in many}) == 20
    for one in many[6:]:
        assert min(one.pixels.shape[:2]) >= 50
    assert [one.name for one in quantise.augmented(few, 2)] == [one.name for one in few[:2]]


def test_layers_can_be_left_in_floating_point(photos: Path, built: Path, tmp_path: Path) -> None:
    kept = [".*/bbox_layer.*", ".*/proto_net.10.*"]
    quantise.quantise(built / "fp32.xml", tmp_path / "int8.xml", read_photos(photos), SIZE, kept)
    before = executed_layers(built / "int8.xml")
    after = executed_layers(tmp_path / "int8.xml")
    # A head's layer is there once for each of five levels.
    assert after["f32"] == before.get("f32", 0) + 5 + 1
    assert sum(after.values()) == sum(before.values())


def test_a_layer_that_is_not_there_is_named(photos: Path, built: Path, tmp_path: Path) -> None:
    with pytest.raises(quantise.UnknownLayer, match=r"--float-layer \.\*nose\.\*: no layer has such a name; one is '"):
        quantise.quantise(built / "fp32.xml", tmp_path / "int8.xml", read_photos(photos), SIZE, [".*nose.*"])
    assert list(tmp_path.iterdir()) == []


def test_trained_weights_get_scenes(photos: Path) -> None:
    material = synthetic_scenes(photos, 3)
    assert [len(material.quantise), len(material.check)] == [3, 12]
    assert material.hold_objects
    assert isinstance(material.check[0], Photo)
    names = {one.name for one in material.quantise} & {one.name for one in material.check}
    assert not names
