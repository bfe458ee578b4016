"""What each artefact sees in the same image, side by side, as in the paper's Fig. 11."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from cluster_app.tasks import Bytes, Detection
from cluster_app.tasks.yolact import YolactTask

_WIDTH = 480  # of one panel, in pixels
_CAPTION = 34
_MARGIN = 6
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def side_by_side(
    image: Bytes, seen: Mapping[str, Sequence[Detection]], path: Path, categories: Mapping[int, str]
) -> None:
    """Write one PNG: for each name of `seen` a panel, the image with the best detections on it.

    categories: names by category id. All are counted in the caption, however many are drawn.
    """
    task = YolactTask(names=categories)
    panels = [_panel(name, task.draw(image, detections), len(detections)) for name, detections in seen.items()]
    gap = np.full((panels[0].shape[0], _MARGIN, 3), _WHITE, np.uint8)
    row = [part for panel in panels for part in (gap, panel)]
    written, encoded = cv2.imencode(".png", np.concatenate([*row, gap], axis=1))
    if not written:
        raise RuntimeError(f"{path.name}: OpenCV could not encode the picture")
    path.write_bytes(encoded.tobytes())


def _panel(name: str, drawn: Bytes, count: int) -> Bytes:
    height = round(drawn.shape[0] * _WIDTH / drawn.shape[1])
    small = cv2.resize(drawn, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    caption = np.full((_CAPTION, _WIDTH, 3), _WHITE, np.uint8)
    text = f"{name}: {count} object{'' if count == 1 else 's'}"
    cv2.putText(caption, text, (4, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, _BLACK, 1, cv2.LINE_AA)
    return np.concatenate([caption, small])
