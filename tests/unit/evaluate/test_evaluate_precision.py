"""Average precision: by hand, against pycocotools, and its intervals."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coco_material import annotation, detection, document, square, write_folder
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cluster_app.evaluate.accuracy import against, measure, summary
from cluster_app.evaluate.average_precision import Found, average_precision
from cluster_app.evaluate.coco import Annotations, Image, read_annotations
from cluster_app.evaluate.intervals import Estimate, estimate, image_weights, median_of_rounds, weighted_mean


def annotations(folder: Path) -> Annotations:
    return read_annotations(write_folder(folder / "data") / "annotations.json")


def perfect() -> Found:
    return {
        3: [detection(square(4, 6, 10), 0.9), detection(square(30, 10, 20), 0.8, 2)],
        7: [detection(square(0, 0, 40), 0.7)],
    }


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_perfect_detections(tmp_path: Path, kind: str) -> None:
    found = average_precision(annotations(tmp_path), perfect(), kind, image_weights(2)).metrics
    # Objects of 100, 400 and 1600 pixels: two are small (under 32 x 32), one is medium.
    for name in ("AP", "AP50", "AP75", "AP_small", "AP_medium"):
        assert found[name] == Estimate(pytest.approx(1.0), pytest.approx(1.0), pytest.approx(1.0)), name
    assert found["AP_large"] == Estimate(None, None, None)


def test_by_hand(tmp_path: Path) -> None:
    """Class 1 has two objects: a hit at 0.9, a miss at 0.8, a hit at 0.7. Class 2 is never found."""
    found = {
        3: [detection(square(4, 6, 10), 0.9), detection(square(40, 20, 8), 0.8)],
        7: [detection(square(0, 0, 40), 0.7)],
    }
    # Precision 1 up to recall 1/2 (51 of the 101 recalls), then 2/3 (the other 50).
    by_class = [(51 * 1 + 50 * 2 / 3) / 101, 0.0]
    measured = average_precision(annotations(tmp_path), found, "mask", image_weights(2)).metrics
    assert measured["AP"].value == pytest.approx(np.mean(by_class))


def test_overlap_decides_which_thresholds_are_met(tmp_path: Path) -> None:
    """10 x 10 against 10 x 8 of it: IoU 0.8 meets .50 to .80, seven of ten thresholds (at .80 it is equal)."""
    mask = square(4, 6, 10)
    mask[14:16] = 0
    found = {**perfect(), 3: [detection(mask, 0.9), detection(square(30, 10, 20), 0.8, 2)]}
    measured = average_precision(annotations(tmp_path), found, "mask", image_weights(2)).metrics
    assert measured["AP50"].value == pytest.approx(1.0)
    assert measured["AP75"].value == pytest.approx(1.0)
    # Over .80 the miss stands before the other object's hit: recall 1/2 at precision 1/2 in three of ten.
    class_1 = (7 * 1.0 + 3 * (51 / 101) * 0.5) / 10
    assert measured["AP"].value == pytest.approx((class_1 + 1.0) / 2)


def test_nothing_found_is_zero_and_not_absent(tmp_path: Path) -> None:
    measured = average_precision(annotations(tmp_path), {}, "mask", image_weights(2)).metrics
    assert measured["AP"] == Estimate(0.0, 0.0, 0.0)
    assert measured["AP_large"].value is None


def noisy(seed: int, images: int = 12) -> tuple[Annotations, Found]:
    """Many objects of three sizes, crowds among them; detections that are near, wrong, doubled or missing."""
    rng = np.random.default_rng(seed)
    content = document()
    content["images"] = [
        {"id": index, "file_name": f"{index}.png", "width": 200, "height": 160} for index in range(images)
    ]
    content["annotations"], found = [], {index: [] for index in range(images)}
    for image in range(images):
        for _ in range(rng.integers(0, 6)):
            x, y, side = (int(value) for value in rng.integers((0, 0, 5), (90, 50, 110)))
            category = int(rng.integers(1, 3))
            one = annotation(len(content["annotations"]), image, category, square(x, y, side, height=160, width=200))
            one["iscrowd"] = int(rng.random() < 0.1)
            content["annotations"].append(one)
            for _ in range(rng.integers(0, 3)):
                dx, dy = rng.integers(0, 8, 2)
                mask = square(x + int(dx), y + int(dy), side, height=160, width=200)
                kind = category if rng.random() < 0.9 else 3 - category
                found[image].append(detection(mask, round(float(rng.random()), 2), kind))

    read = Annotations(
        file=Path("annotations.json"),
        images=tuple(Image(**one) for one in content["images"]),
        categories=((1, "person"), (2, "bicycle")),
        objects=tuple(content["annotations"]),
    )
    return read, found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["mask", "box"])
def test_it_is_pycocotools_own_figure(seed: int, kind: str) -> None:
    read, found = noisy(seed)
    ours = average_precision(read, found, kind, image_weights(len(read.images), resamples=3)).metrics
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [vars(image) for image in read.images],
            "annotations": json.loads(json.dumps(read.objects)),
            "categories": [{"id": 1}, {"id": 2}],
        }
        truth.createIndex()
        shape = (
            (lambda one: {"segmentation": one.segmentation})
            if kind == "mask"
            else (lambda one: {"bbox": list(one.bbox)})
        )
        rows = [
            {"image_id": image, "category_id": one.category_id, "score": one.score, **shape(one)}
            for image, detections in found.items()
            for one in detections
        ]
        evaluation = COCOeval(truth, truth.loadRes(rows), {"mask": "segm", "box": "bbox"}[kind])
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    theirs = dict(zip(("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"), evaluation.stats[:6], strict=True))
    for name, value in theirs.items():
        assert ours[name].value == (None if value < 0 else pytest.approx(value, abs=1e-12)), name
    assert 0.1 < theirs["AP"] < 0.9


def test_an_image_drawn_twice_counts_twice() -> None:
    """Resampling an image twice is the same as a data set that holds it twice."""
    read, found = noisy(1, images=3)
    weights = np.array([[2, 1, 0]])
    sampled = average_precision(read, found, "mask", weights).samples["AP"][0]

    first, second, _ = read.images
    again = replace(first, id=99, file_name="again.png")
    objects = [one for one in read.objects if one["image_id"] in (0, 1)]
    copies = [{**one, "id": one["id"] + 1000, "image_id": 99} for one in objects if one["image_id"] == 0]
    doubled = replace(read, images=(first, again, second), objects=(*objects, *copies))
    direct = average_precision(doubled, {0: found[0], 99: found[0], 1: found[1]}, "mask", image_weights(3, 2))
    assert sampled == pytest.approx(direct.metrics["AP"].value, abs=1e-9)


def test_intervals_hold_the_value_and_are_the_same_each_time() -> None:
    read, found = noisy(2)
    one, same = (average_precision(read, found, "mask", image_weights(len(read.images))).metrics for _ in range(2))
    assert one == same
    figure = one["AP50"]
    assert figure.low is not None
    assert figure.high is not None
    assert figure.value is not None
    assert figure.low < figure.value < figure.high


def test_a_backend_beside_another() -> None:
    read, found = noisy(3)
    good = measure(read, found)
    worse = measure(read, {image: detections[:-1] for image, detections in found.items()})
    beside = against(worse, good)
    assert beside is not None
    assert beside.difference.value == pytest.approx(worse.mask.metrics["AP"].value - good.mask.metrics["AP"].value)
    assert beside.fraction.value == pytest.approx(worse.mask.metrics["AP"].value / good.mask.metrics["AP"].value)
    assert against(good, good) is not None
    assert against(good, good).difference == Estimate(0.0, 0.0, 0.0)
    assert against(good, measure(read, {})) is None
    told = summary({"torch": good, "openvino-int8": worse})
    assert told["torch"]["mask_AP_against"] == {}
    assert list(told["openvino-int8"]["mask_AP_against"]) == ["torch"]


def test_estimates() -> None:
    assert estimate(float("nan"), np.array([1.0])) == Estimate(None, None, None)
    assert estimate(2.0, np.full(9, np.nan)) == Estimate(2.0, 2.0, 2.0)
    mean = weighted_mean(np.array([1.0, 3.0, 0.0]), np.array([2.0, 2.0, 0.0]), image_weights(3))
    assert mean.value == 1.0
    assert weighted_mean(np.zeros(2), np.zeros(2), image_weights(2)) == Estimate(None, None, None)
    assert median_of_rounds(np.full(5, 0.7)) == Estimate(0.7, 0.7, 0.7)
    spread = median_of_rounds(np.array([0.5, 0.6, 0.7, 0.8, 0.9]))
    assert (spread.value, spread.low, spread.high) == (0.7, 0.5, 0.9)


def test_weights_draw_as_many_images_as_there_are() -> None:
    weights = image_weights(7)
    assert weights.shape == (300, 7)
    assert (weights.sum(axis=1) == 7).all()
