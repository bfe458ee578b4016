"""From the raw lines of GROUP=model to its figures."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.bench import model_figures as figures
from experiments.errors import RunFailed

HEADER = {
    "model": "yolact-r50-550",
    "threads": 1,
    "sides": {
        name: {"library": library, "arithmetic": arithmetic, "threads": 1}
        for name, library, arithmetic in (
            ("torch", "torch 1.13.1", ["f32"]),
            ("openvino-fp32", "openvino 2023.3.0", ["f32"]),
            ("openvino-int8", "openvino 2023.3.0", ["f32", "int8"]),
        )
    },
}


def times(side: str, seconds: list[float], **more: Any) -> list[dict[str, Any]]:
    return [
        {"round": number, "side": side, "photo": f"{number % 2}.jpg", "seconds": one, "detections": None} | more
        for number, one in enumerate(seconds)
    ]


def lines(*sides: list[dict[str, Any]], flags: tuple[str, ...] = ("avx512_vnni",)) -> list[dict[str, Any]]:
    return [{"flags": list(flags)}, HEADER, *[line for side in sides for line in side]]


def test_torch_over_openvino() -> None:
    (found,) = figures.openvino_over_torch(
        lines(times("torch", [1.5, 3.0, 1.4]), times("openvino-fp32", [1.0, 2.0, 1.0]))
    )
    assert (found.name, found.value, found.n) == ("model_openvino_over_torch", 1.5, 3)
    assert found.low == pytest.approx(1.4)
    assert found.high == pytest.approx(1.5)
    assert "torch 1.13.1 f32 1.500 s over openvino 2023.3.0 f32 1.000 s" in found.note


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (("avx2", "avx512_vnni"), "model_int8_over_f32"),
        (("avx2", "avx_vnni"), "model_int8_over_f32"),
        (("avx512_vnni", "amx_int8"), "model_int8_over_f32_amx"),
        (("avx2", "avx512f"), "model_int8_over_f32_without_vnni"),
    ],
)
def test_processors_with_other_kernels_are_reported_apart(flags: tuple[str, ...], name: str) -> None:
    records = lines(times("openvino-fp32", [4.0, 4.0]), times("openvino-int8", [1.0, 1.0]), flags=flags)
    (found,) = figures.int8_over_f32(records)
    assert (found.name, found.value) == (name, 4.0)
    assert "f32+int8" in found.note


def test_shares_are_of_images_with_20_to_100_detections_only() -> None:
    post = times("postprocess", [0.02, 0.04, 0.5, 0.6])
    for line, detections in zip(post, (20, 100, 19, 101), strict=True):
        line["detections"] = detections
    records = lines(times("openvino-fp32", [1.0] * 4), times("preprocess", [0.004] * 4), post)
    pre, after = figures.around_the_network(records)
    assert (pre.name, pre.value, pre.n) == ("model_preprocess_fraction", 0.004, 2)
    assert (after.name, after.value, after.n) == ("model_postprocess_fraction", pytest.approx(0.03), 2)
    assert "20.0 ms (0.jpg) to 40.0 ms (1.jpg)" in after.note


def test_without_such_an_image_there_is_no_share() -> None:
    records = lines(
        times("openvino-fp32", [1.0]), times("preprocess", [0.1]), times("postprocess", [0.1], detections=3)
    )
    with pytest.raises(RunFailed, match=r"no photograph with 20 to 100 detections: \[3\]"):
        figures.around_the_network(records)


def test_the_calibration_is_absolute() -> None:
    (found,) = figures.calibration([{"seconds": one} for one in (1.1, 1.2, 1.15)])
    assert (found.name, found.value, found.absolute) == ("host_calibration_seconds", 1.15, True)


def test_conversion_is_the_whole_command_and_says_its_steps() -> None:
    records = [
        {"model": "yolact-r50-550", "seconds": 70.0, "steps": {"onnx": 20.4, "fp32": 0.4}, "tools": {}},
        {"model": "yolact-r50-550", "seconds": 300.0, "steps": {"onnx": 20.4, "int8": 200.0}, "tools": {}},
    ]
    plain, full = figures.conversion(records)
    assert (plain.name, plain.value, plain.absolute) == ("model_convert_seconds", 70.0, True)
    assert (full.name, full.value, full.low) == ("model_int8_convert_seconds", 300.0, None)
    assert plain.note == "yolact-r50-550, ONNX, FP32, FP16, priors, checks; onnx 20"
    assert "int8 200" in full.note


def estimate(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def accuracy(difference: dict[str, float | None], *, seeded: bool = False) -> dict[str, Any]:
    mask = {"AP": estimate(0.6, 0.58, 0.62), "AP50": estimate(0.8, 0.7, 0.9), "AP75": estimate(None)}
    mask |= {"AP_small": estimate(0.3, 0.2, 0.4), "AP_medium": estimate(0.7, 0.6, 0.8), "AP_large": estimate(None)}
    beside = {"difference": difference, "fraction": estimate(0.995, 0.98, 1.01)}
    return {
        "schema": 1,
        "model": "yolact-small-192",
        "seeded": seeded,
        "images": 300,
        "objects": 1500,
        "backends": {
            "openvino-fp32": {"library": "openvino 2023.3.0", "mask": mask, "mask_AP_against": {}},
            "openvino-fp16": {"mask_AP_against": {"openvino-fp32": beside}},
            "openvino-int8": {"mask_AP_against": {"openvino-fp32": beside}},
        },
    }


def test_accuracy_is_the_floating_models_and_the_others_stand_beside_it() -> None:
    found = {one.name: one for one in figures.accuracy([accuracy(estimate(-0.001, -0.003, 0.0005))])}
    assert set(found) == {
        "model_mask_ap",
        "model_mask_ap50",
        "model_mask_ap_small",
        "model_mask_ap_medium",
        "model_int8_ap_fraction",
        "model_f16_ap_difference",
    }
    best = found["model_mask_ap"]
    assert (best.value, best.low, best.high, best.n) == (0.6, 0.58, 0.62, 300)
    assert "300 held-out scenes, 1500 objects, openvino 2023.3.0" in best.note
    assert found["model_int8_ap_fraction"].value == 0.995


@pytest.mark.parametrize(
    ("difference", "value", "low", "high"),
    [
        (estimate(-0.001, -0.003, 0.0005), 0.001, 0.0, 0.003),
        (estimate(-0.004, -0.006, -0.002), 0.004, 0.002, 0.006),
        (estimate(0.004, 0.002, 0.006), 0.004, 0.002, 0.006),
    ],
)
def test_the_difference_counts_either_way(
    difference: dict[str, float | None], value: float, low: float, high: float
) -> None:
    (found,) = [one for one in figures.accuracy([accuracy(difference)]) if one.name == "model_f16_ap_difference"]
    assert (found.value, found.low, found.high) == (value, low, high)
    assert f"{difference['value']:+.5f}" in found.note


def test_seeded_weights_have_no_accuracy() -> None:
    with pytest.raises(RunFailed, match="seeded weights, which have no accuracy"):
        figures.accuracy([accuracy(estimate(0.0, 0.0, 0.0), seeded=True)])


def test_table_1_has_a_figure_for_each_backend_and_each_claim_that_can_be_tested() -> None:
    time = {"end_to_end": estimate(1.2, 1.1, 1.3), "inference": estimate(1.1, 1.0, 1.2)}
    side = {"library": "onnxruntime 1.17.3", "arithmetic": ["f32"], "seconds": time}
    cell = {
        "video_seconds": 15,
        "node": "bare",
        "model": "yolact-r50-550",
        "threads": 1,
        "frames": 20,
        "rounds": 5,
        "sides": {"torch": side, "openvino-fp16": side | {"over_torch": {"end_to_end": estimate(0.8, 0.7, 0.9)}}},
    }
    claims = {
        "V1": {
            "direction": "reversed",
            "size": "smaller",
            "note": "",
            "change": estimate(-0.2, -0.3, -0.1),
            "paper": -0.265,
        },
        "V2": {"direction": "not testable here", "size": "not comparable", "note": "", "change": None, "paper": None},
    }
    row, claim = figures.video([{"table": {"cells": [cell], "claims": claims}}, {"node": "bare"}])
    assert (row.name, row.value, row.low, row.n) == ("video_15s_bare_openvino_fp16_over_torch", 0.8, 0.7, 5)
    assert (claim.name, claim.value, claim.high) == ("video_V1_change", -0.2, -0.1)
    assert claim.note == "direction: reversed; size: smaller; the paper: -26.5%"
