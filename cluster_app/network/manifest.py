"""What stands beside a model: where it came from, what it takes and gives, what was measured on it."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from cluster_app.network.export import OPSET
from cluster_app.network.seeded import LOGIT_GAIN
from cluster_app.network.simplify import Simplified
from cluster_app.network.verify import Findings
from cluster_app.tasks.yolact.config import INPUT_NAME, MEAN_BGR, STD_BGR, YolactConfig

SCHEMA = 1
SEEDED_NOTE = (
    "The weights are drawn from a seed and calibrated to give detections; nothing was learned. "
    "Masks, boxes and class names mean nothing: they exercise every stage as real ones would."
)
_TOOLS = ("numpy", "onnx", "onnxsim", "onnxruntime", "openvino", "opencv-python-headless", "protobuf")


@dataclass(frozen=True)
class Source:
    """Weights for every input size, and where they came from: a file (its sha256) or a seed."""

    state: Mapping[str, torch.Tensor]
    sha256: str
    seed: int | None

    @property
    def seeded(self) -> bool:
        return self.seed is not None


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def state_sha256(state: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in state.items():
        digest.update(name.encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def check_findings(findings: Sequence[Findings], seeded: bool) -> None:
    """Raises RuntimeError if a photograph has no detection.

    Trained weights may rightly find nothing in one photograph; finding nothing in any is a fault.
    """
    without = [found.photo for found in findings if found.over_threshold == 0]
    if without and (seeded or len(without) == len(findings)):
        raise RuntimeError(f"no detection in {', '.join(without)}: give other photographs, or another seed")


def write(
    folder: Path,
    *,
    name: str,
    backbone: str,
    config: YolactConfig,
    source: Source,
    background_bias: float | None,
    simplified: Simplified,
    stored: Mapping[str, Mapping[str, int]],
    compared: Mapping[str, Mapping[str, float]],
    tolerances: Mapping[str, Mapping[str, float]],
    findings: Sequence[Findings],
) -> None:
    """Write manifest.json into the folder, last: it holds the other files' digests."""
    side = config.image_size
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "name": name,
        "task": "yolact",
        "backbone": backbone,
        "image_size": side,
        "num_classes": config.num_classes,
        "seeded": source.seeded,
        "note": SEEDED_NOTE if source.seeded else "Weights from a file, taken as they are.",
        "source": {"sha256": source.sha256, "seed": source.seed},
        "input": {
            "name": INPUT_NAME,
            "shape": [1, 3, side, side],
            "layout": "NCHW",
            "element_type": "f32",
            "channels": "RGB",
            "mean_bgr": MEAN_BGR,
            "std_bgr": STD_BGR,
            "resize": "float32, bilinear, aspect not kept",
        },
        "outputs": config.output_shapes,
        "priors": {"count": config.prior_count, "array": "priors.npy", "module": "priors.onnx"},
        "ir": {
            kind: {"xml": f"{kind}.xml", "storage": "FP32" if kind == "fp32" else "FP16", "constant_bytes": sizes}
            for kind, sizes in stored.items()
        },
        "onnx": {
            "opset": OPSET,
            "operators_before": simplified.before,
            "operators_after": simplified.after,
            "operators_removed": simplified.removed,
        },
        "largest_difference_to_torch": compared,
        "tolerances": tolerances,
        "calibration": {
            "background_bias": background_bias,
            "logit_gain": LOGIT_GAIN if source.seeded else None,
            "photographs": [asdict(found) for found in findings],
        },
        "tools": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            **{tool: version(tool) for tool in _TOOLS},
        },
        "files": {
            path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in sorted(folder.iterdir())
        },
    }
    text = json.dumps(content, indent=2, allow_nan=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
