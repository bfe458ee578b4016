"""A real browser for the reports: Debian's Chromium. `make test-browser` installs what is missing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from visits import Visit

UNIT = Path(__file__).parents[1] / "unit"
sys.path[:0] = [str(UNIT / "report"), str(UNIT / "run_report")]

# Chromium as root has no sandbox; nothing but files of ours is opened.
FLAGS = ("--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("no Chromium found: tests/browser/setup.sh installs it")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a file at a width and in a colour scheme; closed after the test."""
    opened: list[Visit] = []

    def visited(path: Path, width: int = 1280, scheme: str = "light") -> Visit:
        opened.append(Visit.of(browser, path, width, scheme))
        return opened[-1]

    yield visited
    for one in opened:
        one.page.context.close()
