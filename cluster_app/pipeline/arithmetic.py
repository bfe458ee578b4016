"""In which arithmetic the executors really compute: read from the compiled model, not from what was asked for."""

from __future__ import annotations

import os
import socket
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Tuple

from cluster_app.contract.job import Job

# In capitals from the older interface; the newer one writes f32, bf16 and f16 as they are.
_NAMES = {"FP32": "f32", "BF16": "bf16", "FP16": "f16", "I8": "int8", "U8": "int8", "i8": "int8", "u8": "int8"}
_COMPUTE_LAYERS = {"Convolution", "FullyConnected", "MatMul", "Deconvolution"}


@dataclass(frozen=True)
class Compiled:
    """What one host made of the model: arithmetic of its convolutions and matrix products, and the cap it ran under."""

    host: str
    precisions: Tuple[str, ...]
    isa_cap: str


def precisions_of(execution_graph: str) -> Tuple[str, ...]:
    """The arithmetic of the compute layers in OpenVINO's execution graph (its XML text), sorted, each once.

    Raises ValueError if the graph has no such layer: then nothing was checked.
    """
    found = set()
    for layer in ElementTree.fromstring(execution_graph).iter("layer"):
        data = layer.find("data")
        if data is not None and data.get("layerType", layer.get("type")) in _COMPUTE_LAYERS:
            precision = data.get("runtimePrecision", "")
            found.add(_NAMES.get(precision, precision))
    if not found:
        raise ValueError("the compiled model has no convolution and no matrix product")
    return tuple(sorted(found))


def probe(spark: Any, model_path: str, config: Dict[str, str], batch_size: int, slots: int) -> List[Compiled]:
    """Compiles the model on the executors as predict does, and reads back what came of it; one entry a host."""
    with open(model_path, "rb") as model, open(model_path[: model_path.rindex(".")] + ".bin", "rb") as weights:
        shared = spark.sparkContext.broadcast((model.read(), weights.read()))

    def compile_here(_: Iterator[int]) -> Iterator[Compiled]:
        import tempfile

        from openvino.inference_engine import IECore

        core = IECore()
        core.set_config(config, "CPU")
        network = core.read_network(model=shared.value[0], weights=shared.value[1], init_from_buffer=True)
        network.batch_size = batch_size
        compiled = core.load_network(network=network, device_name="CPU", num_requests=1)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "graph.xml")
            compiled.get_exec_graph_info().serialize(path)
            with open(path) as graph:
                precisions = precisions_of(graph.read())
        yield Compiled(socket.gethostname(), precisions, os.environ.get("ONEDNN_MAX_CPU_ISA", "host"))

    found = spark.sparkContext.parallelize(range(slots), slots).mapPartitions(compile_here).collect()
    shared.unpersist()
    return sorted(set(found), key=lambda one: one.host)


def verified(job: Job, compiled: List[Compiled]) -> str:
    """The floating-point arithmetic that every host compiled. Raises ArithmeticError if another was asked for."""
    if not compiled:
        raise ArithmeticError("precision: no executor compiled the model, so nothing was checked")
    for one in compiled:
        floating = [name for name in one.precisions if name != "int8"]
        if floating != [job.precision]:
            raise ArithmeticError(
                f"precision: {job.precision} was asked for, {one.host} compiled {', '.join(one.precisions)} "
                f"(instruction set: {one.isa_cap}); ask for f32, or use processors that have it"
            )
    return job.precision


def storage_of(model_xml: str) -> str:
    """How the weights are stored, FP32, FP16 or INT8: the element type of the IR's largest constants.

    model_xml is the text of the IR's .xml. Raises ValueError if it has no constant.
    """
    sizes: Dict[str, int] = {}
    for layer in ElementTree.fromstring(model_xml).iter("layer"):
        if layer.get("type") == "Const":
            data = layer.find("data")
            if data is not None:
                kind = data.get("element_type", "")
                sizes[kind] = sizes.get(kind, 0) + int(data.get("size", "0"))
    if not sizes:
        raise ValueError("the model has no constants")
    largest = max(sizes, key=lambda kind: sizes[kind])
    return {"f32": "FP32", "f16": "FP16", "i8": "INT8", "u8": "INT8"}.get(largest, largest)
