"""The models: built in the builder's container, which alone holds Torch, and kept while what they come from stays."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.errors import UserError
from experiments.host import images
from experiments.host.engine import Engine
from experiments.host.paths import ARTEFACTS, MODELS, ROOT
from experiments.photographs import collect

# The paper's input, and one small enough for a demonstration on two cores.
PAPER_SIZE, DEMO_SIZE = 550, 192
_SOURCES = ("network", "tasks")


@dataclass(frozen=True)
class Model:
    """A folder of artefacts: fp32.xml, fp16.xml with their weights, priors.npy, manifest.json."""

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text())
        return content

    @property
    def size(self) -> int:
        return int(self.manifest["image_size"])


def build(weights: Path | None, sizes: Sequence[int], say: Callable[[str], None]) -> dict[int, Model]:
    """The models of those input sizes, by size; built unless they are there. weights: official ones, None for seeded.

    Raises UserError for weights that cannot be read, CommandFailed with the build's own message.
    """
    if weights is not None and not weights.is_file():
        raise UserError(f"WEIGHTS={weights}: there is no such file; give the path of official YOLACT weights (.pth)")
    if weights is not None and not os.access(weights, os.R_OK):
        raise UserError(f"WEIGHTS={weights}: may not be read by this user; change its permissions")
    fingerprint = _fingerprint(weights)
    target = MODELS / fingerprint
    models = {size: Model(target / f"yolact-r50-{size}") for size in sizes}
    lacking = [size for size, model in models.items() if not (model.folder / "manifest.json").is_file()]
    if not lacking:
        say(f"models {', '.join(model.folder.name for model in models.values())}: up to date")
        return models
    begin = time.monotonic()
    target.mkdir(parents=True, exist_ok=True)
    photographs = ARTEFACTS / "calibration-photographs"
    collect(photographs, malformed=False)
    if os.getuid() == 0:
        os.chown(target, 10001, 10001)
    say(f"building models of {', '.join(map(str, lacking))} pixels (Torch, ONNX, OpenVINO)")
    _run_builder(target, photographs, weights, lacking)
    say(f"models built in {time.monotonic() - begin:.0f} s: {target}")
    return models


def _run_builder(target: Path, photographs: Path, weights: Path | None, sizes: Sequence[int]) -> None:
    user = [] if os.getuid() == 0 else ["--user", f"{os.getuid()}:{os.getgid()}"]
    mounts = {ROOT / "cluster_app": "/app/cluster_app:ro", photographs: "/photographs:ro", target: "/out"}
    arguments = ["python", "-m", "cluster_app.network.build", "--photos", "/photographs", "--out", "/out"]
    if weights is not None:
        mounts[weights.resolve()] = "/weights.pth:ro"
        arguments += ["--weights", "/weights.pth"]
    options = [word for source, place in mounts.items() for word in ("-v", f"{source}:{place}")]
    sized = [word for size in sizes for word in ("--size", str(size))]
    Engine().run_once(images.tag("builder"), [*arguments, *sized], options=[*user, *options], timeout=1800)


def _fingerprint(weights: Path | None) -> str:
    """Of the builder, of the code that makes models, and of the weights."""
    digest = hashlib.sha256(images.fingerprints()["builder"].encode())
    for folder in _SOURCES:
        for path in sorted((ROOT / "cluster_app" / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    if weights is not None:
        digest.update(weights.read_bytes())
    return digest.hexdigest()[:12]
