"""The demo's report as a test reads it: made from made records, parsed, its words and references collected."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import demo_folder
from demo_folder import Json

from experiments.report.demo import write_report

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Parses strictly enough to notice what is not closed, and collects texts, ids and references."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
                self.references.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)


def page_of(folder: Path) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def page_with(tmp_path: Path, change: Callable[[list[Json], Json], None]) -> Page:
    """The report after one change to the records (of the clusters, in order) or the summary."""
    records, summary = demo_folder.made_records(), demo_folder.made_summary()
    change(records, summary)
    return page_of(demo_folder.write(tmp_path, records, summary))
