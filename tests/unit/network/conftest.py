"""Tests of cluster_app/network. They need Torch, which only the builder's image has; `make test` runs them there:

    docker run --rm --network none -v "$PWD:/src:ro" -w /src clusterbed/builder:paper \
        python -m pytest -p no:cacheprovider tests/unit/network

Elsewhere nothing here is collected, and that command then ends with pytest's status 5 (no tests), not with success.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

if find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    import torch

    @pytest.fixture(autouse=True)
    def _no_gradients() -> Iterator[None]:
        with torch.no_grad():
            yield


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six made-up photographs: smooth colours with shapes and grain, of different sizes."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for index in range(6):
        height, width = rng.integers(120, 240, 2)
        coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (int(width), int(height)), interpolation=cv2.INTER_CUBIC)
        for _ in range(8):
            centre = (int(rng.integers(width)), int(rng.integers(height)))
            colour = rng.integers(0, 256, 3).tolist()
            cv2.circle(image, centre, int(rng.integers(5, 40)), colour, cv2.FILLED)
        grain = rng.normal(0, 12, image.shape)
        cv2.imwrite(str(folder / f"{index}.png"), np.clip(image + grain, 0, 255).astype(np.uint8))
    return folder
