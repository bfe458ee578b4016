"""The timing program in the images that the benchmarks run it in, and an interrupt in the middle of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.bench.containers import Photographs, speed
from experiments.errors import UserError
from experiments.host import models
from experiments.host.engine import ONCE, Engine
from experiments.host.paths import ARTEFACTS, ROOT
from experiments.photographs import collect

SIDES = ["openvino-fp32", "preprocess", "postprocess"]


@pytest.fixture(scope="module")
def model() -> Path:
    return models.build(None, [models.DEMO_SIZE], print)[models.DEMO_SIZE].folder


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    folder = ARTEFACTS / "calibration-photographs"
    collect(folder, malformed=False)
    return Photographs(folder, least_side=600, most_pixels=1_000_000)


@pytest.mark.parametrize("image", ["python", "builder"])
def test_every_round_has_every_side_with_one_thread_and_float_arithmetic(
    image: str, model: Path, photographs: Photographs
) -> None:
    header, *timings = speed(image, model, photographs, SIDES, rounds=3, say=print)
    assert header["sides"]["openvino-fp32"]["arithmetic"] == ["f32"]
    assert header["sides"]["openvino-fp32"]["threads"] == header["opencv_threads"] == 1
    assert sorted((one["round"], one["side"]) for one in timings) == sorted(
        (n, side) for n in range(3) for side in SIDES
    )
    assert all(one["seconds"] > 0 for one in timings)
    assert all(20 <= one["detections"] <= 100 for one in timings if one["side"] == "postprocess")


def test_what_the_program_refuses_reaches_the_user(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path}: has no readable photograph"):
        speed("python", model, Photographs(tmp_path), SIDES, rounds=2, say=print)


def test_an_interrupt_leaves_no_container(model: Path, photographs: Photographs) -> None:
    before = _once()
    program = (
        "from pathlib import Path; from experiments.bench.containers import Photographs, speed;"
        f"speed('python', Path({str(model)!r}), Photographs(Path({str(photographs.folder)!r})), {SIDES!r},"
        " rounds=10000, say=print)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (came := _once() - before):
        assert time.monotonic() < deadline, "no container came"
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    assert not came & _once()


def _once() -> set[str]:
    """Containers that run one command and end."""
    return {one.id for one in Engine().containers(ONCE)}
