"""The models: built in the builder's container, which alone holds Torch, and kept while what they come from stays."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.errors import UserError
from experiments.host import images
from experiments.host.evaluation import Program, attend
from experiments.host.paths import ARTEFACTS, MODELS, ROOT
from experiments.photographs import collect

# The paper's input, and one small enough for a demonstration on two cores.
PAPER_SIZE, DEMO_SIZE = 550, 192
# The input of the small network that ships trained, and its weights.
SMALL_SIZE = 192
SHIPPED = ROOT / "cluster_app" / "network" / "shipped" / "small.pth"
CONFIGURATIONS = ("r50", "r101", "small")
_SOURCES = ("network", "tasks")
_FULL = "int8"  # an artefact that only a full build makes

Say = Callable[[str], None]


@dataclass(frozen=True)
class Model:
    """A folder of artefacts: fp32.xml, fp16.xml with their weights, priors.npy, manifest.json; in full also int8.xml
    and the variants with preprocessing inside.
    """

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text())
        return content

    @property
    def size(self) -> int:
        return int(self.manifest["image_size"])

    def is_built(self, full: bool) -> bool:
        if not (self.folder / "manifest.json").is_file():
            return False
        return not full or _FULL in self.manifest.get("artefacts", {})


@dataclass(frozen=True)
class Order:
    """What to build: weights of a file, or None for seeded ones; full: with INT8 and preprocessing inside."""

    configuration: str
    weights: Path | None
    full: bool


def build(
    weights: Path | None, sizes: Sequence[int], say: Say, *, configuration: str = "r50", full: bool = False
) -> dict[int, Model]:
    """The models of those input sizes, by size; built unless they are there. weights: official ones, None for seeded.

    Raises UserError for weights that cannot be read or do not fit, or a size or configuration that is not allowed;
    RunFailed with the build's own message if a check of what was built fails.
    """
    if configuration not in CONFIGURATIONS:
        raise UserError(f"--configuration {configuration}: allowed: {', '.join(CONFIGURATIONS)}")
    if weights is not None and not weights.is_file():
        raise UserError(f"WEIGHTS={weights}: there is no such file; give the path of official YOLACT weights (.pth)")
    if weights is not None and not os.access(weights, os.R_OK):
        raise UserError(f"WEIGHTS={weights}: may not be read by this user; change its permissions")
    target = MODELS / _fingerprint(weights)
    models = {size: Model(target / f"yolact-{configuration}-{size}") for size in sizes}
    lacking = [size for size, model in models.items() if not model.is_built(full)]
    if not lacking:
        say(f"models {', '.join(model.folder.name for model in models.values())}: up to date")
        return models
    begin = time.monotonic()
    target.mkdir(parents=True, exist_ok=True)
    photographs = ARTEFACTS / "calibration-photographs"
    collect(photographs, malformed=False)
    kinds = "Torch, ONNX, OpenVINO, INT8" if full else "Torch, ONNX, OpenVINO"
    say(f"building {configuration} of {', '.join(map(str, lacking))} pixels ({kinds})")
    with _nothing_half_written(target):
        _run_builder(Order(configuration, weights, full), target, photographs, say, lacking)
    say(f"models built in {time.monotonic() - begin:.0f} s: {target}")
    return models


def trained(say: Say, *, full: bool = True) -> Model:
    """The small network with the weights that ship. Raises UserError where this checkout has none."""
    if not SHIPPED.is_file():
        raise UserError(f"the trained model: {SHIPPED.relative_to(ROOT)} is not there; `make train` makes it")
    return build(SHIPPED, [SMALL_SIZE], say, configuration="small", full=full)[SMALL_SIZE]


@contextmanager
def _nothing_half_written(target: Path) -> Iterator[None]:
    """Where the work inside fails or is interrupted, removes what it left aside, and the folder if that is all."""
    before = set(target.iterdir())
    try:
        yield
    except BaseException:
        for left in set(target.glob(".*")) - before:
            shutil.rmtree(left, ignore_errors=True)
        with suppress(OSError):
            target.rmdir()
        raise


def _run_builder(order: Order, target: Path, photographs: Path, say: Say, sizes: Sequence[int]) -> None:
    mounts = {photographs: "/photographs:ro", target: "/out"}
    arguments = ["--photos", "/photographs", "--out", "/out", "--configuration", order.configuration]
    if order.weights is not None:
        mounts[order.weights] = "/weights.pth:ro"
        arguments += ["--weights", "/weights.pth"]
    if order.full:
        arguments.append("--full")
    arguments += [word for size in sizes for word in ("--size", str(size))]
    attend(Program("cluster_app.network.build", arguments, mounts), say)


def _fingerprint(weights: Path | None) -> str:
    """Of the builder, of the code that makes models, and of the weights."""
    digest = hashlib.sha256(images.fingerprints()["builder"].encode())
    for folder in _SOURCES:
        for path in sorted((ROOT / "cluster_app" / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    if weights is not None:
        digest.update(weights.read_bytes())
    return digest.hexdigest()[:12]
