"""Model and photographs of the cluster tests."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_clusters import CHOSEN

from experiments.host import models
from experiments.host.engine import Engine
from experiments.photographs import collect


@pytest.fixture(scope="session")
def model() -> models.Model:
    return models.build(None, [models.DEMO_SIZE], print)[models.DEMO_SIZE]


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    every, few = tmp_path_factory.mktemp("all") / "photographs", tmp_path_factory.mktemp("few") / "photographs"
    collect(every)
    for name in CHOSEN:
        (few / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(every / name, few / name)
    return few


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_heeded() -> Iterator[None]:
    """Also where the tests run in a shell's background, whose children ignore Ctrl-C, and theirs with them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_left_behind() -> Iterator[None]:
    yield
    left = [one.name for one in Engine().containers() if one.cluster.startswith(("test-", "once"))]
    assert not left, f"containers outlived the tests: {left}"
