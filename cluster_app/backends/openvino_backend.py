"""OpenVINO on the IR in FP32, FP16 and INT8, in stated arithmetic that is read back from the compiled model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

import openvino as ov

from cluster_app.backends import Unavailable
from cluster_app.backends.arithmetic import compiled_arithmetic
from cluster_app.backends.folder import ModelFolder
from cluster_app.tasks import Floats
from cluster_app.tasks.yolact.config import OUTPUT_NAMES

# Artefact, and arithmetic of the layers that are not quantised.
_ARTEFACTS: Mapping[str, Tuple[str, str]] = {
    "openvino-fp32": ("fp32.xml", "f32"),
    "openvino-fp16": ("fp16.xml", "f32"),
    "openvino-bf16": ("fp32.xml", "bf16"),
    "openvino-int8": ("int8.xml", "f32"),
}


@dataclass(frozen=True)
class OpenvinoBackend:
    name: str
    library: str
    arithmetic: Tuple[str, ...]
    threads: int
    request: Any

    def run(self, image: Floats) -> Dict[str, Floats]:
        results = self.request.infer([image], share_inputs=True)
        return {name: results[name] for name in OUTPUT_NAMES}


def open_backend(kind: str, model: ModelFolder, threads: int) -> OpenvinoBackend:
    artefact, hint = _ARTEFACTS[kind]
    core = ov.Core()
    if hint == "bf16":
        _refuse_without_bf16(kind, core)
    path = model.file(artefact)
    try:
        compiled = core.compile_model(str(path), "CPU", settings(hint, threads))
    except RuntimeError as error:
        raise ValueError(f"{path}: OpenVINO cannot load it: {str(error).strip().splitlines()[-1]}") from None
    arithmetic = compiled_arithmetic(kind, _execution_graph(compiled), hint, quantised=artefact == "int8.xml")
    used = int(compiled.get_property("INFERENCE_NUM_THREADS"))
    library = f"openvino {ov.__version__.split('-')[0]}"
    return OpenvinoBackend(kind, library, arithmetic, used, compiled.create_infer_request())


def settings(hint: str, threads: int) -> Dict[str, Any]:
    """Everything that would otherwise be the processor's or the library's choice.

    Without the hint, processors with BF16 compute in it silently; pinned threads of several processes fight for cores.
    """
    return {
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    }


def _execution_graph(compiled: ov.CompiledModel) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.xml"
        ov.serialize(compiled.get_runtime_model(), str(path), str(path.with_suffix(".bin")))
        return path.read_text(encoding="utf-8")


def _refuse_without_bf16(kind: str, core: ov.Core) -> None:
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if "BF16" not in able:
        raise Unavailable(
            f"{kind}: this processor does not compute in BF16 (it offers {', '.join(able)}); leave it out"
        )
