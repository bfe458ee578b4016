"""The networks that can be built, by name: the published ones, and a small one that ships trained.

A configuration fixes widths, classes and priors; the input size is the caller's choice. Source of r50 and r101:
the published base configuration at 550 pixels and its ResNet-101 variant.
"""

from __future__ import annotations

from dataclasses import replace

from cluster_app.network.training.classes import CLASSES
from cluster_app.tasks.yolact.config import YolactConfig

CONFIGURATIONS: dict[str, YolactConfig] = {
    "r50": YolactConfig(),
    "r101": YolactConfig(blocks=(3, 4, 23, 3)),
    # A pyramid from C2 on keeps small objects apart at 192 pixels, and gives prototypes at half the input's
    # resolution.
    "small": YolactConfig(
        image_size=192,
        base_size=192,
        num_classes=len(CLASSES) + 1,
        mask_dim=24,
        base_scales=(11, 22, 44, 88, 160),
        first_level=2,
        blocks=(2, 2, 2, 2),
        planes=32,
        channels=64,
    ),
}


def configuration(name: str, image_size: int | None = None) -> YolactConfig:
    """The configuration of that name, at its own input size or the one given.

    Raises ValueError for an unknown name, or a size that is out of range.
    """
    if name not in CONFIGURATIONS:
        raise ValueError(f"configuration is {name!r}; allowed: {', '.join(CONFIGURATIONS)}")
    config = CONFIGURATIONS[name]
    return config if image_size is None else replace(config, image_size=image_size)
