"""Post-processing end to end, on outputs that say exactly what should be found."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from cluster_app.tasks import Detection, PostprocessOptions, Task
from cluster_app.tasks.yolact import YolactConfig, YolactTask, rle
from cluster_app.tasks.yolact.categories import CATEGORIES, NAMES_BY_ID, names_in_ir, names_of, to_labels
from cluster_app.tasks.yolact.overlay import LEAST_SCORE, MOST_DRAWN, colour_of, draw
from cluster_app.tasks.yolact.priors import make_priors

CONFIG = YolactConfig(image_size=64)
PRIORS = make_priors(CONFIG)
Outputs = dict[str, np.ndarray]


def outputs_with(found: dict[int, tuple[int, float]]) -> Outputs:
    """Outputs with one class and score at each given prior, and prototypes that are inside everywhere."""
    conf = np.zeros((1, CONFIG.prior_count, 81), np.float32)
    conf[:, :, 0] = 1
    for prior, (class_index, score) in found.items():
        conf[0, prior] = 0
        conf[0, prior, class_index + 1] = score
    return {
        "loc": np.zeros((1, CONFIG.prior_count, 4), np.float32),
        "conf": conf,
        "mask": np.full((1, CONFIG.prior_count, 32), 1.0, np.float32),
        "proto": np.full((1, 16, 16, 32), 1.0, np.float32),
    }


def run(outputs: Outputs, height: int = 100, width: int = 200, **options: object) -> list[Detection]:
    task: Task = YolactTask(CONFIG)
    return task.postprocess(outputs, PRIORS, height, width, PostprocessOptions(**options))  # type: ignore[arg-type]


def over(detections: list[Detection]) -> list[Detection]:
    return [found for found in detections if found.score > 0.05]


def test_one_prior_gives_its_box_category_score_and_mask() -> None:
    prior = 3 * (8 * 4 + 4)  # P3, fifth row and column, ratio 1: centre 4.5/8, side 2/64
    (found,) = over(run(outputs_with({prior: (79, 0.75)}), height=96, width=208))
    assert found.category_id == 90
    assert found.score == pytest.approx(0.75)
    # x 0.5625 +- 1/64 of 208 px: 113.75 .. 120.25, truncated; y of 96 px: 52.5 .. 55.5.
    assert found.bbox == (113.0, 52.0, 7.0, 3.0)
    # In cells of the 16 x 16 prototypes: 8.75 .. 9.25, grown to 7.75 .. 10.25: cells 8, 9, 10. Between a cell
    # inside and one outside the bilinear value falls to 0.5 at their common edge: x 104 .. 143, y 48 .. 66.
    assert found.segmentation["size"] == [96, 208]
    mask = rle.decode(found.segmentation)
    assert np.flatnonzero(mask[57]).tolist() == list(range(104, 143))
    assert np.flatnonzero(mask[:, 123]).tolist() == list(range(48, 66))
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (48, 65, 104, 142)


def test_leading_axes_of_length_one_do_not_matter() -> None:
    outputs = outputs_with({100: (0, 0.9)})
    plain = {name: array[0] for name, array in outputs.items()}
    wrapped = {name: array[np.newaxis] for name, array in outputs.items()}
    assert run(outputs) == run(plain) == run(wrapped)


def test_every_class_of_a_found_prior_is_returned_up_to_top_k() -> None:
    outputs = outputs_with({0: (0, 0.9), 120: (5, 0.8)})
    assert len(run(outputs)) == 100
    assert [found.category_id for found in run(outputs, top_k=2)] == [1, 6]
    assert len(run(outputs, nms="traditional")) == 2


@pytest.mark.parametrize(("classes", "class_index", "category_id"), [(81, 79, 90), (7, 5, 6), (2, 0, 1), (80, 78, 79)])
def test_category_ids_are_cocos_or_counted_from_1(classes: int, class_index: int, category_id: int) -> None:
    outputs = outputs_with({3: (class_index, 0.9)})
    outputs["conf"] = outputs["conf"][:, :, :classes]
    (found,) = over(run(outputs))
    assert found.category_id == category_id


def test_nothing_over_the_threshold_gives_no_detection() -> None:
    assert run(outputs_with({})) == []
    assert run(outputs_with({7: (3, 0.04)})) == []


def test_a_box_without_area_in_the_image_is_dropped_and_an_empty_mask_is_kept() -> None:
    outputs = outputs_with({0: (0, 0.9), 120: (1, 0.8)})
    outputs["loc"][0, 0, 0] = -1000.0  # far to the left of the image
    outputs["mask"][0, 120] = -1.0
    (found,) = over(run(outputs))
    assert found.category_id == 2
    assert rle.area(found.segmentation) == 0


def test_a_dropped_detection_leaves_the_others_as_they_are() -> None:
    alone = outputs_with({120: (1, 0.8)})
    both = outputs_with({0: (0, 0.9), 120: (1, 0.8)})
    both["loc"][0, 0, 0] = -1000.0
    assert over(run(both)) == over(run(alone))
    assert rle.area(over(run(alone))[0].segmentation) > 0


def test_one_full_size_mask_at_a_time_is_in_memory() -> None:
    outputs = outputs_with({prior: (0, 0.9) for prior in range(0, 192, 6)})
    side = 2000
    tracemalloc.start()
    found = over(run(outputs, side, side))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 32
    assert peak < 5 * 4 * side * side  # 32 float masks would be 32 * 4 * side * side bytes


def _without(outputs: Outputs, name: str) -> Outputs:
    return {key: value for key, value in outputs.items() if key != name}


def _with(outputs: Outputs, name: str, array: np.ndarray) -> Outputs:
    return {**outputs, name: array}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda o: _without(o, "proto"), "output 'proto' is missing; there are: conf, loc, mask"),
        (lambda o: _with(o, "conf", o["conf"][:, :, :1]), "output 'conf' has shape"),
        (lambda o: _with(o, "loc", o["loc"][..., :3]), "output 'loc' has shape"),
        (lambda o: _with(o, "loc", o["loc"][0, 0]), "output 'loc' has shape"),
        (lambda o: _with(o, "proto", np.repeat(o["proto"], 2, axis=0)), "output 'proto' has shape"),
        (lambda o: _with(o, "mask", o["mask"][:, :-1]), "must be of the same input size"),
        (lambda o: _with(o, "mask", o["mask"][..., :31]), "31 coefficients, 'proto' has 32"),
        (lambda o: _with(o, "conf", o["conf"] * np.float32("nan")), "'conf' holds values that are not finite"),
    ],
    ids=["missing", "classes", "box", "rank", "batch", "priors", "coefficients", "nan"],
)
def test_bad_outputs_are_named(spoil: Callable[[Outputs], Outputs], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(spoil(outputs_with({0: (0, 0.9)})))


def _rectangle(score: float, category_id: int = 1, columns: slice = slice(0, 60)) -> Detection:
    mask = np.zeros((40, 60), np.uint8)
    mask[:, columns] = 1
    box = (float(columns.start), 0.0, float(columns.stop - columns.start), 40.0)
    return Detection(category_id, score, box, rle.encode(mask))


def test_overlay_draws_on_a_copy_in_the_categorys_colour() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    drawn = draw(image, [_rectangle(0.9, category_id=17)])
    assert not image.any()
    assert drawn[30, 59].tolist() == list(colour_of(17))  # the box's edge
    assert drawn[30, 30].tolist() == [int(value * 0.45) for value in colour_of(17)]


def test_overlay_writes_the_names_that_it_is_given() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    mask = np.zeros((200, 300), np.uint8)
    found = Detection(3, 0.9, (20.0, 100.0, 50.0, 50.0), rle.encode(mask))
    coco, own = YolactTask().draw(image, [found]), YolactTask(names={3: "cross"}).draw(image, [found])
    numbered = YolactTask(names={}).draw(image, [found])
    assert (coco != own).any()
    assert (numbered != own).any()
    np.testing.assert_array_equal(own, draw(image, [found], {3: "cross"}))


def test_names_come_from_the_manifest_where_it_has_them() -> None:
    assert names_of({"categories": [{"id": 1, "name": "star"}]}) == {1: "star"}
    assert names_of({})[90] == "toothbrush"
    with pytest.raises(ValueError, match="categories is 3; expected a list"):
        names_of({"categories": 3})


def test_overlay_draws_the_best_on_top() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    drawn = draw(image, [_rectangle(0.9, category_id=2), _rectangle(0.8, category_id=1)])
    assert drawn[30, 59].tolist() == list(colour_of(2))


def test_overlay_draws_no_more_than_are_legible() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    better = [_rectangle(0.9, columns=slice(0, 10)) for _ in range(MOST_DRAWN)]
    worst = _rectangle(0.2, columns=slice(50, 60))
    assert draw(image, [*better[1:], worst])[30, 50:].any()
    assert not draw(image, [*better, worst])[30, 50:].any()


def test_overlay_draws_unsure_detections_only_where_nothing_is_sure() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    sure, unsure, least = (
        _rectangle(score, columns=slice(at, at + 10)) for score, at in ((LEAST_SCORE, 0), (0.14, 20), (0.1, 50))
    )
    assert not draw(image, [sure, unsure])[30, 20:].any()
    drawn = draw(image, [unsure, least])
    assert drawn[30, 20:30].any()
    assert not drawn[30, 50:].any()


def test_overlay_refuses_the_detections_of_another_image() -> None:
    with pytest.raises(ValueError, match=r"mask of size \[40, 60\] on an image of size \[40, 61\]"):
        draw(np.zeros((40, 61, 3), np.uint8), [_rectangle(0.9)])


def test_names_come_from_the_model_or_are_cocos() -> None:
    def ir(info: str) -> str:
        return f'<net name="m" version="11"><layers/><rt_info>{info}</rt_info></net>'

    labels = to_labels(["star", "fire hydrant"])
    assert names_in_ir(ir(f'<model_info><labels value="{labels}"/></model_info>')) == {1: "star", 2: "fire hydrant"}
    coco = to_labels([name for _, name in CATEGORIES])
    assert names_in_ir(ir(f'<model_info><labels value="{coco}"/></model_info>')) == NAMES_BY_ID
    assert names_in_ir(ir("")) == names_in_ir("<net/>") == NAMES_BY_ID
