"""Run folders as the runner writes them, small ones; each test damages its own. And what a report's page says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from experiments.run_report import made
from experiments.run_report.write import write_report
from experiments.store.records import RECORDS

Json = dict[str, Any]


def small(folder: Path, trials: int = 25, repeats: int = 5) -> Path:
    """One family over five numbers of workers."""
    return made.write_run(folder, trials, repeats=repeats)


def records(folder: Path) -> list[Json]:
    return [json.loads(line) for line in (folder / RECORDS).read_text().splitlines()]


def rewrite(folder: Path, changed: Callable[[Json], Mapping[str, Any] | None]) -> None:
    """Each record as `changed` gives it; None takes it out."""
    kept = [one for record in records(folder) if (one := changed(record)) is not None]
    (folder / RECORDS).write_text("".join(json.dumps(one) + "\n" for one in kept))


def report_of(folder: Path) -> str:
    return write_report([str(folder)]).report.read_text(encoding="utf-8")


LOADING = ("src", "href", "srcset", "data", "action", "poster")


class Page(HTMLParser):
    """What a page would fetch, where its links go, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.downloads: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        self.tags.append(tag)
        self.addresses += [values[key] for key in LOADING if key in values]
        if "id" in values:
            self.ids.append(values["id"])
        if "download" in values:
            self.downloads[values["download"]] = values["href"]
