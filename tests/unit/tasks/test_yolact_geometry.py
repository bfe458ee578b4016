"""Sizes, priors, preprocessing and decoding of YOLACT, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cluster_app.tasks.yolact import YolactConfig
from cluster_app.tasks.yolact.categories import CATEGORIES, CATEGORY_IDS
from cluster_app.tasks.yolact.config import MEAN_BGR, STD_BGR
from cluster_app.tasks.yolact.decode import decode
from cluster_app.tasks.yolact.preprocess import preprocess
from cluster_app.tasks.yolact.priors import make_priors


def test_published_sizes() -> None:
    config = YolactConfig()
    assert config.feature_sizes == (69, 35, 18, 9, 5)
    assert config.scales == (24, 48, 96, 192, 384)
    assert config.prior_count == 19_248
    assert config.proto_size == 138
    assert config.output_shapes["conf"] == (1, 19_248, 81)


def test_scales_follow_the_published_configurations_at_other_sizes() -> None:
    # The published 400- and 700-pixel configurations, int(scale / 550 * size).
    assert YolactConfig(image_size=700).scales == (30, 61, 122, 244, 488)
    assert YolactConfig(image_size=400).scales == (17, 34, 69, 139, 279)


@pytest.mark.parametrize("size", [0, 63, 1401, -550])
def test_refuses_sizes_outside_of_the_range(size: int) -> None:
    with pytest.raises(ValueError, match=f"image_size is {size}; allowed: 64 to 1400"):
        YolactConfig(image_size=size)


def test_priors_are_square_and_ordered_by_level_row_column_ratio() -> None:
    priors = make_priors(YolactConfig())
    assert priors.shape == (19_248, 4)
    assert priors.dtype == np.float32
    np.testing.assert_array_equal(priors[:, 2], priors[:, 3])
    sides = np.array([24, 24 * 0.5**0.5, 24 * 2**0.5]) / 550
    np.testing.assert_allclose(priors[:3, 2], sides, rtol=1e-6)
    np.testing.assert_allclose(priors[0, :2], [0.5 / 69, 0.5 / 69], rtol=1e-6)
    np.testing.assert_allclose(priors[3, :2], [1.5 / 69, 0.5 / 69], rtol=1e-6)  # columns before rows
    np.testing.assert_allclose(priors[3 * 69, :2], [0.5 / 69, 1.5 / 69], rtol=1e-6)
    np.testing.assert_allclose(priors[-3], [0.9, 0.9, 384 / 550, 384 / 550], rtol=1e-6)


def test_decode_without_regression_gives_the_prior() -> None:
    priors = np.array([[0.5, 0.25, 0.2, 0.1]], np.float32)
    boxes = decode(np.zeros((1, 4), np.float32), priors, (0.1, 0.2))
    np.testing.assert_allclose(boxes, [[0.4, 0.2, 0.6, 0.3]], rtol=1e-6)


def test_decode_moves_by_a_tenth_of_the_side_and_grows_by_a_fifth_of_the_exponent() -> None:
    priors = np.array([[0.5, 0.5, 0.2, 0.4]], np.float32)
    loc = np.array([[1.0, -1.0, 5 * np.log(2), -5 * np.log(2)]], np.float32)
    boxes = decode(loc, priors, (0.1, 0.2))
    np.testing.assert_allclose(boxes, [[0.52 - 0.2, 0.46 - 0.1, 0.52 + 0.2, 0.46 + 0.1]], rtol=1e-5)


def _bilinear(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """The definition, pixel by pixel: half-pixel centres, borders repeated, no smoothing."""
    rows = np.clip((np.arange(height) + 0.5) * plane.shape[0] / height - 0.5, 0, plane.shape[0] - 1)
    columns = np.clip((np.arange(width) + 0.5) * plane.shape[1] / width - 0.5, 0, plane.shape[1] - 1)
    along = np.stack([np.interp(columns, np.arange(plane.shape[1]), row) for row in plane])
    return np.stack([np.interp(rows, np.arange(plane.shape[0]), column) for column in along.T], axis=1)


@pytest.mark.parametrize("shape", [(37, 53), (400, 100), (96, 96)])
def test_preprocess_is_the_float_resize_normalised_and_in_rgb(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    result = preprocess(image, 96)
    assert result.shape == (1, 3, 96, 96)
    assert result.dtype == np.float32
    for plane, channel in enumerate((2, 1, 0)):
        expected = (_bilinear(image[:, :, channel].astype(float), 96, 96) - MEAN_BGR[channel]) / STD_BGR[channel]
        np.testing.assert_allclose(result[0, plane], expected, atol=1e-3)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["grey", "alpha", "float", "empty"],
)
def test_preprocess_refuses_what_is_no_bgr_image(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"allowed: uint8 with shape \(height, width, 3\)"):
        preprocess(image, 96)


def test_categories_are_cocos_eighty() -> None:
    missing = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    assert tuple(sorted(set(range(1, 91)) - missing)) == CATEGORY_IDS
    assert len({name for _, name in CATEGORIES}) == 80
    assert dict(CATEGORIES)[90] == "toothbrush"
