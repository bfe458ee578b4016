"""Which detection of one list is which of another: one to one, of the same class, by the overlap of their masks.

NumPy only. Masks stay run-length encoded: of a hundred detections in a photograph nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cluster_app.tasks import Detection
from cluster_app.tasks.yolact import rle

LEAST_IOU = 0.5

_Counts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Positions in both lists, IoU of the masks, and score of the second less score of the first."""

    first: int
    second: int
    iou: float
    score_difference: float


@dataclass(frozen=True)
class Matching:
    """pairs by falling IoU; positions that have no partner, in order."""

    pairs: tuple[Pair, ...]
    only_first: tuple[int, ...]
    only_second: tuple[int, ...]


@dataclass(frozen=True)
class _Runs:
    """A mask's changes: at which pixel, in column-major order, and how many set pixels lie before it."""

    size: tuple[int, int]
    edges: _Counts
    before: _Counts

    @property
    def area(self) -> float:
        return float(self.before[-1])


def match(first: Sequence[Detection], second: Sequence[Detection], least_iou: float = LEAST_IOU) -> Matching:
    """Pairs detections of one image greedily: the largest overlap first, of equals the nearest scores.

    A pair has the same category and a mask IoU of at least `least_iou`, and more than 0: an empty mask matches
    nothing. Raises ValueError if two masks are of different image sizes.
    """
    ones, others = [_runs(one.segmentation) for one in first], [_runs(one.segmentation) for one in second]
    candidates = []
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            if one.category_id == other.category_id:
                iou = _iou(ones[row], others[column])
                if iou > 0 and iou >= least_iou:
                    candidates.append(Pair(row, column, iou, other.score - one.score))
    taken_first: set[int] = set()
    taken_second: set[int] = set()
    pairs = []
    for pair in sorted(candidates, key=lambda pair: (-pair.iou, abs(pair.score_difference), pair.first, pair.second)):
        if pair.first not in taken_first and pair.second not in taken_second:
            taken_first.add(pair.first)
            taken_second.add(pair.second)
            pairs.append(pair)
    return Matching(
        pairs=tuple(pairs),
        only_first=tuple(index for index in range(len(first)) if index not in taken_first),
        only_second=tuple(index for index in range(len(second)) if index not in taken_second),
    )


def mask_iou(first: Mapping[str, Any], second: Mapping[str, Any]) -> float:
    """Intersection over union of two masks in COCO's compressed RLE; 0 where both are empty.

    Raises ValueError if they are of different sizes, or no RLE.
    """
    return _iou(_runs(first), _runs(second))


def _runs(segmentation: Mapping[str, Any]) -> _Runs:
    counts = rle.decompress(segmentation["counts"])
    height, width = segmentation["size"]
    edges = np.concatenate([[0], counts.cumsum()]).astype(np.float64)
    if edges[-1] != height * width or (counts < 0).any():
        raise ValueError(f"counts cover {edges[-1]:.0f} pixels; size is {height} x {width} = {height * width}")
    inside = np.where(np.arange(len(counts)) % 2 == 1, counts, 0)
    return _Runs((height, width), edges, np.concatenate([[0], inside.cumsum()]).astype(np.float64))


def _iou(first: _Runs, second: _Runs) -> float:
    if first.size != second.size:
        raise ValueError(f"masks of different images: sizes {first.size} and {second.size} (height, width)")
    # Between two changes the number of set pixels before a position grows evenly or not at all, so interpolation
    # gives it exactly; what the first has within each run of the second is a difference of two of these.
    passed = np.interp(second.edges, first.edges, first.before)
    shared = float(np.diff(passed)[1::2].sum())
    union = first.area + second.area - shared
    return shared / union if union else 0.0
