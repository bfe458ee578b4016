"""In which arithmetic the executors really compute: read from the compiled model, not from what was asked for."""

from __future__ import annotations

import os
import socket
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Tuple

from cluster_app.contract.job import Job

# In capitals from the older interface; the newer one writes f32, bf16 and f16 as they are.
_NAMES = {"FP32": "f32", "BF16": "bf16", "FP16": "f16", "I8": "int8", "U8": "int8", "i8": "int8", "u8": "int8"}
_FLOATING = ("f32", "bf16", "f16")
_COMPUTE_LAYERS = {"Convolution", "FullyConnected", "MatMul", "Deconvolution"}
# These hold or move values and compute nothing.
_STILL_LAYERS = {"Const", "Input", "Output", "Reorder", "Reshape", "Transpose"}


@dataclass(frozen=True)
class Compiled:
    """What one host made of the model.

    precisions: arithmetic of its convolutions and matrix products; isa_cap: the instruction set it was held to;
    others: floating-point arithmetic of the other layers that compute, as softmax or a resize.
    """

    host: str
    precisions: Tuple[str, ...]
    isa_cap: str
    others: Tuple[str, ...] = ()


def compiled_of(host: str, execution_graph: str) -> Compiled:
    """What this process's host made of the model, from OpenVINO's execution graph (its XML text)."""
    cap = os.environ.get("ONEDNN_MAX_CPU_ISA", "host")
    return Compiled(host, precisions_of(execution_graph), cap, _others_of(execution_graph))


def precisions_of(execution_graph: str) -> Tuple[str, ...]:
    """The arithmetic of the compute layers in OpenVINO's execution graph (its XML text), sorted, each once.

    Raises ValueError if the graph has no such layer: then nothing was checked.
    """
    found = {precision for kind, precision in _layers(execution_graph) if kind in _COMPUTE_LAYERS}
    if not found:
        raise ValueError("the compiled model has no convolution and no matrix product")
    return tuple(sorted(found))


def _others_of(execution_graph: str) -> Tuple[str, ...]:
    kinds = _COMPUTE_LAYERS | _STILL_LAYERS
    found = {precision for kind, precision in _layers(execution_graph) if kind not in kinds}
    return tuple(sorted(found & set(_FLOATING)))


def _layers(execution_graph: str) -> Iterator[Tuple[str, str]]:
    """(kind, arithmetic) of each layer."""
    for layer in ElementTree.fromstring(execution_graph).iter("layer"):
        data = layer.find("data")
        if data is not None:
            precision = data.get("runtimePrecision", "")
            yield data.get("layerType", layer.get("type", "")), _NAMES.get(precision, precision)


def probe(spark: Any, model_path: str, config: Dict[str, str], batch_size: int, slots: int) -> List[Compiled]:
    """Compiles the model on the executors as predict does, and reads back what came of it; one entry a host."""
    with open(model_path, "rb") as model, open(model_path[: model_path.rindex(".")] + ".bin", "rb") as weights:
        shared = spark.sparkContext.broadcast((model.read(), weights.read()))

    def compile_here(_: Iterator[int]) -> Iterator[Compiled]:
        from openvino.inference_engine import IECore

        core = IECore()
        core.set_config(config, "CPU")
        network = core.read_network(model=shared.value[0], weights=shared.value[1], init_from_buffer=True)
        network.batch_size = batch_size
        compiled = core.load_network(network=network, device_name="CPU", num_requests=1)
        yield compiled_of(socket.gethostname(), old_execution_graph(compiled))

    found = spark.sparkContext.parallelize(range(slots), slots).mapPartitions(compile_here).collect()
    shared.unpersist()
    return sorted(set(found), key=lambda one: one.host)


def old_execution_graph(compiled: Any) -> str:
    """What OpenVINO made of a model, as XML text, by its older interface, which BigDL uses."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "graph.xml")
        compiled.get_exec_graph_info().serialize(path)
        with open(path) as graph:
            return graph.read()


def verified(job: Job, compiled: List[Compiled]) -> str:
    """The floating-point arithmetic that every host compiled. Raises ArithmeticError if another was asked for.

    Layers that are quantised compute in int8 whatever was asked for; those that are left must compute as asked. Where
    all convolutions and products are quantised, that is what is between them.
    """
    if not compiled:
        raise ArithmeticError("precision: no executor compiled the model, so nothing was checked")
    for one in compiled:
        if not _as_asked(one, job.precision):
            others = f", and between them {', '.join(one.others)}" if one.others else ""
            raise ArithmeticError(
                f"precision: {job.precision} was asked for, {one.host} compiled {', '.join(one.precisions)}{others} "
                f"(instruction set: {one.isa_cap}); ask for f32, or use processors that have it"
            )
    return job.precision


def _as_asked(one: Compiled, precision: str) -> bool:
    # Where bf16 is asked for, OpenVINO leaves some of the layers between in f32.
    if not set(one.others) <= {"f32", precision}:
        return False
    floating = [name for name in one.precisions if name != "int8"]
    return floating == [precision] if floating else precision in one.others


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
