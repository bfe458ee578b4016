"""INT8 by post-training quantisation with NNCF, calibrated on images of the kind that the network was trained on.

NNCF is imported when a model is quantised: the other artefacts need nothing of it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov

from cluster_app.network.photos import Photo
from cluster_app.tasks.yolact.preprocess import preprocess

# What stays in floating point, as patterns of layer names: see docs/model.md for the measurements.
FLOAT_LAYERS: tuple[str, ...] = ()
CALIBRATION_IMAGES = 100
_SMALLEST_CROP = 0.5  # of each side
# NNCF runs the model without saying in which arithmetic; with this cap no processor does it in BF16.
_ARITHMETIC = ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI")


class UnknownLayer(ValueError):
    """A pattern that is the name of no layer."""


def pin_arithmetic() -> None:
    """Make NNCF measure in FP32 on every processor. Takes effect before OpenVINO's first use in the process only."""
    os.environ.setdefault(*_ARITHMETIC)


def quantise(source: Path, target: Path, images: Sequence[Photo], image_size: int, float_layers: Sequence[str]) -> None:
    """The FP32 IR `source` -> `target`, .xml and .bin, whose convolutions compute in INT8.

    float_layers: patterns of the names of layers that do not. Raises UnknownLayer if one matches none.
    Weights are symmetric, signed and per channel; activations are per tensor, symmetric after a ReLU and asymmetric
    elsewhere; ranges and the correction of biases come from the images.
    """
    import nncf

    nncf.set_log_level(logging.ERROR)
    model = ov.Core().read_model(str(source))
    _check_patterns(float_layers, [node.get_friendly_name() for node in model.get_ops()])
    # Its progress bars are for terminals. Where a channel never varies it divides by 0, and drops the result.
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(invalid="ignore"):
        quantised = nncf.quantize(
            model,
            nncf.Dataset(images, lambda photo: preprocess(photo.pixels, image_size)),
            subset_size=len(images),
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(patterns=list(float_layers)) if float_layers else None,
        )
    ov.save_model(quantised, str(target), compress_to_fp16=False)


def _check_patterns(patterns: Sequence[str], names: Sequence[str]) -> None:
    for pattern in patterns:
        if not any(re.match(pattern, name) for name in names):
            raise UnknownLayer(f"--float-layer {pattern}: no layer has such a name; one is {names[len(names) // 2]!r}")


def augmented(photos: Sequence[Photo], count: int, seed: int = 0) -> list[Photo]:
    """`count` images out of few: the photographs, then seeded crops of them, mirrored or not, in turn."""
    rng = np.random.default_rng(seed)
    more = (_cropped(photos[index % len(photos)], rng) for index in range(len(photos), count))
    return [*photos[:count], *more]


def _cropped(photo: Photo, rng: np.random.Generator) -> Photo:
    height, width = photo.pixels.shape[:2]
    cut_height, cut_width = (max(1, int(side * rng.uniform(_SMALLEST_CROP, 1.0))) for side in (height, width))
    y, x = int(rng.integers(height - cut_height + 1)), int(rng.integers(width - cut_width + 1))
    cut = photo.pixels[y : y + cut_height, x : x + cut_width]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    return Photo(f"{photo.name}, {cut_width} x {cut_height} at {x}, {y}", np.ascontiguousarray(cut))
