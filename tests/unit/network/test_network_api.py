"""The documented steps, each called alone, against PyTorch's own operations and against the cluster's adapter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from cluster_app.network import api
from cluster_app.network.configurations import configuration
from cluster_app.network.model import Yolact
from cluster_app.tasks import PostprocessOptions
from cluster_app.tasks.yolact import YolactConfig, YolactTask, rle
from cluster_app.tasks.yolact.categories import CATEGORY_IDS

SIZE = 96
WIDTH, HEIGHT = 131, 87


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> api.Network:
    torch.manual_seed(3)
    model = Yolact(configuration("r50", SIZE))
    path = tmp_path_factory.mktemp("weights") / "r50.pth"
    torch.save(model.state_dict(), path)
    return api.load_network(path, "r50", SIZE)


@pytest.fixture(scope="module")
def image() -> api.Bytes:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def outputs() -> dict[str, Any]:
    """Made-up raw outputs of two images: what an untrained network gives has no scores over the threshold."""
    config = YolactConfig(image_size=SIZE)
    rng = np.random.default_rng(5)
    count, side = config.prior_count, config.proto_size
    logits = rng.normal(0, 3, (2, count, 81)).astype(np.float32)
    conf = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return {
        "loc": rng.normal(0, 2, (2, count, 4)).astype(np.float32),
        "conf": conf.astype(np.float32),
        "mask": np.tanh(rng.normal(0, 1, (2, count, 32))).astype(np.float32),
        "proto": np.maximum(rng.normal(0, 1, (2, side, side, 32)), 0).astype(np.float32),
        "priors": api.make_priors(config),
    }


def published_detect(outputs: Mapping[str, Any], index: int) -> dict[str, torch.Tensor]:
    """Fast NMS by PyTorch's operations, written from the paper's section 4.2 and the published constants."""
    loc, conf, mask = (torch.from_numpy(outputs[name][index]) for name in ("loc", "conf", "mask"))
    priors = torch.from_numpy(outputs["priors"])
    centre = priors[:, :2] + loc[:, :2] * 0.1 * priors[:, 2:]
    extent = priors[:, 2:] * torch.exp(loc[:, 2:] * 0.2)
    boxes = torch.cat([centre - extent / 2, centre + extent / 2], dim=1)
    keep = conf[:, 1:].max(dim=1).values > 0.05
    scores, order = conf[keep, 1:].T.sort(dim=1, descending=True)
    scores, order = scores[:, :200], order[:, :200]
    sorted_boxes = boxes[keep][order]
    low = torch.maximum(sorted_boxes[:, :, None, :2], sorted_boxes[:, None, :, :2])
    high = torch.minimum(sorted_boxes[:, :, None, 2:], sorted_boxes[:, None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=3)
    area = (sorted_boxes[:, :, 2:] - sorted_boxes[:, :, :2]).prod(dim=2)
    iou = shared / (area[:, :, None] + area[:, None, :] - shared)
    survives = iou.triu(diagonal=1).max(dim=1).values <= 0.5
    classes = torch.arange(80)[:, None].expand_as(survives)[survives]
    best = scores[survives].argsort(descending=True)[:100]
    return {
        "boxes": sorted_boxes[survives][best],
        "scores": scores[survives][best],
        "classes": classes[best],
        "coefficients": mask[keep][order][survives][best],
    }


def test_raw_outputs_are_the_networks(network: api.Network, image: api.Bytes) -> None:
    inputs = api.preprocess(image, SIZE)
    outputs = network.run(inputs)
    assert {name: output.shape for name, output in outputs.items() if name != "priors"} == network.config.output_shapes
    expected = network.model(torch.from_numpy(inputs))
    for name, output in zip(("loc", "conf", "mask", "proto"), expected, strict=True):
        np.testing.assert_array_equal(outputs[name], output.numpy())
    np.testing.assert_array_equal(outputs["priors"], api.make_priors(network.config))


def test_a_batch_gives_what_its_images_give(network: api.Network, image: api.Bytes) -> None:
    both = np.concatenate([api.preprocess(image, SIZE), api.preprocess(image[::-1].copy(), SIZE)])
    together = network.run(both)
    for index in range(2):
        alone = network.run(both[index : index + 1])
        for name in ("loc", "conf", "mask", "proto"):
            np.testing.assert_allclose(together[name][index], alone[name][0], atol=1e-4)


def test_preprocessing_is_pytorchs_interpolation(image: api.Bytes) -> None:
    planes = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    resized = functional.interpolate(planes, (SIZE, SIZE), mode="bilinear", align_corners=False)
    mean = torch.tensor([103.94, 116.78, 123.68])[None, :, None, None]
    std = torch.tensor([57.38, 57.12, 58.40])[None, :, None, None]
    expected = ((resized - mean) / std)[:, [2, 1, 0]]
    np.testing.assert_allclose(api.preprocess(image, SIZE), expected.numpy(), atol=2e-4)


@pytest.mark.parametrize("index", [0, 1])
def test_detections_are_the_published_ones(outputs: dict[str, Any], index: int) -> None:
    expected = published_detect(outputs, index)
    found = api.detect(outputs, image=index)
    assert len(found.scores) == 100
    np.testing.assert_array_equal(found.classes, expected["classes"].numpy())
    np.testing.assert_allclose(found.scores, expected["scores"].numpy(), atol=1e-6)
    np.testing.assert_allclose(found.boxes, expected["boxes"].numpy(), atol=1e-5)
    np.testing.assert_array_equal(found.coefficients, expected["coefficients"].numpy())


def test_masks_and_boxes_are_the_published_ones(outputs: dict[str, Any]) -> None:
    detections = api.detect(outputs)
    classes, scores, boxes, masks = api.postprocess(detections, WIDTH, HEIGHT)
    assert classes.shape == scores.shape == (100,)
    soft = torch.sigmoid(torch.from_numpy(detections.proto @ detections.coefficients.T))
    side = soft.shape[0]
    corners = torch.from_numpy(detections.boxes)
    cropped = torch.zeros_like(soft)
    for number, (x1, y1, x2, y2) in enumerate((corners * side).tolist()):
        columns, rows = torch.arange(side)[None, :], torch.arange(side)[:, None]
        inside = (columns >= max(x1 - 1, 0)) & (columns < min(x2 + 1, side))
        inside = inside & (rows >= max(y1 - 1, 0)) & (rows < min(y2 + 1, side))
        cropped[:, :, number] = soft[:, :, number] * inside
    large = functional.interpolate(
        cropped.permute(2, 0, 1)[None], (HEIGHT, WIDTH), mode="bilinear", align_corners=False
    )[0]
    assert masks.dtype == np.uint8
    differing = masks != (large > 0.5).numpy()
    # Where the soft mask is 0.5 to the last digits, either answer is right.
    assert (np.abs(large.numpy()[differing] - 0.5) < 1e-4).all()
    assert masks.any(axis=(1, 2)).sum() > 50
    sides = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
    np.testing.assert_array_equal(boxes, (corners * sides).clamp(min=0).minimum(sides).long().numpy())


def test_the_adapter_gives_the_same(outputs: dict[str, Any]) -> None:
    classes, scores, boxes, masks = api.postprocess(api.detect(outputs), WIDTH, HEIGHT)
    one = {name: outputs[name][0] for name in ("loc", "conf", "mask", "proto")}
    found = YolactTask().postprocess(one, outputs["priors"], HEIGHT, WIDTH, PostprocessOptions())
    has_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    assert [detection.category_id for detection in found] == [CATEGORY_IDS[index] for index in classes[has_area]]
    np.testing.assert_array_equal([detection.score for detection in found], scores[has_area])
    for detection, (x1, y1, x2, y2), mask in zip(found, boxes[has_area], masks[has_area], strict=True):
        assert detection.bbox == (x1, y1, x2 - x1, y2 - y1)
        np.testing.assert_array_equal(rle.decode(detection.segmentation), mask)


def test_a_score_threshold_keeps_the_better_ones(outputs: dict[str, Any]) -> None:
    detections = api.detect(outputs)
    middle = float(detections.scores[49])
    kept = api.postprocess(detections, WIDTH, HEIGHT, score_threshold=middle)
    assert len(kept.scores) == (detections.scores > middle).sum() > 0
    assert len(api.postprocess(detections, WIDTH, HEIGHT).scores) == 100


def test_nothing_over_the_threshold_is_no_object(outputs: dict[str, Any]) -> None:
    detections = api.detect(outputs, score_threshold=1.0)
    classes, scores, boxes, masks = api.postprocess(detections, WIDTH, HEIGHT)
    assert (classes.shape, scores.shape, boxes.shape, masks.shape) == ((0,), (0,), (0, 4), (0, HEIGHT, WIDTH))


def test_traditional_suppression_is_an_option() -> None:
    """Of three boxes in a row, each over half covered by the next: only fast NMS lets the second, itself suppressed,
    suppress the third.
    """
    priors = np.array([[0.3, 0.5, 0.2, 0.2], [0.35, 0.5, 0.2, 0.2], [0.4, 0.5, 0.2, 0.2]], np.float32)
    conf = np.array([[[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]], np.float32)
    outputs = {
        "loc": np.zeros((1, 3, 4), np.float32),
        "conf": conf,
        "mask": np.zeros((1, 3, 32), np.float32),
        "proto": np.zeros((1, 4, 4, 32), np.float32),
        "priors": priors,
    }
    assert api.detect(outputs).scores.tolist() == pytest.approx([0.9])
    assert api.detect(outputs, nms="traditional").scores.tolist() == pytest.approx([0.9, 0.7])


def _without(outputs: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in outputs.items() if key != name}


def test_bad_arguments_are_named(network: api.Network, outputs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"images is float64 with shape \(1, 3, 96, 96\); allowed: float32"):
        network.run(np.zeros((1, 3, SIZE, SIZE)))
    with pytest.raises(ValueError, match="outputs lack priors"):
        api.detect(_without(outputs, "priors"))
    with pytest.raises(ValueError, match="image is 2; allowed: 0 to 1"):
        api.detect(outputs, image=2)
    with pytest.raises(ValueError, match="nms is 'soft'; allowed: fast, traditional"):
        api.detect(outputs, nms="soft")
    with pytest.raises(ValueError, match="give the outputs of one network"):
        api.detect({**outputs, "priors": outputs["priors"][:-1]})
    with pytest.raises(ValueError, match="the image is 0 x 5 pixels"):
        api.postprocess(api.detect(outputs), 0, 5)
    with pytest.raises(ValueError, match="configuration is 'r18'; allowed: r50, r101, small"):
        api.load_network(Path("/nowhere.pth"), "r18")
