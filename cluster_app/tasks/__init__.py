"""The seam between the pipeline and a model: what a task must offer, and what it gives back.

The pipeline knows a task only by `Task`; everything behind it works on NumPy arrays, so that a step
can be called alone, in a test or in a notebook, without Spark, OpenVINO or Torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

NMS_KINDS = ("fast", "traditional")


@dataclass(frozen=True)
class PostprocessOptions:
    """What a caller may choose in post-processing; the defaults are YOLACT's published ones.

    score_threshold: a prior is kept if its best foreground score is over it, from 0 to 1.
    mask_threshold:  a pixel belongs to a mask if its value is over it, from 0 to 1.
    top_k:           detections kept per image, by score, at least 1.
    nms:             "fast" (published default) or "traditional".

    Raises ValueError that names the field, its value and what is allowed.
    """

    score_threshold: float = 0.05
    mask_threshold: float = 0.5
    top_k: int = 100
    nms: str = "fast"

    def __post_init__(self) -> None:
        if not 0.0 <= self.score_threshold <= 1.0:
            raise ValueError(f"score_threshold is {self.score_threshold!r}; allowed: 0 to 1")
        if not 0.0 <= self.mask_threshold <= 1.0:
            raise ValueError(f"mask_threshold is {self.mask_threshold!r}; allowed: 0 to 1")
        if self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k!r}; allowed: 1 or more")
        if self.nms not in NMS_KINDS:
            raise ValueError(f"nms is {self.nms!r}; allowed: {', '.join(NMS_KINDS)}")


@dataclass(frozen=True)
class Detection:
    """One object found in one image.

    category_id:  COCO's (1..90).
    bbox:         (x, y, width, height) in pixels of the original image.
    segmentation: COCO's compressed RLE, {"size": [height, width], "counts": str}.
    """

    category_id: int
    score: float
    bbox: tuple[float, float, float, float]
    segmentation: Mapping[str, Any]


class Task(Protocol):
    """What the pipeline asks of a model's adapter."""

    @property
    def name(self) -> str: ...

    @property
    def mean(self) -> tuple[float, float, float]:
        """Per-channel mean in BGR, on the scale 0..255."""

    @property
    def std(self) -> tuple[float, float, float]:
        """Per-channel standard deviation in BGR, on the scale 0..255."""

    @property
    def input_name(self) -> str: ...

    @property
    def output_names(self) -> tuple[str, ...]: ...

    def preprocess(self, image: Bytes, image_size: int) -> Floats:
        """(H, W, 3) uint8 BGR -> (1, 3, image_size, image_size) float32, as the network takes it."""

    def postprocess(
        self,
        outputs: Mapping[str, Floats],
        priors: Floats,
        height: int,
        width: int,
        options: PostprocessOptions,
    ) -> list[Detection]:
        """The network's raw outputs for one image -> detections in pixels of a height x width original."""

    def draw(self, image: Bytes, detections: Sequence[Detection]) -> Bytes:
        """A copy of the (H, W, 3) uint8 BGR image with the detections drawn on it."""
