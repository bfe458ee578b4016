"""The plain build, from photographs to a folder with a manifest, at a size that is quick."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino as ov
import pytest
import torch

from cluster_app.network import artefacts, build
from cluster_app.network.configurations import configuration
from cluster_app.network.export import export_onnx
from cluster_app.network.manifest import sha256
from cluster_app.network.model import Yolact
from cluster_app.network.priors import priors_module, split_priors
from cluster_app.network.simplify import simplify
from cluster_app.tasks.yolact import YolactConfig
from cluster_app.tasks.yolact.config import OUTPUT_NAMES
from cluster_app.tasks.yolact.priors import make_priors

SIZE = 96
CONFIG = YolactConfig(image_size=SIZE)


@pytest.fixture(scope="module")
def built(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models")
    assert build.main(["--out", str(out), "--photos", str(photos), "--size", str(SIZE)]) == 0
    assert [path.name for path in out.iterdir()] == [f"yolact-r50-{SIZE}"]
    return out / f"yolact-r50-{SIZE}"


@pytest.fixture
def manifest(built: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((built / "manifest.json").read_text())
    return content


def test_folder_is_complete_and_digests_are_right(built: Path, manifest: dict[str, Any]) -> None:
    names = {"weights.pth", "model.onnx", "priors.npy", "priors.onnx"}
    names |= {"fp32.xml", "fp32.bin", "fp16.xml", "fp16.bin"}
    assert {path.name for path in built.iterdir()} == {*names, "manifest.json"}
    assert manifest["files"].keys() == names
    for name, said in manifest["files"].items():
        assert said == {"bytes": (built / name).stat().st_size, "sha256": sha256(built / name)}


def test_manifest_says_what_the_model_is(manifest: dict[str, Any]) -> None:
    assert manifest["schema"] == 1
    assert manifest["backbone"] == "r50"
    assert manifest["seeded"] is True
    assert "mean nothing" in manifest["note"]
    assert manifest["input"]["shape"] == [1, 3, SIZE, SIZE]
    assert manifest["outputs"] == {name: list(shape) for name, shape in CONFIG.output_shapes.items()}
    assert len(manifest["categories"]) == 80
    assert manifest["categories"][79] == {"id": 90, "name": "toothbrush"}
    assert manifest["tools"]["openvino"] == "2023.3.0"
    assert manifest["onnx"]["operators_removed"]["Constant"] > 0
    for found in manifest["calibration"]["photographs"]:
        assert 20 <= found["over_threshold"] <= 100
        assert found["classes"] >= 3


def test_manifest_says_what_each_artefact_is(manifest: dict[str, Any]) -> None:
    told = manifest["artefacts"]
    assert list(told) == ["model", "fp32", "fp16"]
    assert [one["storage"] for one in told.values()] == ["FP32", "FP32", "FP16"]
    for one in told.values():
        assert one["arithmetic"] == "f32"
        assert one["preprocessing"] == "outside"
        assert one["input"] == manifest["input"]
        assert one["source_sha256"] == manifest["files"][one["source"]]["sha256"]
    assert told["fp32"]["executed_layers"] == {"f32": 53 + 8 + 5 + 5 * 4}
    assert {"weights", "onnx", "fp32", "fp16", "comparison with PyTorch"} <= manifest["seconds"].keys()


def test_weights_are_those_of_the_network_in_pytorch(built: Path) -> None:
    model = Yolact(CONFIG).eval()
    model.load_state_dict(torch.load(built / "weights.pth", weights_only=True))
    image = torch.randn(1, 3, SIZE, SIZE)
    session = onnxruntime.InferenceSession(str(built / "model.onnx"))
    exported = session.run(list(OUTPUT_NAMES), {"input": image.numpy()})
    for ours, theirs in zip(model(image), exported, strict=True):
        np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-3)


def test_differences_are_measured_and_allowed(manifest: dict[str, Any]) -> None:
    assert len(manifest["verification"]["images"]) == 3
    for stem, said in manifest["verification"]["artefacts"].items():
        assert said["differences"].keys() == set(OUTPUT_NAMES)
        for name, difference in said["differences"].items():
            assert 0 < difference["absolute"] <= said["allowed"]["absolute"][name], (stem, name)
            assert 0 < difference["rms"] <= said["allowed"]["rms"], (stem, name)
            assert difference["relative"] > 0
        assert said["detections"]["torch"] > 50
        assert said["detections"]["share"] >= said["allowed"]["matched"]


def test_fp16_is_stored_in_half_the_bytes(built: Path, manifest: dict[str, Any]) -> None:
    assert manifest["artefacts"]["fp16"]["constant_bytes"].keys() == {"f16", "i64"}
    assert manifest["artefacts"]["fp32"]["constant_bytes"].keys() == {"f32", "i64"}
    ratio = (built / "fp16.bin").stat().st_size / (built / "fp32.bin").stat().st_size
    assert ratio == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("kind", ["fp32", "fp16"])
def test_ir_has_the_names_that_the_cluster_asks_for(built: Path, kind: str) -> None:
    model = ov.Core().read_model(str(built / f"{kind}.xml"))
    assert [port.get_any_name() for port in model.inputs] == ["input"]
    assert [port.get_any_name() for port in model.outputs] == list(OUTPUT_NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from openvino.inference_engine import IECore  # the interface that BigDL's estimator uses

        network = IECore().read_network(str(built / f"{kind}.xml"), str(built / f"{kind}.bin"))
    assert set(network.input_info) == {"input"}
    assert set(network.outputs) == set(OUTPUT_NAMES)


def test_priors_are_split_off_and_the_same_everywhere(built: Path) -> None:
    graph = onnx.load(str(built / "model.onnx")).graph
    assert [output.name for output in graph.output] == list(OUTPUT_NAMES)
    assert "priors" not in {tensor.name for tensor in graph.initializer}
    from_array = np.load(built / "priors.npy")
    (from_module,) = onnxruntime.InferenceSession(str(built / "priors.onnx")).run(None, {})
    np.testing.assert_array_equal(from_array, make_priors(CONFIG))
    np.testing.assert_array_equal(from_module, from_array)


def test_priors_module_at_550_is_as_large_as_the_papers(tmp_path: Path) -> None:
    path = tmp_path / "priors.onnx"
    onnx.save(priors_module(make_priors(YolactConfig())), str(path))
    assert round(path.stat().st_size / 1024) == 301


@pytest.mark.parametrize(("name", "convolutions"), [("r50", 53), ("r101", 104)])
def test_export_has_fixed_sizes_in_opset_11(tmp_path: Path, name: str, convolutions: int) -> None:
    export_onnx(Yolact(configuration(name, SIZE)).eval(), tmp_path / "x.onnx")
    exported = onnx.load(str(tmp_path / "x.onnx"))
    assert exported.opset_import[0].version == 11
    assert [output.name for output in exported.graph.output] == [*OUTPUT_NAMES, "priors"]
    simplified = simplify(exported)
    assert {"Resize", "Conv", "Softmax"} <= simplified.after.keys()
    assert not {"Shape", "Constant", "Gather", "If", "Loop"} & simplified.after.keys()
    # Pyramid, prototypes, and a head on each of five levels; semantic_seg_conv is for training only.
    assert simplified.after["Conv"] == convolutions + 8 + 5 + 5 * 4


def test_splitting_twice_is_refused(tmp_path: Path) -> None:
    export_onnx(Yolact(CONFIG).eval(), tmp_path / "x.onnx")
    model = simplify(onnx.load(str(tmp_path / "x.onnx"))).model
    split_priors(model)
    with pytest.raises(ValueError, match="0 constants and 0 outputs named 'priors'"):
        split_priors(model)


def digests(folder: Path) -> dict[str, str]:
    """Of the files with numbers in them: an .xml numbers its nodes on within a process."""
    return {path.name: sha256(path) for path in folder.iterdir() if path.suffix in {".bin", ".npy", ".onnx"}}


def test_a_second_build_gives_the_same_numbers_and_replaces_the_first(
    photos: Path, built: Path, tmp_path: Path
) -> None:
    old = tmp_path / f"yolact-r50-{SIZE}"
    old.mkdir()
    (old / "leftover").touch()
    assert build.main(["--out", str(tmp_path), "--photos", str(photos), "--size", str(SIZE)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
    assert not (old / "leftover").exists()
    assert len(digests(built)) == 5
    assert digests(old) == digests(built)


def test_a_failed_check_leaves_the_old_folder_and_nothing_else(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / f"yolact-small-{SIZE}"
    old.mkdir()
    (old / "kept").touch()
    absolute = {**artefacts._HALF.absolute, "mask": 1e-9}
    monkeypatch.setattr(artefacts, "_HALF", artefacts.Limits(absolute, rms=1.0, matched=0.0))
    arguments = ["--out", str(tmp_path), "--photos", str(photos), "--configuration", "small", "--size", str(SIZE)]
    assert build.main(arguments) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: yolact-small-{SIZE}: fp16 differs from PyTorch in mask by ")
    assert "loc" not in error
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
    assert [path.name for path in old.iterdir()] == ["kept"]


def test_weights_from_a_file_are_taken_as_they_are(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Yolact(CONFIG)
    # Class 1 wins everywhere: trained weights stand in for it here.
    model.prediction_layers[0].conf_layer.bias[1::81] = 5.0
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    arguments = ["--out", str(tmp_path / "out"), "--photos", str(photos), "--size", str(SIZE)]
    assert build.main([*arguments, "--weights", str(tmp_path / "weights.pth")]) == 0
    said = json.loads((tmp_path / "out" / f"yolact-r50-{SIZE}" / "manifest.json").read_text())
    assert said["seeded"] is False
    assert "mean nothing" not in said["note"]
    assert said["source"] == {"sha256": sha256(tmp_path / "weights.pth"), "seed": None}
    assert said["calibration"]["background_bias"] is None


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--size", "32"], "image_size is 32; allowed: 64 to 1400"),
        (["--size", "96", "--weights", "/nowhere.pth"], "/nowhere.pth: is not a file"),
        (["--size", "96", "--photos", "/nowhere"], "/nowhere has 0 readable photographs"),
    ],
)
def test_bad_input_is_status_2(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], message: str
) -> None:
    assert build.main(["--out", str(tmp_path), "--photos", str(photos), *extra]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
