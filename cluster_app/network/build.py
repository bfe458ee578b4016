"""Builds YOLACT for the cluster: `python -m cluster_app.network.build --out DIR --photos DIR`.

For each size it writes DIR/yolact-CONFIGURATION-SIZE/: weights.pth, model.onnx, the IR as fp32 and fp16, the priors as
priors.npy and priors.onnx, and manifest.json that says where all this came from and what was measured on it. With
--full also the IR as int8, each of the three with preprocessing inside (fp32-u8, fp16-u8, int8-u8), and pictures of
what each artefact sees. A folder is there complete, or not at all.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from cluster_app.backends.folder import ModelFolder
from cluster_app.network import artefacts, manifest, quantise, verify
from cluster_app.network.calibrate import calibrate_background
from cluster_app.network.compare import Subject, compare, open_artefact
from cluster_app.network.configurations import CONFIGURATIONS, configuration
from cluster_app.network.convert import check_interface, convert
from cluster_app.network.export import export_onnx
from cluster_app.network.material import CHECKED, Material, photographs, synthetic_scenes
from cluster_app.network.model import Yolact
from cluster_app.network.photos import Photo, read_photos
from cluster_app.network.prepost import embed_preprocessing
from cluster_app.network.priors import priors_module, split_priors
from cluster_app.network.seeded import CALIBRATION_SIZE, seeded_network
from cluster_app.network.simplify import Simplified, simplify
from cluster_app.network.weights import load_weights
from cluster_app.tasks import Floats
from cluster_app.tasks.yolact.config import YolactConfig
from cluster_app.tasks.yolact.preprocess import preprocess

THREADS = 2  # fixed: sums in another order would give other last digits


@dataclass(frozen=True)
class Order:
    """What to build: a configuration by name at one size, plain or full, and the images to do it with."""

    configuration: str
    config: YolactConfig
    full: bool
    material: Material
    photos: Sequence[Photo]
    float_layers: Sequence[str]

    @property
    def name(self) -> str:
        return f"yolact-{self.configuration}-{self.config.image_size}"

    @property
    def names(self) -> list[str]:
        """Of the classes, in the order of the scores."""
        return [one["name"] for one in manifest.categories(self.configuration, self.config.num_classes)]

    @property
    def artefacts(self) -> Sequence[artefacts.Artefact]:
        return artefacts.FULL if self.full else artefacts.PLAIN


class Stopwatch:
    """Seconds by step, announced as each begins."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        _say(f"{self._name}: {step}")
        began = time.monotonic()
        yield
        self.seconds[step] = time.monotonic() - began


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 a check failed, 2 bad input."""
    options = _parse(arguments)
    torch.set_num_threads(THREADS)
    quantise.pin_arithmetic()
    try:
        photos = read_photos(options.photos)
        configs = [configuration(options.configuration, size) for size in options.size or [None]]
        material = _material(options, photos)
        source = _source(options, photos)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        for config in configs:
            order = Order(options.configuration, config, options.full, material, photos, options.float_layer)
            _build(order, source, options.out)
    except (RuntimeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, quantise.UnknownLayer) else 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_app.network.build", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the models")
    parser.add_argument("--photos", type=Path, required=True, help="photographs to calibrate and check with")
    parser.add_argument("--configuration", choices=sorted(CONFIGURATIONS), default="r50")
    parser.add_argument("--size", type=int, action="append", help="input side in pixels; repeatable; omitted: its own")
    parser.add_argument("--weights", type=Path, help="a published YOLACT checkpoint; omitted: seeded weights")
    parser.add_argument("--seed", type=int, default=0, help="of the seeded weights")
    parser.add_argument("--full", action="store_true", help="INT8, variants with preprocessing inside, pictures")
    parser.add_argument("--quantise-on", type=int, default=quantise.CALIBRATION_IMAGES, help="images for INT8")
    parser.add_argument(
        "--float-layer",
        action="append",
        default=list(quantise.FLOAT_LAYERS),
        metavar="REGEX",
        help="name of layers that INT8 leaves in floating point; repeatable",
    )
    options = parser.parse_args(arguments)
    if options.quantise_on < 1:
        parser.error(f"--quantise-on is {options.quantise_on}; allowed: 1 or more")
    return options


def _material(options: argparse.Namespace, photos: Sequence[Photo]) -> Material:
    """Trained small weights know synthetic scenes; all others get photographs."""
    if options.configuration == "small" and options.weights is not None:
        return synthetic_scenes(options.photos, options.quantise_on)
    return photographs(photos, options.quantise_on, seeded=options.weights is None)


def _source(options: argparse.Namespace, photos: Sequence[Photo]) -> manifest.Source:
    """The weights, at no size in particular: they fit them all."""
    if options.weights is not None:
        _say(f"reading {options.weights}")
        model = Yolact(configuration(options.configuration))
        load_weights(model, options.weights)
        return manifest.Source(model.state_dict(), manifest.sha256(options.weights), seed=None)
    _say(f"fitting seeded weights, seed {options.seed}, on {len(photos)} photographs")
    model = seeded_network(options.configuration, _inputs(photos, CALIBRATION_SIZE), options.seed)
    return manifest.Source(model.state_dict(), manifest.state_sha256(model.state_dict()), seed=options.seed)


def _build(order: Order, source: manifest.Source, out: Path) -> None:
    watch = Stopwatch(order.name)
    with _aside(out / order.name) as folder:
        with watch("weights"):
            model, bias = _network(order, source)
            torch.save(model.state_dict(), folder / artefacts.WEIGHTS)
        with watch("onnx"):
            simplified, priors = _onnx(model, folder)
        for artefact in (artefacts.FP32, artefacts.FP16):
            with watch(artefact.stem):
                convert(folder / artefact.source, folder / artefact.file, artefact.storage, order.config, order.names)
        if order.full:
            with watch(artefacts.INT8.stem):
                _quantise(order, folder)
            with watch("preprocessing inside"):
                _embed(folder)
        with watch("comparison with PyTorch"):
            subject = Subject(model, priors, _described(order, source, folder))
            compared = order.material.check[:CHECKED]
            checked = compare(subject, order.artefacts, compared, THREADS, draw=order.full)
        with watch("objects in the images"):
            fp32 = open_artefact(artefacts.FP32, subject.folder, THREADS)
            findings = [verify.examine(fp32(photo), priors, photo) for photo in order.material.check]
            verify.check_findings(findings, order.material.hold_objects)
        manifest.write(
            folder,
            manifest.Built(
                name=order.name,
                configuration=order.configuration,
                config=order.config,
                source=source,
                background_bias=bias,
                simplified=simplified,
                material=order.material.kind,
                quantised_on=len(order.material.quantise) if order.full else 0,
                float_layers=order.float_layers if order.full else (),
                checked=checked,
                compared_on=[photo.name for photo in compared],
                findings=findings,
                seconds=watch.seconds,
            ),
        )
    counts = [found.over_threshold for found in findings]
    _say(f"{order.name}: {min(counts)} to {max(counts)} detections an image, {sum(watch.seconds.values()):.0f} s")


def _network(order: Order, source: manifest.Source) -> tuple[Yolact, float | None]:
    """The network at the order's size, and the background's bias where the weights are seeded."""
    model = Yolact(order.config).eval()
    model.load_state_dict(source.state)
    bias = calibrate_background(model, _inputs(order.photos, order.config.image_size)) if source.seeded else None
    return model, bias


def _onnx(model: Yolact, folder: Path) -> tuple[Simplified, Floats]:
    """Write model.onnx, simplified and without priors, and the priors beside it."""
    path = folder / artefacts.ONNX.file
    export_onnx(model, path)
    simplified = simplify(onnx.load(path))
    priors = split_priors(simplified.model)
    onnx.save(simplified.model, path)
    array, module = artefacts.PRIORS
    np.save(folder / array, priors)
    onnx.save(priors_module(priors), folder / module)
    return simplified, priors


def _quantise(order: Order, folder: Path) -> None:
    target = folder / artefacts.INT8.file
    quantise.quantise(
        folder / artefacts.INT8.source, target, order.material.quantise, order.config.image_size, order.float_layers
    )
    check_interface(target, order.config)


def _embed(folder: Path) -> None:
    for artefact in artefacts.INSIDE:
        embed_preprocessing(folder / artefact.source, folder / artefact.file)


def _described(order: Order, source: manifest.Source, folder: Path) -> ModelFolder:
    """The folder as its manifest, which comes last, will tell it."""
    listed = manifest.categories(order.configuration, order.config.num_classes)
    return ModelFolder(
        path=folder,
        name=order.name,
        configuration=order.configuration,
        image_size=order.config.image_size,
        num_classes=order.config.num_classes,
        seeded=source.seeded,
        categories=tuple((one["id"], one["name"]) for one in listed),
    )


def _inputs(photos: Sequence[Photo], image_size: int) -> list[torch.Tensor]:
    return [torch.from_numpy(preprocess(photo.pixels, image_size)) for photo in photos]


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A folder to fill, which takes the target's place if that succeeds and is removed if it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield folder
        _replace(folder, target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _replace(folder: Path, target: Path) -> None:
    """Put the finished folder in the target's place; readers see the old one or the new one."""
    folder.chmod(0o755)
    old = target.with_name(f".{target.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    folder.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
