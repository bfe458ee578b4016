"""ONNX Runtime on model.onnx."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Tuple

import onnxruntime

from cluster_app.backends.folder import ModelFolder
from cluster_app.tasks import Floats
from cluster_app.tasks.yolact.config import INPUT_NAME, OUTPUT_NAMES

_ARITHMETIC = {"tensor(float)": "f32", "tensor(float16)": "f16"}


@dataclass(frozen=True)
class OnnxBackend:
    name: str
    library: str
    arithmetic: Tuple[str, ...]
    threads: int
    session: Any

    def run(self, image: Floats) -> Dict[str, Floats]:
        return dict(zip(OUTPUT_NAMES, self.session.run(list(OUTPUT_NAMES), {INPUT_NAME: image})))


def open_backend(kind: str, model: ModelFolder, threads: int) -> OnnxBackend:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    path = model.file("model.onnx")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library raises many kinds for a file that is no model
        raise ValueError(f"{path}: ONNX Runtime cannot load it: {str(error).splitlines()[0]}") from None
    # This library computes a graph in the types that its tensors have; outputs of another type would be others here.
    found = {_ARITHMETIC.get(output.type, output.type) for output in session.get_outputs()}
    return OnnxBackend(kind, f"onnxruntime {onnxruntime.__version__}", tuple(sorted(found)), threads, session)
