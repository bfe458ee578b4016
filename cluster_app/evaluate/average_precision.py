"""COCO's average precision by pycocotools, and its interval by image.

pycocotools matches detections to objects; from its matches the same curve is drawn again for every resample of the
images, where an image that was drawn twice counts twice. With every image once, the result is pycocotools' own.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cluster_app.evaluate.coco import Annotations
from cluster_app.evaluate.intervals import Estimate, Samples, Weights, estimate
from cluster_app.tasks import Detection

KINDS = {"mask": "segm", "box": "bbox"}
_MOST = 100
_RECALLS = np.linspace(0.0, 1.00, 101)
_AREAS = ("all", "small", "medium", "large")
# Area range, and IoU threshold (None: the mean over .50:.05:.95).
METRICS: Mapping[str, Tuple[str, Optional[float]]] = {
    "AP": ("all", None),
    "AP50": ("all", 0.5),
    "AP75": ("all", 0.75),
    "AP_small": ("small", None),
    "AP_medium": ("medium", None),
    "AP_large": ("large", None),
}

Found = Mapping[int, Sequence[Detection]]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Curve:
    """Detections of one category, by falling score, over one range of object areas; T is the IoU thresholds' count.

    image (D,): its position among the images. hit, miss (T, D): what counts for and against. objects (images,).
    """

    image: npt.NDArray[np.int64]
    hit: _Flags
    miss: _Flags
    objects: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Precision:
    """The metrics by name for one backend, and what resampling gave, by name (resamples,)."""

    metrics: Mapping[str, Estimate]
    samples: Mapping[str, Samples]


def average_precision(annotations: Annotations, found: Found, kind: str, weights: Weights) -> Precision:
    """AP of detections by image id, "mask" or "box", over all images of the annotations.

    weights come from `intervals.image_weights`. An image that `found` lacks has no detection.
    """
    evaluation = _matched(annotations, found, kind)
    curves = _curves(evaluation, len(annotations.images))
    thresholds = np.asarray(evaluation.params.iouThrs)
    once = np.ones((1, len(annotations.images)), np.int64)
    metrics, samples = {}, {}
    for area in _AREAS:
        values, resampled = _scores(curves[area], once), _scores(curves[area], weights)
        for name in (name for name, (of, _) in METRICS.items() if of == area):
            at = METRICS[name][1]
            chosen = slice(None) if at is None else np.isclose(thresholds, at)
            samples[name] = _mean(resampled[:, :, chosen])
            metrics[name] = estimate(float(_mean(values[:, :, chosen])[0]), samples[name])
    return Precision({name: metrics[name] for name in METRICS}, samples)


def _matched(annotations: Annotations, found: Found, kind: str) -> COCOeval:
    # pycocotools prints as it works.
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [vars(image) for image in annotations.images],
            "categories": [{"id": key, "name": name} for key, name in annotations.categories],
            "annotations": [dict(one) for one in annotations.objects],
        }
        truth.createIndex()
        evaluation = COCOeval(truth, _results(truth, annotations, found, kind), KINDS[kind])
        evaluation.params.imgIds = [image.id for image in annotations.images]
        evaluation.evaluate()
    return evaluation


def _results(truth: COCO, annotations: Annotations, found: Found, kind: str) -> COCO:
    rows = [
        {"image_id": image.id, "category_id": one.category_id, "score": one.score, **_shape(one, kind)}
        for image in annotations.images
        for one in found.get(image.id, ())
    ]
    if rows:
        return truth.loadRes(rows)
    empty = COCO()
    empty.dataset = {**truth.dataset, "annotations": []}
    empty.createIndex()
    return empty


def _shape(one: Detection, kind: str) -> Dict[str, Any]:
    # One of the two: beside a box, pycocotools would take a mask's area from the box.
    return {"segmentation": dict(one.segmentation)} if kind == "mask" else {"bbox": list(one.bbox)}


def _curves(evaluation: COCOeval, images: int) -> Dict[str, List[_Curve]]:
    categories = len(evaluation.params.catIds)
    # By category, then area, then image.
    parts = np.array(evaluation.evalImgs, dtype=object).reshape(categories, len(_AREAS), images)
    return {
        area: [_curve(parts[category, index], len(evaluation.params.iouThrs)) for category in range(categories)]
        for index, area in enumerate(_AREAS)
    }


def _curve(parts: Sequence[Optional[Mapping[str, Any]]], thresholds: int) -> _Curve:
    """parts: what pycocotools found in each image for one category and area; None where there is neither."""
    objects = np.array([0 if part is None else np.count_nonzero(part["gtIgnore"] == 0) for part in parts], np.int64)
    scores, image = [np.zeros(0)], [np.zeros(0, np.int64)]
    matched, ignored = [np.zeros((thresholds, 0), bool)], [np.zeros((thresholds, 0), bool)]
    for index, part in enumerate(parts):
        if part is not None:
            count = len(part["dtScores"][:_MOST])
            scores.append(np.asarray(part["dtScores"][:_MOST], float))
            image.append(np.full(count, index, np.int64))
            matched.append(part["dtMatches"][:, :_MOST] != 0)
            ignored.append(part["dtIgnore"][:, :_MOST] != 0)
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    hits, passed = np.concatenate(matched, axis=1)[:, order], np.concatenate(ignored, axis=1)[:, order]
    return _Curve(np.concatenate(image)[order], hits & ~passed, ~hits & ~passed, objects)


def _scores(curves: Sequence[_Curve], weights: Weights) -> Samples:
    """AP by resample, category and IoU threshold; NaN where a category has no object."""
    return np.stack([np.stack([_area_under(curve, weight) for curve in curves]) for weight in weights])


def _area_under(curve: _Curve, weight: npt.NDArray[np.int64]) -> Samples:
    """AP at each IoU threshold (T,): precision, made monotone, at 101 recalls, as pycocotools defines it."""
    objects = int(curve.objects @ weight)
    if objects == 0:
        return np.full(len(curve.hit), np.nan)
    if not len(curve.image):
        return np.zeros(len(curve.hit))
    each = weight[curve.image]
    hits, misses = (curve.hit * each).cumsum(axis=1), (curve.miss * each).cumsum(axis=1)
    precision = hits / (hits + misses + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    result = np.zeros(len(curve.hit))
    for index, recall in enumerate(hits / objects):
        positions = np.searchsorted(recall, _RECALLS, side="left")
        reached = positions[positions < recall.size]
        result[index] = precision[index, reached].sum() / len(_RECALLS)
    return result


def _mean(values: Samples) -> Samples:
    """(resamples, categories, thresholds) -> (resamples,): over what is not NaN; NaN where nothing is left."""
    flat = values.reshape(len(values), -1)
    known = ~np.isnan(flat)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Samples = np.where(known, flat, 0.0).sum(axis=1) / known.sum(axis=1)
    return mean
