"""YOLACT's published constants, and what follows from the input size.

Source: Bolya et al., "YOLACT: Real-time Instance Segmentation", ICCV 2019, and its published code's
base configuration at 550 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

BASE_SIZE = 550
MIN_SIZE = 64
MAX_SIZE = 1400
FIRST_LEVELS = (2, 3)

INPUT_NAME = "input"
OUTPUT_NAMES = ("loc", "conf", "mask", "proto")

# In BGR, as the published preprocessing subtracts and divides before it turns the channels to RGB.
MEAN_BGR = (103.94, 116.78, 123.68)
STD_BGR = (57.38, 57.12, 58.40)


@dataclass(frozen=True)
class YolactConfig:
    """One YOLACT network: its geometry and its widths. The defaults are the published base configuration, R50-FPN.

    Sizes are in pixels. base_scales are the priors' sizes at an input of base_size; there is one for each level of
    the pyramid, which begins at P{first_level}. blocks and planes are the ResNet's: bottlenecks per stage, and the
    width of the first stage's, doubled from stage to stage. channels is the width of pyramid, prototypes and head.

    Raises ValueError if image_size is outside MIN_SIZE..MAX_SIZE (under it the coarsest levels collapse to one cell
    each, over it the activations do not fit a worker's memory), or first_level is not 2 or 3.
    """

    image_size: int = BASE_SIZE
    num_classes: int = 81  # with the background, which is class 0
    mask_dim: int = 32
    base_scales: tuple[int, ...] = (24, 48, 96, 192, 384)
    ratios: tuple[float, ...] = (1.0, 0.5, 2.0)
    variances: tuple[float, float] = (0.1, 0.2)
    nms_iou: float = 0.5
    nms_top_k: int = 200
    base_size: int = BASE_SIZE
    first_level: int = 3
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    planes: int = 64
    channels: int = 256

    def __post_init__(self) -> None:
        if not MIN_SIZE <= self.image_size <= MAX_SIZE:
            raise ValueError(f"image_size is {self.image_size!r}; allowed: {MIN_SIZE} to {MAX_SIZE}")
        if self.first_level not in FIRST_LEVELS:
            raise ValueError(f"first_level is {self.first_level!r}; allowed: {', '.join(map(str, FIRST_LEVELS))}")

    @property
    def feature_sizes(self) -> tuple[int, ...]:
        """Cells per side of each level, P3..P7 as published: every stride-2 layer of the network gives ceil(n / 2)."""
        sizes = []
        side = self.image_size
        for level in range(1, self.first_level + len(self.base_scales)):
            side = (side + 1) // 2
            if level >= self.first_level:
                sizes.append(side)
        return tuple(sizes)

    @property
    def scales(self) -> tuple[int, ...]:
        """Prior sizes per level: the base scales times image_size / base_size, truncated.

        The published code derives its 400- and 700-pixel configurations from the 550 one this way.
        """
        return tuple(int(scale / self.base_size * self.image_size) for scale in self.base_scales)

    @property
    def prior_count(self) -> int:
        return sum(side * side for side in self.feature_sizes) * len(self.ratios)

    @property
    def proto_size(self) -> int:
        """Cells per side of the prototypes: twice those of the finest level."""
        return 2 * self.feature_sizes[0]

    @property
    def output_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the network's raw outputs for one image, by name."""
        return {
            "loc": (1, self.prior_count, 4),
            "conf": (1, self.prior_count, self.num_classes),
            "mask": (1, self.prior_count, self.mask_dim),
            "proto": (1, self.proto_size, self.proto_size, self.mask_dim),
        }
