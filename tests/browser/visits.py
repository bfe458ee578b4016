"""A page in the browser, with what it said and asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

HEIGHT = 900
# What axe-core calls them; the lesser ones are moderate and minor.
SERIOUS = ("serious", "critical")
# What a page says of itself once it is laid out.
LAYOUT = """() => {
  const visible = one => one.getBoundingClientRect().width > 0 && one.getBoundingClientRect().height > 0;
  const scaled = one => parseFloat(getComputedStyle(one).fontSize) * (one.ownerSVGElement.viewBox.baseVal?.width
    ? one.ownerSVGElement.getBoundingClientRect().width / one.ownerSVGElement.viewBox.baseVal.width : 1);
  const count = selector => [...document.querySelectorAll(selector)].filter(visible).length;
  return {
    width: innerWidth,
    needed: document.documentElement.scrollWidth,
    pictures: document.images.length,
    broken: [...document.images].filter(one => !one.complete || !one.naturalWidth).length,
    topologies: count("svg.topology"),
    bars: count("svg .bar"),
    tasks: count("svg .task"),
    smallest: Math.min(...[...document.querySelectorAll("svg text")].filter(visible).map(scaled)),
  };
}"""


@dataclass
class Visit:
    """said: messages of its console, and errors; asked: addresses that it fetched, but for data in the page itself."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, browser: Browser, path: Path, width: int, scheme: str) -> Visit:
        colours = cast(Literal["light", "dark"], scheme)
        context = browser.new_context(viewport={"width": width, "height": HEIGHT}, color_scheme=colours)
        one = cls(context.new_page())
        one.page.on("console", lambda message: one.said.append(message.text))
        one.page.on("pageerror", lambda error: one.said.append(str(error)))
        one.page.on("request", lambda request: one.asked.append(request.url))
        one.page.goto(path.as_uri())
        one.asked = [address for address in one.asked if not address.startswith("data:")]
        return one

    @property
    def layout(self) -> dict[str, Any]:
        return dict(self.page.evaluate(LAYOUT))

    def open_all(self) -> None:
        """Unfolds all that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    def serious(self) -> list[str]:
        """axe-core's findings that are serious or worse, a line each."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {'; '.join(node['html'][:120] for node in one['nodes'][:3])}"
            for one in found
            if one["impact"] in SERIOUS
        ]
