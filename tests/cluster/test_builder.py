"""The network's own tests, in the builder's container: the only place that has Torch."""

from __future__ import annotations

import re

from experiments.host import images
from experiments.host.engine import Engine
from experiments.host.paths import ROOT


def test_network_tests_pass_in_the_builder() -> None:
    done = Engine().run_once(
        images.tag("builder"),
        ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/network"],
        options=["-v", f"{ROOT}:/src:ro", "-w", "/src"],
        timeout=900,
    )
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) >= 40
