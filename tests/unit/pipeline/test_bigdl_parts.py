"""Parts of BigDL's engine that need neither BigDL nor Spark."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from cluster_app.contract.job import Job
from cluster_app.pipeline import memory_use
from cluster_app.pipeline.bigdl_engine import estimator_config
from cluster_app.pipeline.bigdl_postprocess import Finisher
from cluster_app.pipeline.bigdl_reading import _reads, three_channels
from cluster_app.pipeline.images import OK, Inspection
from cluster_app.tasks import Detection, PostprocessOptions
from cluster_app.tasks.yolact.adapter import YolactTask

JOB = Job("file:/srv/in/a", "file:/srv/out/b", "file:/srv/in/m.xml", "file:/srv/in/p.npy", "bigdl", "f32", 192)
SMALL = Inspection(OK, None, 4, 2)


class Finder(YolactTask):
    output_names = ("loc", "conf")

    def postprocess(
        self, outputs: Mapping[str, Any], priors: Any, height: int, width: int, options: PostprocessOptions
    ) -> list[Detection]:
        assert (priors.shape, options) == ((2, 4), PostprocessOptions())
        assert {name: value.shape for name, value in outputs.items()} == {"loc": (1, 2, 4), "conf": (1, 2, 3)}
        if outputs["conf"].max() > 5:
            raise ValueError("too sure")
        return [Detection(1, float(outputs["loc"][0, 1, 3]), (0, 0, width, height), {"size": [2, 4], "counts": ""})]


FINISHER = Finisher(Finder(), np.zeros((2, 4)), PostprocessOptions(), {"loc": [1, 2, 4], "conf": [1, 2, 3]})


def test_flat_outputs_become_a_row() -> None:
    row = FINISHER.row({"name": "x", "loc": list(range(8)), "conf": [0.0] * 6}, "a.jpg", SMALL, "worker-1")
    assert (row.image, row.width, row.height, row.status, row.host) == ("a.jpg", 4, 2, "ok", "worker-1")
    assert row.detections[0].score == 7


def test_an_image_that_fails_has_a_row_that_says_so() -> None:
    row = FINISHER.row({"loc": [0.0] * 8, "conf": [9.0] * 6}, "a.jpg", SMALL, "worker-1")
    assert (row.status, row.error) == ("failed", "post-processing: ValueError: too sure")


@pytest.mark.parametrize(
    ("reader", "path", "seen", "expected"),
    [
        ("spark", "file:/in/a.jpg", SMALL, True),
        ("spark", "file:/in/a,b.jpg", SMALL, True),
        ("nnimagereader", "file:/in/a.jpg", SMALL, True),
        ("nnimagereader", "file:/in/a,b.jpg", SMALL, False),
        ("nnimagereader", "file:/in/a b.jpg", SMALL, False),
        ("spark", "file:/in/a.png", Inspection(OK, None, 4, 2, deep=True), False),
        ("nnimagereader", "file:/in/a.jpg", Inspection(OK, None, 5000, 4000), False),
    ],
)
def test_which_reader_reads_what(reader: str, path: str, seen: Inspection, expected: bool) -> None:
    assert _reads(reader, path, seen) is expected


def test_pinning_is_the_jobs_choice() -> None:
    assert estimator_config(JOB)["CPU_BIND_THREAD"] == "NO"
    assert estimator_config(dataclasses.replace(JOB, pin_threads=True))["CPU_BIND_THREAD"] == "HYBRID_AWARE"


def test_peaks_of_memory() -> None:
    assert 10 < memory_use.peak_memory_mb() < 1e5
    # The worker of a daemon of a process: here a child of a child of the one that holds 200 MB.
    child = "import os; from cluster_app.pipeline.memory_use import jvm_peak_memory_mb as peak; print(peak())"
    daemon = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    top = f"import subprocess, sys; held = bytearray(200_000_000); subprocess.run([sys.executable, '-c', {daemon!r}])"
    done = subprocess.run([sys.executable, "-c", top], capture_output=True, text=True, check=True, env=os.environ)
    assert 200 < float(done.stdout) < 400


@pytest.mark.parametrize(("channels", "expected"), [(1, [9] * 6), (3, [9] * 6), (4, [9] * 6)])
def test_three_channels_of_a_plain_tuple(channels: int, expected: list[int]) -> None:
    """As Spark hands it on where the image is another UDF's result."""
    pixels = bytearray(([9] * 3 + [77] * (channels - 3))[:channels] * 2)
    origin, height, width, now, mode, data = three_channels(("file:/a", 1, 2, channels, 0, pixels))
    assert (origin, height, width, now) == ("file:/a", 1, 2, 3)
    assert mode == (0 if channels == 3 else 16)
    assert list(data) == expected
