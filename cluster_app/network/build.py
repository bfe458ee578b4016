"""Builds YOLACT for the cluster: `python -m cluster_app.network.build --out DIR --photos DIR --size 550`.

For each size it writes DIR/yolact-BACKBONE-SIZE/ with model.onnx, the IR as fp32.xml/.bin and
fp16.xml/.bin, the priors as priors.npy and priors.onnx, and manifest.json that says where all this
came from and what was measured on it. A folder is there complete, or not at all.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch

from cluster_app.network import manifest, verify
from cluster_app.network.calibrate import calibrate_background
from cluster_app.network.convert import convert
from cluster_app.network.export import export_onnx
from cluster_app.network.model import BACKBONES, Yolact
from cluster_app.network.photos import Photo, read_photos
from cluster_app.network.priors import priors_module, split_priors
from cluster_app.network.seeded import CALIBRATION_SIZE, seeded_network
from cluster_app.network.simplify import simplify
from cluster_app.network.weights import load_weights
from cluster_app.tasks import Floats
from cluster_app.tasks.yolact.config import YolactConfig
from cluster_app.tasks.yolact.preprocess import preprocess

THREADS = 2  # fixed: sums in another order would give other last digits
# Largest absolute difference to PyTorch that a file may show, by output. FP16 rounds every weight, and the error
# passes through all layers; loc and proto have the larger values.
EXACT = {"loc": 1e-3, "conf": 1e-3, "mask": 1e-3, "proto": 1e-3}
TOLERANCES = {"onnx": EXACT, "fp32": EXACT, "fp16": {"loc": 0.25, "conf": 0.05, "mask": 0.1, "proto": 0.25}}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 a check failed, 2 bad input."""
    options = _parse(arguments)
    torch.set_num_threads(THREADS)
    try:
        photos = read_photos(options.photos)
        configs = [YolactConfig(image_size=size) for size in options.size]
        source = _source(options, photos)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        for config in configs:
            _build_size(config, source, photos, options.backbone, options.out)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_app.network.build", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the models")
    parser.add_argument("--photos", type=Path, required=True, help="photographs to calibrate and check with")
    parser.add_argument("--size", type=int, action="append", required=True, help="input side in pixels; repeatable")
    parser.add_argument("--backbone", choices=sorted(BACKBONES), default="r50")
    parser.add_argument("--weights", type=Path, help="a published YOLACT checkpoint; omitted: seeded weights")
    parser.add_argument("--seed", type=int, default=0, help="of the seeded weights")
    return parser.parse_args(arguments)


def _source(options: argparse.Namespace, photos: Sequence[Photo]) -> manifest.Source:
    """The weights, at no size in particular: they fit them all."""
    if options.weights is not None:
        _say(f"reading {options.weights}")
        model = Yolact(YolactConfig(), options.backbone)
        load_weights(model, options.weights)
        return manifest.Source(model.state_dict(), manifest.sha256(options.weights), seed=None)
    _say(f"fitting seeded weights, seed {options.seed}, on {len(photos)} photographs")
    model = seeded_network(options.backbone, _inputs(photos, CALIBRATION_SIZE), options.seed)
    return manifest.Source(model.state_dict(), manifest.state_sha256(model.state_dict()), seed=options.seed)


def _build_size(
    config: YolactConfig, source: manifest.Source, photos: Sequence[Photo], backbone: str, out: Path
) -> None:
    name = f"yolact-{backbone}-{config.image_size}"
    started = time.monotonic()
    _say(f"{name}: calibrating" if source.seeded else f"{name}: preparing")
    model = Yolact(config, backbone).eval()
    model.load_state_dict(source.state)
    bias = calibrate_background(model, _inputs(photos, config.image_size)) if source.seeded else None

    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=out))
    try:
        _say(f"{name}: exporting, simplifying, converting")
        export_onnx(model, folder / "model.onnx")
        simplified = simplify(onnx.load(folder / "model.onnx"))
        priors = split_priors(simplified.model)
        onnx.save(simplified.model, folder / "model.onnx")
        onnx.save(priors_module(priors), folder / "priors.onnx")
        np.save(folder / "priors.npy", priors)
        stored = {
            kind: convert(folder / "model.onnx", folder / f"{kind}.xml", fp16=kind == "fp16", config=config)
            for kind in ("fp32", "fp16")
        }
        _say(f"{name}: checking against PyTorch, finding objects in {len(photos)} photographs")
        compared = _compare(model, folder, preprocess(photos[0].pixels, config.image_size))
        findings = verify.find(verify.openvino_backend(folder / "fp32.xml"), priors, photos, config.image_size)
        manifest.check_findings(findings, source.seeded)
        manifest.write(
            folder,
            name=name,
            backbone=backbone,
            config=config,
            source=source,
            background_bias=bias,
            simplified=simplified,
            stored=stored,
            compared=compared,
            tolerances=TOLERANCES,
            findings=findings,
        )
        _replace(folder, out / name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    counts = [found.over_threshold for found in findings]
    _say(f"{name}: {min(counts)} to {max(counts)} detections a photograph, {time.monotonic() - started:.0f} s")


def _inputs(photos: Sequence[Photo], image_size: int) -> list[torch.Tensor]:
    return [torch.from_numpy(preprocess(photo.pixels, image_size)) for photo in photos]


def _compare(model: Yolact, folder: Path, image: Floats) -> dict[str, dict[str, float]]:
    reference = verify.torch_backend(model)(image)
    compared = {}
    for kind, allowed in TOLERANCES.items():
        onnx_path, xml_path = folder / "model.onnx", folder / f"{kind}.xml"
        backend = verify.onnx_backend(onnx_path) if kind == "onnx" else verify.openvino_backend(xml_path)
        compared[kind] = verify.differences(backend, reference, image)
        verify.check_differences(f"{folder.name}: {kind}", compared[kind], allowed)
    return compared


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
