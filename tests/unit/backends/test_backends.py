"""Each backend gives what Torch gives, in the arithmetic and with the threads that were asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from cluster_app.backends import KINDS, Unavailable, open_backend
from cluster_app.backends.arithmetic import compiled_arithmetic
from cluster_app.backends.folder import ModelFolder
from cluster_app.tasks.yolact.config import OUTPUT_NAMES

ALLOWED = {"onnx": 1e-4, "openvino-fp32": 1e-4, "openvino-fp16": 2e-2, "openvino-bf16": 0.2}


@pytest.fixture(scope="module")
def image(model: ModelFolder) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1, 3, model.image_size, model.image_size)).astype(np.float32)


def has_bf16() -> bool:
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.mark.parametrize("kind", ALLOWED)
def test_a_backend_agrees_with_torch(model: ModelFolder, image: np.ndarray, kind: str) -> None:
    if kind == "openvino-bf16" and not has_bf16():
        with pytest.raises(Unavailable, match="does not compute in BF16"):
            open_backend(kind, model)
        return
    reference = open_backend("torch", model).run(image)
    backend = open_backend(kind, model)
    found = backend.run(image)
    assert set(found) == set(OUTPUT_NAMES)
    for name, expected in reference.items():
        assert found[name].shape == expected.shape
        assert found[name].dtype == np.float32
        spread = float(expected.std())
        assert np.abs(found[name] - expected).max() <= ALLOWED[kind] * max(1.0, spread), name
    assert backend.arithmetic == (("bf16",) if kind == "openvino-bf16" else ("f32",))
    assert backend.name == kind


@pytest.mark.parametrize("kind", ["torch", "onnx", "openvino-fp32"])
def test_results_are_kept_when_the_next_image_comes(model: ModelFolder, image: np.ndarray, kind: str) -> None:
    backend = open_backend(kind, model)
    first = backend.run(image)
    copies = {name: array.copy() for name, array in first.items()}
    backend.run(np.zeros_like(image))
    for name, array in first.items():
        np.testing.assert_array_equal(array, copies[name])


@pytest.mark.parametrize("kind", ["torch", "onnx", "openvino-fp32"])
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_those_asked_for(model: ModelFolder, kind: str, threads: int) -> None:
    assert open_backend(kind, model, threads).threads == threads


def test_what_cannot_be_opened(model: ModelFolder) -> None:
    with pytest.raises(ValueError, match="backend 'caffe': unknown; allowed: torch, onnx"):
        open_backend("caffe", model)
    with pytest.raises(ValueError, match="threads is 0; allowed: 1 or more"):
        open_backend("torch", model, 0)
    with pytest.raises(ValueError, match=r"int8\.xml: is missing; `make model`"):
        open_backend("openvino-int8", model)
    with pytest.raises(Unavailable, match="openvino-2021: "):
        open_backend("openvino-2021", model)
    assert KINDS[-1] == "openvino-2021"


@pytest.mark.parametrize(
    ("kind", "file"), [("torch", "weights.pth"), ("onnx", "model.onnx"), ("openvino-fp32", "fp32.xml")]
)
def test_a_damaged_artefact_is_named(model: ModelFolder, tmp_path: Path, kind: str, file: str) -> None:
    folder = tmp_path / model.name
    shutil.copytree(model.path, folder)
    (folder / file).write_bytes((folder / file).read_bytes()[:500])
    with pytest.raises(ValueError, match=file):
        open_backend(kind, ModelFolder.read(folder))


def test_an_int8_artefact_that_is_none_is_refused(model: ModelFolder, tmp_path: Path) -> None:
    folder = tmp_path / model.name
    shutil.copytree(model.path, folder)
    for suffix in (".xml", ".bin"):
        shutil.copy(folder / f"fp32{suffix}", folder / f"int8{suffix}")
    with pytest.raises(ValueError, match=r"openvino-int8: asked to compute in f32 and int8, .* computes in f32"):
        open_backend("openvino-int8", ModelFolder.read(folder))


def graph(*precisions: str) -> str:
    layers = (f'<layer type="Convolution"><data runtimePrecision="{one}"/></layer>' for one in precisions)
    return f"<net>{''.join(layers)}</net>"


@pytest.mark.parametrize(
    ("precisions", "floating", "quantised", "fine"),
    [
        (["FP32"], "f32", False, True),
        (["BF16"], "f32", False, False),
        (["BF16"], "bf16", False, True),
        (["FP32", "BF16"], "bf16", False, False),
        (["I8", "FP32"], "f32", True, True),
        (["U8"], "f32", True, True),
        (["I8", "BF16"], "f32", True, False),
        (["FP32"], "f32", True, False),
        (["I8"], "f32", False, False),
    ],
)
def test_another_arithmetic_is_refused(precisions: list[str], floating: str, quantised: bool, fine: bool) -> None:
    if fine:
        assert floating in compiled_arithmetic("kind", graph(*precisions), floating, quantised) or quantised
    else:
        with pytest.raises(ValueError, match=r"kind: asked to compute in .*, the compiled model computes in"):
            compiled_arithmetic("kind", graph(*precisions), floating, quantised)


MANIFESTS = [
    ("{", "is not JSON"),
    ("[]", "must be one JSON object"),
    ('{"num_classes": true}', "num_classes = True: must be a whole number"),
    ('{"num_classes": 3, "categories": [{"id": 1}]}', "categories: must be a list of objects with id and name"),
    ('{"num_classes": 3, "categories": [{"id": 1, "name": "a"}]}', "there are 1, num_classes = 3 wants 2"),
    ('{"num_classes": 3}', "name = None: must be a text"),
]


@pytest.mark.parametrize(("text", "said"), MANIFESTS)
def test_a_manifest_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        ModelFolder.read(tmp_path)
    assert str(tmp_path / "manifest.json") in str(caught.value)


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no manifest\.json; give a model folder"):
        ModelFolder.read(tmp_path)
