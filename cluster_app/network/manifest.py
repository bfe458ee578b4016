"""What stands beside a model: where it came from, what it takes and gives, what was measured on it."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from cluster_app.network.artefacts import PRIORS, WEIGHTS
from cluster_app.network.compare import Checked
from cluster_app.network.export import OPSET
from cluster_app.network.seeded import LOGIT_GAIN
from cluster_app.network.simplify import Simplified
from cluster_app.network.training.classes import CATEGORIES as SCENE_CATEGORIES
from cluster_app.network.verify import Findings
from cluster_app.tasks.yolact.categories import CATEGORIES
from cluster_app.tasks.yolact.config import INPUT_NAME, MEAN_BGR, STD_BGR, YolactConfig

NAME = "manifest.json"
SCHEMA = 1
SEEDED_NOTE = (
    "The weights are drawn from a seed and calibrated to give detections; nothing was learned. "
    "Masks, boxes and class names mean nothing: they exercise every stage as real ones would."
)
_TOOLS = ("numpy", "onnx", "onnxsim", "onnxruntime", "openvino", "nncf", "opencv-python-headless", "protobuf")


@dataclass(frozen=True)
class Source:
    """Weights for every input size, and where they came from: a file (its sha256) or a seed."""

    state: Mapping[str, torch.Tensor]
    sha256: str
    seed: int | None

    @property
    def seeded(self) -> bool:
        return self.seed is not None


@dataclass(frozen=True)
class Built:
    """All that a build found out, for its manifest. quantised_on: images of the INT8 artefacts, 0 without them."""

    name: str
    configuration: str
    config: YolactConfig
    source: Source
    background_bias: float | None
    simplified: Simplified
    material: str
    quantised_on: int
    float_layers: Sequence[str]
    checked: Sequence[Checked]
    compared_on: Sequence[str]
    findings: Sequence[Findings]
    seconds: Mapping[str, float]


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


def categories(configuration: str, classes: int) -> list[dict[str, Any]]:
    """id and name of each class, without the background, in the order of the network's scores."""
    if configuration == "small":
        return [dict(one) for one in SCENE_CATEGORIES]
    known = [{"id": category, "name": name} for category, name in CATEGORIES]
    return known if len(known) == classes - 1 else [{"id": i, "name": f"class {i}"} for i in range(1, classes)]


def write(folder: Path, built: Built) -> None:
    """Write manifest.json into the folder, last: it holds the other files' digests."""
    config, source = built.config, built.source
    files = {path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in sorted(folder.iterdir())}
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "name": built.name,
        "task": "yolact",
        "backbone": built.configuration,
        "image_size": config.image_size,
        "num_classes": config.num_classes,
        "categories": categories(built.configuration, config.num_classes),
        "seeded": source.seeded,
        "note": SEEDED_NOTE if source.seeded else "Weights from a file, taken as they are.",
        "source": {"sha256": source.sha256, "seed": source.seed},
        "input": _input(config, inside=False),
        "outputs": config.output_shapes,
        "priors": {"count": config.prior_count, "array": PRIORS[0], "module": PRIORS[1]},
        "weights": WEIGHTS,
        "artefacts": {one.artefact.stem: _artefact(one, config, files) for one in built.checked},
        "onnx": {
            "opset": OPSET,
            "operators_before": built.simplified.before,
            "operators_after": built.simplified.after,
            "operators_removed": built.simplified.removed,
        },
        "verification": {
            "images": list(built.compared_on),
            "of": built.material,
            "artefacts": {one.artefact.stem: _verification(one) for one in built.checked},
        },
        "quantisation": {
            "images": built.quantised_on,
            "kept_in_floating_point": list(built.float_layers),
        },
        "calibration": {
            "background_bias": built.background_bias,
            "logit_gain": LOGIT_GAIN if source.seeded else None,
            "photographs": [asdict(found) for found in built.findings],
        },
        "seconds": {step: round(seconds, 2) for step, seconds in built.seconds.items()},
        "tools": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            **{tool: _version(tool) for tool in _TOOLS},
        },
        "files": files,
    }
    text = json.dumps(content, indent=2, allow_nan=False)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def _input(config: YolactConfig, *, inside: bool) -> dict[str, Any]:
    side = config.image_size
    if inside:
        return {
            "name": INPUT_NAME,
            "shape": [1, None, None, 3],
            "layout": "NHWC",
            "element_type": "u8",
            "channels": "BGR",
            "resized_to": [side, side],
        }
    return {
        "name": INPUT_NAME,
        "shape": [1, 3, side, side],
        "layout": "NCHW",
        "element_type": "f32",
        "channels": "RGB",
        "mean_bgr": MEAN_BGR,
        "std_bgr": STD_BGR,
        "resize": "float32, bilinear, aspect not kept",
    }


def _artefact(one: Checked, config: YolactConfig, files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    artefact = one.artefact
    weights = artefact.file.replace(".xml", ".bin")
    return {
        "file": artefact.file,
        "weights_file": weights if weights != artefact.file else None,
        "storage": artefact.storage,
        "arithmetic": artefact.arithmetic,
        "preprocessing": "inside" if artefact.inside else "outside",
        "input": _input(config, inside=artefact.inside),
        "outputs": config.output_shapes,
        "source": artefact.source,
        "source_sha256": files[artefact.source]["sha256"],
        "constant_bytes": dict(one.constants),
        "executed_layers": dict(one.executed),
    }


def _verification(one: Checked) -> dict[str, Any]:
    return {
        "differences": {name: asdict(difference) for name, difference in one.differences.items()},
        "detections": {**asdict(one.agreement), "share": one.agreement.share},
        "allowed": {
            "absolute": dict(one.limits.absolute),
            "rms": one.limits.rms,
            "matched": one.limits.matched,
        },
    }


def _version(tool: str) -> str | None:
    """None for a tool that this environment lacks: NNCF is needed for INT8 only."""
    try:
        return version(tool)
    except PackageNotFoundError:
        return None
