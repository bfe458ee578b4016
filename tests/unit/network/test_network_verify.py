"""The comparison's own arithmetic, and that it fails when it should, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from cluster_app.network import verify
from cluster_app.network.artefacts import FULL, INT8, ONNX, Limits, limits
from cluster_app.network.verify import Agreement, Difference, Findings
from cluster_app.tasks import Detection, Floats
from cluster_app.tasks.yolact import rle
from cluster_app.tasks.yolact.config import OUTPUT_NAMES

LIMITS = Limits(dict.fromkeys(OUTPUT_NAMES, 0.1), rms=0.01, matched=0.9)
AGREED = Agreement(torch=10, artefact=10, matched=10, mean_iou=1.0, least_iou=1.0, score_difference=0.0)
NEAR = {name: Difference(absolute=0.05, relative=0.05, rms=0.005) for name in OUTPUT_NAMES}


def outputs(**changed: list[float]) -> dict[str, Floats]:
    return {name: np.array(changed.get(name, [1.0, 1.0]), np.float32) for name in OUTPUT_NAMES}


def test_differences_by_hand() -> None:
    reference = [outputs(loc=[3.0, 0.0]), outputs(loc=[0.0, 4.0])]
    found = [outputs(loc=[3.0, 0.5]), outputs(loc=[0.0, 3.0])]
    loc = verify.differences(found, reference)["loc"]
    scale = np.sqrt((9 + 16) / 4)
    assert loc.absolute == 1.0
    assert loc.relative == pytest.approx(max(0.5 / scale, 1.0 / 4.0))
    assert loc.rms == pytest.approx(np.sqrt((0.25 + 1.0) / 4) / scale)
    assert verify.differences(found, reference)["conf"] == Difference(0.0, 0.0, 0.0)


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 outputs to compare with 0"):
        verify.differences([], [])
    with pytest.raises(ValueError, match="1 outputs to compare with 2"):
        verify.differences([outputs()], [outputs(), outputs()])
    with pytest.raises(ValueError, match="detections in 0 images to compare with those in 1"):
        verify.agreement([], [[]])


def detection(category: int, left: int, score: float = 0.9) -> Detection:
    mask = np.zeros((10, 20), np.uint8, order="F")
    mask[:, left : left + 6] = 1
    return Detection(category, score, (left, 0, 6, 10), rle.encode(mask))


def test_agreement_by_hand() -> None:
    reference = [[detection(1, 0), detection(2, 10)], [detection(1, 5)]]
    found = [[detection(1, 1, score=0.7), detection(3, 10)], [detection(1, 5)]]
    agreed = verify.agreement(found, reference)
    assert (agreed.torch, agreed.artefact, agreed.matched) == (3, 3, 2)
    assert agreed.least_iou == pytest.approx(5 / 7)
    assert agreed.mean_iou == pytest.approx((1 + 5 / 7) / 2)
    assert agreed.score_difference == pytest.approx(0.2)
    assert agreed.share == pytest.approx(2 / 3)
    assert verify.agreement([[*found[0], detection(4, 0)], found[1]], reference).share == pytest.approx(2 / 4)


def test_what_is_within_the_limits_passes() -> None:
    verify.check("x", NEAR, AGREED, LIMITS)


@pytest.mark.parametrize("output", OUTPUT_NAMES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"absolute": 0.2}, r"by 2\.0e-01 \(allowed: 1e-01\)$"),
        ({"absolute": float("nan")}, r"by nan \(allowed: 1e-01\)$"),
        ({"rms": 0.02}, r"by 2\.0e-02 of its root mean square \(allowed: 1e-02\)$"),
        ({"rms": float("nan")}, r"by nan of its root mean square"),
    ],
)
def test_an_output_beyond_its_limit_is_named(output: str, change: Mapping[str, float], message: str) -> None:
    found = {**NEAR, output: replace(NEAR[output], **change)}
    with pytest.raises(RuntimeError, match=f"^model: fp16 differs from PyTorch in {output} {message}"):
        verify.check("model: fp16", found, AGREED, LIMITS)


def test_objects_that_are_lost_or_made_up_fail() -> None:
    for torch, artefact in ((10, 0), (0, 10), (10, 8)):
        agreed = Agreement(torch, artefact, min(torch, artefact), 1.0, 1.0, 0.0)
        with pytest.raises(
            RuntimeError, match=rf"int8 differs .* detections, .* \({torch} in PyTorch, {artefact} here"
        ):
            verify.check("int8", NEAR, agreed, LIMITS)


def test_limits_hold_for_every_artefact_and_output() -> None:
    for artefact in FULL:
        for seeded in (True, False):
            allowed = limits(artefact, seeded)
            assert allowed.absolute.keys() == set(OUTPUT_NAMES)
            assert 0 < allowed.rms < 1
            assert 0 < allowed.matched <= 1
    assert limits(INT8, seeded=False).rms < limits(INT8, seeded=True).rms
    assert limits(ONNX, seeded=True) == limits(ONNX, seeded=False)


def test_arithmetic_other_than_stated_fails() -> None:
    verify.check_arithmetic("fp32", {"f32": 86}, "f32")
    verify.check_arithmetic("int8", {"f32": 6, "int8": 80}, "int8")
    for executed, arithmetic in (({"bf16": 86}, "f32"), ({"f32": 86}, "int8"), ({"int8": 2, "f32": 84}, "int8")):
        with pytest.raises(RuntimeError, match=f"should compute in {arithmetic}; its layers compute in"):
            verify.check_arithmetic("x", executed, arithmetic)
    with pytest.raises(RuntimeError, match="should compute in f32"):
        verify.check_arithmetic("x", {}, "f32")


def _findings(photo: str, over: int) -> Findings:
    return Findings(photo, over, over, 3, 0.5, 0, (0.1, 0.2, 0.3))


def test_an_image_that_should_hold_objects_and_has_none_fails() -> None:
    some = [_findings("a.png", 30), _findings("b.png", 0)]
    with pytest.raises(RuntimeError, match=r"no detection in b\.png"):
        verify.check_findings(some, all_hold_objects=True)
    verify.check_findings(some, all_hold_objects=False)
    with pytest.raises(RuntimeError, match=r"no detection in b\.png"):
        verify.check_findings(some[1:], all_hold_objects=False)
    with pytest.raises(RuntimeError, match="no detection in the images, of which there are none"):
        verify.check_findings([], all_hold_objects=False)
