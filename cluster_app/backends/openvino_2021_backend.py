"""OpenVINO 2021.4 on model.onnx, near the paper's 2021.1: through IECore, FP32. Needs an environment of its own."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Tuple

from openvino.inference_engine import IECore, get_version

from cluster_app.backends import Unavailable
from cluster_app.backends.arithmetic import compiled_arithmetic
from cluster_app.backends.folder import ModelFolder
from cluster_app.tasks import Floats
from cluster_app.tasks.yolact.config import INPUT_NAME, OUTPUT_NAMES

_RELEASE = "2021.4"


@dataclass(frozen=True)
class Openvino2021Backend:
    name: str
    library: str
    arithmetic: Tuple[str, ...]
    threads: int
    network: Any

    def run(self, image: Floats) -> Dict[str, Floats]:
        results = self.network.infer({INPUT_NAME: image})
        # The library's own buffers, which the next image would overwrite.
        return {name: results[name].copy() for name in OUTPUT_NAMES}


def open_backend(kind: str, model: ModelFolder, threads: int) -> Openvino2021Backend:
    version = get_version()
    if _RELEASE not in version:
        raise Unavailable(f"{kind}: this environment has OpenVINO {version}; {_RELEASE} is in the image openvino-2021")
    path = model.file("model.onnx")
    core = IECore()
    core.set_config(_settings(threads), "CPU")
    try:
        network = core.load_network(core.read_network(model=str(path)), "CPU", num_requests=1)
    except RuntimeError as error:
        raise ValueError(f"{path}: OpenVINO cannot load it: {str(error).strip().splitlines()[-1]}") from None
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "graph.xml"
        network.get_exec_graph_info().serialize(str(graph))
        arithmetic = compiled_arithmetic(kind, graph.read_text(encoding="utf-8"), "f32", quantised=False)
    used = int(network.get_config("CPU_THREADS_NUM"))
    return Openvino2021Backend(kind, f"openvino {version.split('-')[0]}", arithmetic, used, network)


def _settings(threads: int) -> Dict[str, str]:
    return {
        "CPU_THREADS_NUM": str(threads),
        "CPU_THROUGHPUT_STREAMS": "1",
        "CPU_BIND_THREAD": "NO",
        "ENFORCE_BF16": "NO",
    }
