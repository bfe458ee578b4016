"""Who watches a run: a live view on a terminal, plain lines anywhere else. Both on stderr."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from experiments.matrix.plan import Plan
from experiments.runner.progress import MEASURED, TRIAL, WARM_UP

# What the job says while it runs: "progress 12 of 48 images, 1.10 images/s, 30 s left; worker-1 4, worker-2 8".
_PROGRESS = re.compile(
    r"progress (?P<done>\d+) of (?P<total>\d+) images, (?P<rate>[\d.]+) images/s, (?P<left>\d+) s left"
    r"(; (?P<hosts>.*))?"
)
# What the job says as it begins a phase: "segment ...".
_BEGINS = re.compile(r"(\w+) \.\.\.")
# A host that has done less than this share of its fair part is called a straggler.
_STRAGGLES = 0.5


@dataclass(frozen=True)
class Job:
    """How far the job of a trial is. hosts: images by host."""

    done: int
    total: int
    rate: float
    left: int
    hosts: Mapping[str, int]

    @property
    def rates(self) -> tuple[tuple[str, int, float], ...]:
        """(host, images, images/s) over the job so far."""
        each = self.rate / self.done if self.done else 0.0
        return tuple((host, images, images * each) for host, images in self.hosts.items())

    @property
    def stragglers(self) -> tuple[str, ...]:
        fair = sum(self.hosts.values()) / len(self.hosts) if self.hosts else 0
        return tuple(host for host, images in self.hosts.items() if images < _STRAGGLES * fair)


def read_progress(text: str) -> Job | None:
    """A line of the job as numbers; None for any other line."""
    match = _PROGRESS.search(text)
    if match is None:
        return None
    pairs = (words.rsplit(" ", 1) for words in (match["hosts"] or "").split(", ") if words)
    hosts = {host: int(images) for host, images in pairs}
    return Job(int(match["done"]), int(match["total"]), float(match["rate"]), int(match["left"]), hosts)


@dataclass
class Lines:
    """Plain lines: one a phase, one a finished trial with the estimate of what is left."""

    write: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    total: int = 0
    done: int = 0
    seconds: float = 0.0
    estimate: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    cell: str = ""
    trial: str = ""
    doing: str = ""
    job: Job | None = None

    def begin(self, plan: Plan, trials: int) -> None:
        self.total, self._began = trials, self.clock()
        # The plan's time holds warm-ups too, in proportion to the trials.
        self.estimate = plan.seconds.seconds * trials / max(1, plan.preset.repeats * len(plan.runnable))
        self.write(f"{plan.preset.name}: {trials} trials to make, about {_minutes(self.estimate)}")

    def phase(self, cell: str, trial: str, phase: str) -> None:
        self.cell, self.trial, self.doing, self.job = cell, trial, phase, None
        self.write(f"[{self.done}/{self.total}] {trial or cell}: {phase}")

    def say(self, text: str) -> None:
        self.job = read_progress(text) or self.job
        begun = _BEGINS.fullmatch(text)
        self.doing = begun[1] if begun and self.trial else self.doing
        self.write(f"    {text}")

    def ended(self, record: Mapping[str, Any]) -> None:
        self.trial, self.doing, self.job = "", "", None
        if record["kind"] == WARM_UP or ("trial" not in record and record["status"] == "skipped"):
            if record["kind"] == TRIAL or record["status"] != MEASURED:
                what = record["cell"] if record["kind"] == TRIAL else f"{record['cell']}, warm-up"
                self.write(f"{what}: {record['status']}: {'; '.join(record.get('reasons', []))}")
            return
        self.done += 1
        self.counts[record["status"]] = self.counts.get(record["status"], 0) + 1
        reasons = "; ".join(record.get("reasons", []))
        text = f"[{self.done}/{self.total}] {record['cell']} round {record['round']}: {record['status']}"
        text += f" in {record['seconds']:.1f} s" if "seconds" in record else ""
        self.write(f"{text}{': ' + reasons if reasons else ''}; {_minutes(self.left)} left")

    @property
    def left(self) -> float:
        """Seconds, from how long the trials so far have taken; from the plan before there is one."""
        if not self.done:
            return self.estimate
        return (self.clock() - self._began) / self.done * max(0, self.total - self.done)


class Screen(Lines):
    """The same on a terminal: a table that is drawn over itself, with the last lines below it."""

    _KEPT = 6

    def __init__(self, live: Live) -> None:
        super().__init__(write=self._line)
        self._live, self._last = live, list[str]()

    def _line(self, text: str) -> None:
        self._last = [*self._last[-self._KEPT :], text]
        self._live.update(self._drawn())

    def _drawn(self) -> Table:
        drawn = Table(box=None, show_header=False, pad_edge=False)
        drawn.add_column(style="bold", no_wrap=True)
        drawn.add_column(overflow="fold")
        counts = ", ".join(f"{number} {status}" for status, number in sorted(self.counts.items())) or "none yet"
        drawn.add_row("trials", f"{self.done} of {self.total}: {counts}; {_minutes(self.left)} left")
        drawn.add_row("cell", Text(self.cell))
        drawn.add_row("trial", Text(f"{self.trial}: {self.doing}" if self.trial else self.doing))
        if self.job:
            by_host = ", ".join(f"{host} {images} at {rate:.2f}/s" for host, images, rate in self.job.rates)
            done = (
                f"{self.job.done} of {self.job.total}, {self.job.rate:.2f} images/s, {self.job.left} s left; {by_host}"
            )
            drawn.add_row("images", done)
            drawn.add_row("stragglers", ", ".join(self.job.stragglers) or "none")
        for line in self._last:
            drawn.add_row("", Text(line))  # what a job says may hold brackets, which are no markup
        return drawn


@contextmanager
def watching() -> Iterator[Lines]:
    """The live view where stderr is a terminal that can draw over itself, else plain lines."""
    console = Console(stderr=True)
    if not sys.stderr.isatty() or console.is_dumb_terminal:
        yield Lines(lambda text: print(text, file=sys.stderr, flush=True))
        return
    with Live(console=console, refresh_per_second=4) as live:
        yield Screen(live)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
