"""PyTorch, eager, on weights.pth: the network as it was written and trained. Builder's image only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Tuple

import torch

from cluster_app.backends.folder import ModelFolder
from cluster_app.network.configurations import configuration
from cluster_app.network.model import Yolact
from cluster_app.network.weights import load_weights
from cluster_app.tasks import Floats
from cluster_app.tasks.yolact.config import OUTPUT_NAMES

_ARITHMETIC = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}


@dataclass(frozen=True)
class TorchBackend:
    name: str
    library: str
    arithmetic: Tuple[str, ...]
    threads: int
    model: Yolact

    def run(self, image: Floats) -> Dict[str, Floats]:
        with torch.no_grad():
            outputs = self.model(torch.from_numpy(image))
        return {name: output.contiguous().numpy() for name, output in zip(OUTPUT_NAMES, outputs)}


def open_backend(kind: str, model: ModelFolder, threads: int) -> TorchBackend:
    """Threads are the whole process's. A BLAS has a pool of its own: set OMP_NUM_THREADS before the process starts."""
    torch.set_num_threads(threads)
    network = Yolact(configuration(model.configuration, model.image_size)).eval()
    load_weights(network, model.file("weights.pth"))
    kinds = {parameter.dtype for parameter in network.parameters()}
    found = sorted(_ARITHMETIC.get(one, str(one)) for one in kinds)
    return TorchBackend(kind, f"torch {torch.__version__}, {_blas()}", tuple(found), torch.get_num_threads(), network)


def _blas() -> str:
    """Which BLAS is loaded. On one thread PyTorch gives it every 1 x 1 convolution, so it decides the speed."""
    loaded = [line for line in Path("/proc/self/maps").read_text().splitlines() if "/libblas.so" in line]
    if not loaded:
        return "no BLAS of the system's"
    return "OpenBLAS" if any("openblas" in line for line in loaded) else "reference BLAS"
