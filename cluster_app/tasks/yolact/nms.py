"""Which priors become detections: score filter, suppression per class, the best of all classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster_app.tasks import Floats, PostprocessOptions
from cluster_app.tasks.yolact.config import YolactConfig

Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Selection:
    """Detections by falling score: prior (n,) int64, class_index (n,) int64 from 0, score (n,) float32."""

    prior: Indices
    class_index: Indices
    score: Floats


def select(conf: Floats, boxes: Floats, config: YolactConfig, options: PostprocessOptions) -> Selection:
    """Class scores (N, C) with the background first, boxes (N, 4) x1, y1, x2, y2 -> detections.

    As published: a prior counts if its best foreground score is over the threshold, and then for
    *every* class. There is no second threshold, so one prior can give a detection per class.
    """
    foreground = conf[:, 1:]
    candidates = np.flatnonzero(foreground.max(axis=1) > options.score_threshold)
    near, by_class = boxes[candidates], np.ascontiguousarray(foreground[candidates].T)
    if options.nms == "fast":
        survive = _fast(near, by_class, config.nms_iou, config.nms_top_k)
    else:
        survive = _traditional(near * config.image_size, by_class, config.nms_iou, options.score_threshold)
    class_index, kept = np.nonzero(survive)
    score = by_class[class_index, kept]
    best = np.argsort(-score, kind="stable")[: options.top_k]
    return Selection(candidates[kept[best]], class_index[best], score[best])


def fast_nms(boxes: Floats, scores: Floats, iou_threshold: float, top_k: int) -> Indices:
    """Indices into boxes (n, 4) of one class that survive, by falling score.

    YOLACT's Fast NMS (section 4.2 of its paper): of the top_k best, one is dropped if its IoU with any
    better one is over the threshold, even if that better one is itself dropped.
    """
    order = np.argsort(-scores, kind="stable")[:top_k]
    overlap = np.triu(iou_matrix(boxes[order], boxes[order]), k=1)
    kept: Indices = order[overlap.max(axis=0, initial=0.0) <= iou_threshold]
    return kept


def traditional_nms(boxes: Floats, scores: Floats, iou_threshold: float) -> Indices:
    """Greedy suppression: as `fast_nms`, but only survivors suppress. Without a limit per class.

    boxes: in pixels of the network's input. As in the published code, a box reaches one pixel further than its right
    and lower edge say, and an IoU of exactly the threshold suppresses.
    """
    boxes = boxes + np.array([0, 0, 1, 1], np.float32)
    remaining = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(remaining):
        best, rest = remaining[0], remaining[1:]
        kept.append(int(best))
        remaining = rest[iou_matrix(boxes[best : best + 1], boxes[rest])[0] < iou_threshold]
    return np.array(kept, np.int64)


def iou_matrix(first: Floats, second: Floats) -> Floats:
    """IoU of every box of first (n, 4) with every one of second (m, 4), as (n, m); x1, y1, x2, y2.

    Boxes without area overlap with nothing: their IoU is 0, not 0 / 0.
    """
    shared = _shared_length(first, second, 0) * _shared_length(first, second, 1)
    union = _area(first)[:, None] + _area(second)[None, :] - shared
    iou: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def _shared_length(first: Floats, second: Floats, axis: int) -> Floats:
    """How far each of the first boxes overlaps with each of the second along x (axis 0) or y (1), as (n, m)."""
    low = np.maximum.outer(first[:, axis], second[:, axis])
    high = np.minimum.outer(first[:, axis + 2], second[:, axis + 2])
    shared: Floats = np.maximum(high - low, 0)
    return shared


def _area(boxes: Floats) -> Floats:
    area: Floats = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return area


def _fast(boxes: Floats, by_class: Floats, iou_threshold: float, top_k: int) -> Flags:
    """`fast_nms` of every class: which of boxes (n, 4) survive in it, by scores (C, n), as (C, n)."""
    survive = np.zeros(by_class.shape, np.bool_)
    if len(boxes) > top_k:
        for flags, scores in zip(survive, by_class):
            flags[fast_nms(boxes, scores, iou_threshold, top_k)] = True
        return survive
    # None falls out for its rank alone, so all classes share the pairs of boxes that overlap: each row of `overlaps`
    # holds those that may drop one box, and they do in the classes in which they are better.
    order = np.argsort(-by_class, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(len(boxes))[None], axis=1)
    overlaps = iou_matrix(boxes, boxes) > iou_threshold
    for box, others in enumerate(overlaps):
        survive[:, box] = (rank[:, others] >= rank[:, box, None]).all(axis=1)
    return survive


def _traditional(boxes: Floats, by_class: Floats, iou_threshold: float, score_threshold: float) -> Flags:
    """`traditional_nms` of every class, of the scores over the threshold, as (C, n)."""
    survive = np.zeros(by_class.shape, np.bool_)
    for flags, scores in zip(survive, by_class):
        over = np.flatnonzero(scores > score_threshold)
        flags[over[traditional_nms(boxes[over], scores[over], iou_threshold)]] = True
    return survive
