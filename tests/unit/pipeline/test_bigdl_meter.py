"""What predict does with its core is what the metered core reports, and predict sees no difference."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest

from cluster_app.pipeline import bigdl_meter
from cluster_app.pipeline.bigdl_meter import MeteredCores
from cluster_app.pipeline.worker_report import Tallies, by_host

GRAPH = (
    '<net><layers><layer type="ExecutionNode"><data layerType="Convolution" runtimePrecision="FP32"/></layer>'
    "</layers></net>"
)


class Request:
    def __init__(self) -> None:
        self.output_blobs = {"loc": "blob"}
        self.seen: list[Any] = []

    def infer(self, inputs: Any) -> None:
        self.seen.append(inputs)


class Compiled:
    def __init__(self) -> None:
        self.requests = [Request()]


class IECore:
    """OpenVINO's older core, as far as BigDL uses it."""

    def set_config(self, config: Any, device: str) -> None:
        assert (config, device) == ({"CPU_THREADS_NUM": "1"}, "CPU")

    def read_network(self, model: bytes, weights: bytes, init_from_buffer: bool) -> str:
        assert (model, weights, init_from_buffer) == (b"m", b"w", True)
        return "network"

    def load_network(self, network: str, device_name: str, num_requests: int) -> Compiled:
        assert (network, device_name, num_requests) == ("network", "CPU", 1)
        return Compiled()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """BigDL and OpenVINO, as far as they are used."""
    engine = types.ModuleType("openvino.inference_engine")
    engine.IECore = IECore  # type: ignore[attr-defined]
    estimator = types.ModuleType("bigdl.orca.learn.openvino.estimator")
    estimator.IECore = IECore  # type: ignore[attr-defined]
    utils = types.ModuleType("bigdl.orca.learn.utils")
    utils.get_arrow_hex_str = lambda _, names: "ab" * (500 * len(names))  # type: ignore[attr-defined]
    openvino, learn = types.ModuleType("bigdl.orca.learn.openvino"), types.ModuleType("bigdl.orca.learn")
    openvino.estimator, learn.utils = estimator, utils  # type: ignore[attr-defined]
    modules = {
        "openvino": types.ModuleType("openvino"),
        "openvino.inference_engine": engine,
        "bigdl": types.ModuleType("bigdl"),
        "bigdl.orca": types.ModuleType("bigdl.orca"),
        "bigdl.orca.learn": learn,
        "bigdl.orca.learn.utils": utils,
        "bigdl.orca.learn.openvino": openvino,
        "bigdl.orca.learn.openvino.estimator": estimator,
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(bigdl_meter, "old_execution_graph", lambda _: GRAPH)
    return estimator


def predict(estimator: Any, batches: list[int]) -> Any:
    """The steps of the library's own function, in their order."""
    core = estimator.IECore()
    core.set_config({"CPU_THREADS_NUM": "1"}, "CPU")
    network = core.read_network(model=b"m", weights=b"w", init_from_buffer=True)
    compiled = core.load_network(network=network, device_name="CPU", num_requests=1)
    from bigdl.orca.learn.utils import get_arrow_hex_str

    for size in batches:
        compiled.requests[0].infer({"input": np.zeros((size, 3, 4, 4), np.float32)})
        assert compiled.requests[0].output_blobs == {"loc": "blob"}
        assert [get_arrow_hex_str([], names=["loc"]) for _ in range(size)] == ["ab" * 500] * size


def test_a_task_of_predict_is_measured(library: Any) -> None:
    adder, total = Tallies(), {}

    def report(tallies: Any) -> None:
        adder.addInPlace(total, tallies)

    plain = library.IECore
    with bigdl_meter.installed(report):
        assert isinstance(library.IECore, MeteredCores)
        predict(library, [2, 1])
        predict(library, [1])
    assert library.IECore is plain
    (worker,) = by_host(total)
    assert (worker.processes, worker.images, worker.compiles) == (1, 4, 2)
    # 48 floats pickle to nine bytes each and little else; texts are of 1000 characters.
    assert worker.input_mb == pytest.approx(4 * 48 * 9 / 1e6, rel=0.2)
    assert worker.output_mb == pytest.approx(4 * 1000 / 1e6)
    assert min(worker.infer_seconds, worker.input_seconds, worker.output_seconds, worker.compile_seconds) > 0
    assert worker.seconds >= worker.infer_seconds + worker.input_seconds + worker.output_seconds
    assert worker.peak_memory_mb > 10


def test_the_library_is_left_as_it_was_though_predict_fails(library: Any) -> None:
    plain = library.IECore
    with pytest.raises(ZeroDivisionError), bigdl_meter.installed(lambda _: None):
        raise ZeroDivisionError
    assert library.IECore is plain
