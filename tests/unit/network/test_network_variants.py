"""Variants of an IR that the pipeline makes: for several images at once, and with a fingerprint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino.runtime import opset11

from cluster_app.contract.job import Job
from cluster_app.pipeline import arithmetic, fingerprint, variant
from cluster_app.pipeline.embedding import embedded
from cluster_app.tasks.yolact.adapter import YolactTask

SIZE = 64
JOB = Job("file:/in/a", "file:/out/b", "file:/in/m.xml", "file:/in/p.npy", "bigdl", "f32", SIZE)
RANDOM = np.random.default_rng(0)


def network(quantised: bool = False) -> ov.Model:
    """A convolution, a resize to a stated size and a reshape to a stated one, as YOLACT's heads have them."""
    source = opset11.parameter([1, 3, SIZE, SIZE], np.float32, "input")
    source.output(0).get_tensor().set_names({"input"})
    data = source
    if quantised:
        low, high = (opset11.constant(np.full((1, 1, 1, 1), one, np.float32)) for one in (-3, 3))
        data = opset11.fake_quantize(source, low, high, low, high, 16)
    weights = opset11.constant(np.random.default_rng(1).normal(size=(8, 3, 3, 3)).astype(np.float32))
    features = opset11.convolution(data, weights, [2, 2], [1, 1], [1, 1], [1, 1])
    half = SIZE // 2
    larger = opset11.interpolate(features, np.array([1, 8, half + 2, half + 2]), "linear_onnx", "sizes")
    flat = opset11.reshape(larger, np.array([1, -1, 4]), True)
    flat.output(0).get_tensor().set_names({"flat"})
    return ov.Model([flat], [source], "small")


def outputs(model: ov.Model, value: Any) -> dict[str, np.ndarray]:
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return {next(iter(port.get_names())): np.asarray(found) for port, found in compiled([value]).items()}


def quantised_network() -> ov.Model:
    """A convolution and what is left beside it, as INT8 has them: steps of 256 levels on both of its inputs."""
    source = opset11.parameter([1, 3, SIZE, SIZE], np.float32, "input")
    source.output(0).get_tensor().set_names({"input"})
    values = np.random.default_rng(1).normal(size=(8, 3, 3, 3)).astype(np.float32)
    quantised = []
    for data, levels in ((source, 256), (opset11.constant(values), 255)):
        low, high = (opset11.constant(np.full((1, 1, 1, 1), one, np.float32)) for one in (-3, 3))
        quantised.append(opset11.fake_quantize(data, low, high, low, high, levels))
    features = opset11.convolution(*quantised, [2, 2], [1, 1], [1, 1], [1, 1])
    return ov.Model([opset11.softmax(opset11.relu(features), 1)], [source], "quantised")


@pytest.mark.parametrize("inside", [False, True])
def test_a_network_that_is_all_int8_computes_as_asked(inside: bool, tmp_path: Path) -> None:
    model = embedded(quantised_network(), YolactTask()) if inside else quantised_network()
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    graph = tmp_path / "graph.xml"
    ov.serialize(compiled.get_runtime_model(), str(graph), str(tmp_path / "graph.bin"))
    found = arithmetic.compiled_of("worker-1", graph.read_text())
    assert found.precisions == ("int8",)
    assert found.others == ("f32",)
    assert arithmetic.verified(JOB, [found]) == "f32"
    with pytest.raises(ArithmeticError, match="bf16 was asked for, worker-1 compiled int8, and between them f32"):
        arithmetic.verified(replace(JOB, precision="bf16"), [found])


@pytest.fixture
def path(tmp_path: Path) -> str:
    target = tmp_path / "small.xml"
    ov.serialize(network(), str(target), str(target.with_suffix(".bin")))
    return str(target)


def test_several_images_at_once_give_what_one_gives(path: str) -> None:
    value = RANDOM.normal(size=(3, 3, SIZE, SIZE)).astype(np.float32)
    one, three = ov.Core().read_model(path), variant.rebatched(ov.Core().read_model(path), 3)
    together = outputs(three, value)["flat"]
    assert together.shape[0] == 3
    for index in range(3):
        assert np.array_equal(together[index], outputs(one, value[index : index + 1])["flat"][0])


def test_a_model_that_mixes_its_images_is_refused() -> None:
    source = opset11.parameter([1, 3, SIZE, SIZE], np.float32, "input")
    total = opset11.reduce_sum(source, np.array([0, 1, 2, 3]), True)
    total.output(0).get_tensor().set_names({"total"})
    with pytest.raises(ValueError, match="batch_size = 2: output total of the model is not one for each image"):
        variant.rebatched(ov.Model([total], [source], "sum"), 2)


@pytest.mark.parametrize("quantised", [False, True])
def test_the_fingerprint_is_of_what_enters_the_network(quantised: bool) -> None:
    value = RANDOM.normal(size=(1, 3, SIZE, SIZE)).astype(np.float32)
    found = outputs(fingerprint.added_to(network(quantised)), value)
    assert np.abs(found[fingerprint.OUTPUT].reshape(-1) - fingerprint.of_tensor(value)).max() < 1e-5
    assert np.array_equal(found["flat"], outputs(network(quantised), value)["flat"])


def test_preprocessing_inside_comes_before_the_fingerprint() -> None:
    task, pixels = YolactTask(), RANDOM.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    found = outputs(fingerprint.added_to(embedded(network(), task)), pixels[None])
    expected = fingerprint.of_tensor(task.preprocess(pixels, SIZE))
    assert not fingerprint.differs(found[fingerprint.OUTPUT].tobytes(), expected.tobytes())
    other = fingerprint.of_tensor(task.preprocess(pixels[::-1].copy(), SIZE))
    assert fingerprint.differs(found[fingerprint.OUTPUT].tobytes(), other.tobytes())


def test_a_model_without_a_convolution_has_no_such_place() -> None:
    source = opset11.parameter([1, 3, SIZE, SIZE], np.float32, "input")
    with pytest.raises(ValueError, match="no convolution"):
        fingerprint.added_to(ov.Model([opset11.relu(source)], [source], "relu"))


def test_the_plain_model_is_taken_where_it_will_do(path: str) -> None:
    assert variant.prepared(path, JOB) == path
    made = variant.prepared(path, replace(JOB, batch_size=2, verify=True))
    assert made != path
    shapes = {port.get_any_name(): list(port.get_shape()) for port in ov.Core().read_model(made).outputs}
    assert shapes[fingerprint.OUTPUT] == [2, 3, 16, 16]
    assert shapes["flat"][0] == 2


def test_preprocessing_inside_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "small-u8.xml"
    ov.serialize(embedded(network(), YolactTask()), str(target), str(target.with_suffix(".bin")))
    with pytest.raises(ValueError, match="has preprocessing inside"):
        variant.prepared(str(target), JOB)
