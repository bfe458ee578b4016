"""The pipeline's pure parts: phases, rows, arithmetic, where outputs are prepared, and what goes between engines."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import replace

import numpy
import pytest

from cluster_app.contract.job import Job
from cluster_app.pipeline.arithmetic import Compiled, compiled_of, precisions_of, storage_of, verified
from cluster_app.pipeline.bigdl_engine import _nested, estimator_config
from cluster_app.pipeline.bigdl_reading import three_channels
from cluster_app.pipeline.phases import Phases
from cluster_app.pipeline.sinks import partial_of

JOB = Job(
    input="file:/srv/in/photos",
    output="file:/srv/out/run",
    model="file:/srv/in/model/fp32.xml",
    priors="file:/srv/in/model/priors.npy",
    engine="bigdl",
    precision="f32",
    image_size=192,
)


# Phases


def test_phases_are_kept_in_order_and_added_up() -> None:
    phases = Phases()
    for name in ("read", "predict", "read"):
        with phases.measure(name):
            pass
    assert list(phases.seconds) == ["read", "predict"]
    first = phases.seconds["predict"]
    with phases.measure("predict"):
        pass
    assert phases.seconds["predict"] > first >= 0


def test_a_phase_is_announced_before_its_work_and_said_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    phases, told = Phases(), []
    phases.announce = told.append
    with phases.measure("read"):
        assert told == ["read"]
        assert capsys.readouterr().err == "job: read ...\n"
    captured = capsys.readouterr()
    assert captured.err.startswith("job: read took 0.0 s")
    assert captured.out == ""


def test_a_phase_that_fails_is_timed_and_its_error_goes_on() -> None:
    phases = Phases()
    with pytest.raises(ValueError, match="inside"), phases.measure("predict"):
        raise ValueError("inside")
    assert list(phases.seconds) == ["predict"]


# Arithmetic


def graph(*layers: tuple[str, str]) -> str:
    """An execution graph in OpenVINO's form: (kind of layer, precision)."""
    body = "".join(
        f'<layer id="{number}" name="l{number}" type="ExecutionNode">'
        f'<data layerType="{kind}" runtimePrecision="{precision}" execOrder="{number}"/></layer>'
        for number, (kind, precision) in enumerate(layers)
    )
    return f'<?xml version="1.0"?><net name="graph" version="11"><layers>{body}</layers></net>'


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([("Convolution", "FP32"), ("Convolution", "FP32")], ("f32",)),
        ([("Convolution", "BF16"), ("FullyConnected", "BF16")], ("bf16",)),
        ([("Convolution", "I8"), ("Convolution", "U8"), ("MatMul", "FP32")], ("f32", "int8")),
        ([("Deconvolution", "FP16"), ("Reorder", "FP32"), ("Input", "BF16")], ("f16",)),
        ([("Convolution", "FP8")], ("FP8",)),
    ],
)
def test_only_layers_that_compute_count(layers: list[tuple[str, str]], expected: tuple[str, ...]) -> None:
    assert precisions_of(graph(*layers)) == expected


def test_the_type_of_a_layer_is_its_kind_where_none_is_given() -> None:
    text = '<net><layers><layer type="Convolution"><data runtimePrecision="FP32"/></layer></layers></net>'
    assert precisions_of(text) == ("f32",)


@pytest.mark.parametrize("layers", [[], [("Reorder", "FP32"), ("Softmax", "FP32")]])
def test_a_graph_without_such_layers_checks_nothing(layers: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match="no convolution"):
        precisions_of(graph(*layers))


def test_hosts_that_compiled_what_was_asked_for() -> None:
    hosts = [Compiled("worker-1", ("f32",), "AVX2"), Compiled("worker-2", ("f32", "int8"), "host")]
    assert verified(JOB, hosts) == "f32"
    assert verified(replace(JOB, precision="bf16"), [Compiled("worker-1", ("bf16",), "host")]) == "bf16"


def test_one_host_with_another_arithmetic_is_named() -> None:
    hosts = [Compiled("worker-1", ("bf16",), "host"), Compiled("worker-2", ("f32",), "AVX2")]
    with pytest.raises(ArithmeticError, match=r"bf16 was asked for, worker-2 compiled f32 \(instruction set: AVX2\)"):
        verified(replace(JOB, precision="bf16"), hosts)


@pytest.mark.parametrize(("precision", "others"), [("f32", ("f32",)), ("bf16", ("bf16", "f32")), ("bf16", ("bf16",))])
def test_where_all_is_quantised_the_layers_between_count(precision: str, others: tuple[str, ...]) -> None:
    job = replace(JOB, precision=precision)
    assert verified(job, [Compiled("worker-1", ("int8",), "host", others)]) == precision


@pytest.mark.parametrize(("precision", "others"), [("f32", ("bf16", "f32")), ("f32", ()), ("bf16", ("f32",))])
def test_layers_between_that_compute_otherwise_are_refused(precision: str, others: tuple[str, ...]) -> None:
    with pytest.raises(ArithmeticError, match=f"{precision} was asked for, worker-1 compiled int8"):
        verified(replace(JOB, precision=precision), [Compiled("worker-1", ("int8",), "host", others)])


def test_a_layer_between_in_bf16_is_not_f32() -> None:
    with pytest.raises(ArithmeticError, match="compiled f32, and between them bf16, f32"):
        verified(JOB, [Compiled("worker-1", ("f32",), "host", ("bf16", "f32"))])


def test_what_a_graph_says_of_the_layers_between() -> None:
    text = graph(
        ("Convolution", "U8"), ("Softmax", "FP32"), ("Interpolate", "BF16"), ("Reorder", "FP16"), ("Eltwise", "I32")
    )
    found = compiled_of("worker-1", text)
    assert (found.precisions, found.others) == (("int8",), ("bf16", "f32"))


def test_two_arithmetics_in_one_model_are_refused() -> None:
    with pytest.raises(ArithmeticError, match="compiled bf16, f32"):
        verified(JOB, [Compiled("worker-1", ("bf16", "f32"), "host")])


def model_xml(*constants: tuple[str, int]) -> str:
    body = "".join(
        f'<layer id="{number}" type="Const"><data element_type="{kind}" offset="0" size="{size}"/></layer>'
        for number, (kind, size) in enumerate(constants)
    )
    other = '<layer id="99" type="Parameter"><data element_type="f32" shape="1,3,9,9"/></layer>'
    return f"<net><layers>{body}{other}</layers></net>"


@pytest.mark.parametrize(
    ("constants", "expected"),
    [
        ([("f32", 4000), ("i64", 8)], "FP32"),
        ([("f16", 2000), ("f32", 400)], "FP16"),
        ([("i8", 1000), ("f32", 900), ("i64", 16)], "INT8"),
        ([("u8", 1000)], "INT8"),
        # Many small ones against one larger.
        ([("f16", 300), ("f32", 500), ("f16", 300)], "FP16"),
    ],
)
def test_how_weights_are_stored_is_said_by_most_of_their_bytes(constants: list[tuple[str, int]], expected: str) -> None:
    assert storage_of(model_xml(*constants)) == expected


def test_a_model_without_constants_says_nothing() -> None:
    with pytest.raises(ValueError, match="no constants"):
        storage_of(model_xml())


# Sinks


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("file:/srv/out/run-1", "file:/srv/out/.run-1.partial"),
        ("hdfs:/demo/output/", "hdfs:/demo/.output.partial"),
        ("hdfs://master:8020/output", "hdfs://master:8020/.output.partial"),
    ],
)
def test_an_output_is_prepared_beside_itself(output: str, expected: str) -> None:
    assert partial_of(output) == expected


# BigDL


Image = namedtuple("Image", "origin height width nChannels mode data")


def test_a_colour_image_stays_as_it_is() -> None:
    image = Image("file:/a", 1, 2, 3, 16, bytearray(range(6)))
    assert three_channels(image) == tuple(image)


def test_grey_becomes_three_equal_channels() -> None:
    assert three_channels(Image("file:/a", 2, 1, 1, 0, bytearray([7, 9]))) == (
        "file:/a",
        2,
        1,
        3,
        16,
        bytearray([7, 7, 7, 9, 9, 9]),
    )


def test_alpha_is_dropped() -> None:
    data = bytearray([1, 2, 3, 255, 4, 5, 6, 0])
    assert three_channels(Image("file:/a", 1, 2, 4, 24, data)) == (
        "file:/a",
        1,
        2,
        3,
        16,
        bytearray([1, 2, 3, 4, 5, 6]),
    )


def test_a_flat_tensor_becomes_channels_of_rows() -> None:
    nested = _nested([float(number) for number in range(12)], 2)
    assert nested == [[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0], [6.0, 7.0]], [[8.0, 9.0], [10.0, 11.0]]]
    assert type(nested[0][0][0]) is float


def test_a_tensor_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        _nested(numpy.zeros(11), 2)


def test_openvino_is_told_threads_and_arithmetic_and_never_pins() -> None:
    assert estimator_config(replace(JOB, threads_per_task=3)) == {
        "CPU_THREADS_NUM": "3",
        "CPU_BIND_THREAD": "NO",
        "ENFORCE_BF16": "NO",
    }
    assert estimator_config(replace(JOB, precision="bf16"))["ENFORCE_BF16"] == "YES"
