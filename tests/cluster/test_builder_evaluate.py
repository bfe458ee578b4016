"""Tests of backends and evaluation in the builder's container: it alone has Torch, OpenVINO and hypothesis together."""

from __future__ import annotations

import re

import pytest

from experiments.host import images
from experiments.host.engine import Engine
from experiments.host.paths import ROOT


@pytest.mark.parametrize(("folder", "least"), [("backends", 38), ("evaluate", 150)])
def test_they_pass_in_the_builder(folder: str, least: int) -> None:
    done = Engine().run_once(
        images.tag("builder"),
        ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/unit/{folder}"],
        options=["-v", f"{ROOT}:/src:ro", "-w", "/src"],
        timeout=900,
    )
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) >= least
