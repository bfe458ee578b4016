"""The demo's report in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import demo_folder
import pytest
from visits import Visit

from experiments.report.demo import write_report

Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(demo_folder.write(tmp_path_factory.mktemp("demo")))


@pytest.mark.parametrize("width", [340, 360, 768, 1280])
def test_layout(report: Path, visit: Open, width: int) -> None:
    seen = visit(report, width)
    page = seen.layout
    assert page["width"] == width
    assert page["needed"] <= width, "the page scrolls sideways"
    assert (page["pictures"], page["broken"]) == (6, 0)
    assert page["topologies"] == 3, "each topology is drawn once, in the layout for this width"
    assert page["bars"] >= 3 * 4 + 3 * 6 + 9
    assert page["tasks"] == 3 * 36
    assert page["smallest"] >= 8.5, "text in px"
    assert seen.said == []
    assert seen.asked == [report.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(report: Path, visit: Open, scheme: str) -> None:
    seen = visit(report, 1280, scheme)
    seen.open_all()
    assert seen.serious() == []
