"""The demo's report in a real Chromium: pytest tests/browser (needs Debian's package chromium)."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "report"))
import demo_folder

from experiments.report.demo import write_report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1200",
    "--virtual-time-budget=5000",
)
# What the page measures of itself once it is laid out. Nothing of this is in the report: it has no script.
PROBE = """<script>addEventListener("load", () => {
  const visible = one => one.getBoundingClientRect().width > 0 && one.getBoundingClientRect().height > 0;
  const count = selector => [...document.querySelectorAll(selector)].filter(visible).length;
  parent.postMessage({
    width: innerWidth,
    needed: document.documentElement.scrollWidth,
    bars: count("svg .bar"),
    tasks: count("svg .task"),
    topologies: count("svg.topology"),
    broken: [...document.images].filter(one => !one.naturalWidth).length,
    pictures: document.images.length,
    smallest: Math.min(...[...document.querySelectorAll("svg text")].filter(visible)
      .map(one => parseFloat(getComputedStyle(one).fontSize) * (one.ownerSVGElement.viewBox.baseVal?.width
        ? one.ownerSVGElement.getBoundingClientRect().width / one.ownerSVGElement.viewBox.baseVal.width : 1))),
  }, "*");
});</script>"""
WRAPPER = """<!doctype html><iframe src="probed.html" style="border:0;width:{width}px;height:900px"></iframe>
<pre></pre><script>addEventListener("message", event => {{
  document.querySelector("pre").textContent = JSON.stringify(event.data); }});</script>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if BROWSER is None:
        pytest.fail("no Chromium found: apt-get install chromium")
    folder = tmp_path_factory.mktemp("browser")
    report = write_report(demo_folder.write(folder)).read_text(encoding="utf-8")
    (folder / "probed.html").write_text(report.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    return folder


def measure(folder: Path, width: int) -> dict[str, Any]:
    wrapper = folder / f"width-{width}.html"
    wrapper.write_text(WRAPPER.format(width=width))
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / f'profile-{width}'}", "--dump-dom", wrapper.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<pre>(\{.*?\})</pre>", done.stdout)
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    return dict(json.loads(html.unescape(found[1])))


@pytest.mark.parametrize("width", [340, 360, 768, 1280])
def test_layout(folder: Path, width: int):
    page = measure(folder, width)
    assert page["width"] == width
    assert page["needed"] <= width, "the page scrolls sideways"
    assert (page["pictures"], page["broken"]) == (6, 0)
    assert page["topologies"] == 3, "each topology is drawn once, in the layout for this width"
    assert page["bars"] >= 3 * 4 + 3 * 6 + 9
    assert page["tasks"] == 3 * 36
    assert page["smallest"] >= 8.5, "text in px"
