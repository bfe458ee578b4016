"""From a decoded photograph to the network's input, as YOLACT's published code does it."""

from __future__ import annotations

import cv2
import numpy as np

from cluster_app.tasks import Bytes, Floats
from cluster_app.tasks.yolact.config import MEAN_BGR, STD_BGR


def preprocess(image: Bytes, image_size: int) -> Floats:
    """(H, W, 3) uint8 BGR -> (1, 3, image_size, image_size) float32 RGB, normalised.

    The pixels become float32 *before* the bilinear resize: resizing bytes rounds them, which moves
    the normalised result by up to 1.3e-2. The aspect ratio is not kept. Raises ValueError for an
    array of another shape or type.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(
            f"image is {image.dtype} with shape {image.shape}; allowed: uint8 with shape (height, width, 3), "
            "BGR, not empty"
        )
    resized = cv2.resize(image.astype(np.float32), (image_size, image_size), interpolation=cv2.INTER_LINEAR)
    normalised = (resized - np.array(MEAN_BGR, np.float32)) / np.array(STD_BGR, np.float32)
    rgb_planes = normalised[:, :, ::-1].transpose(2, 0, 1)
    return np.ascontiguousarray(rgb_planes[np.newaxis])
