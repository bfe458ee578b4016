"""Splitting the priors off the exported graph, into a small ONNX module of their own.

The paper decodes the ONNX file to text with onnx.proto, edits it and encodes it again. The same edit
is made here on the decoded message itself, without the detour through 400 MB of text.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cluster_app.network.export import OPSET, PRIORS_NAME
from cluster_app.tasks import Floats

_TABLE = "table"


def split_priors(model: onnx.ModelProto) -> Floats:
    """Take output and constant of the priors out of the model, in place; return them, (N, 4) float32.

    Raises ValueError if the graph does not hold them as a constant that is an output.
    """
    graph = model.graph
    tensors = [tensor for tensor in graph.initializer if tensor.name == PRIORS_NAME]
    outputs = [output for output in graph.output if output.name == PRIORS_NAME]
    if len(tensors) != 1 or len(outputs) != 1:
        raise ValueError(
            f"the graph has {len(tensors)} constants and {len(outputs)} outputs named {PRIORS_NAME!r}; one each is "
            "expected: simplify the graph before splitting it"
        )
    graph.initializer.remove(tensors[0])
    graph.output.remove(outputs[0])
    onnx.checker.check_model(model)
    priors: Floats = numpy_helper.to_array(tensors[0]).astype(np.float32)
    return priors


def priors_module(priors: Floats) -> onnx.ModelProto:
    """An ONNX model without inputs whose one output, "priors", is the (N, 4) float32 table."""
    output = helper.make_tensor_value_info(PRIORS_NAME, TensorProto.FLOAT, list(priors.shape))
    node = helper.make_node("Identity", [_TABLE], [PRIORS_NAME])
    graph = helper.make_graph([node], PRIORS_NAME, [], [output], [numpy_helper.from_array(priors, _TABLE)])
    module = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=6)
    onnx.checker.check_model(module)
    return module
