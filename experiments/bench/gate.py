"""Waits, for a bounded time, until nothing else keeps the host busy; says what it waits for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Share of all cores that other work may take before a timed step begins, over a window of seconds.
QUIET = 0.08
WINDOW = 3.0
PATIENCE = 600.0
_AGAIN = 30.0


@dataclass(frozen=True)
class Ticks:
    """Processor time since boot, of all cores: idle, and in sum."""

    idle: int
    total: int


@dataclass(frozen=True)
class Load:
    """What the gate saw last. quiet is false where patience ended first; loadavg: over 1, 5 and 15 minutes."""

    quiet: bool
    busy: float
    waited: float
    loadavg: tuple[float, float, float]


def ticks() -> Ticks:
    """From the kernel; time that the hypervisor gave to others counts as busy."""
    numbers = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return Ticks(idle=numbers[3] + numbers[4], total=sum(numbers))


def wait_for_quiet(
    say: Callable[[str], None],
    *,
    read: Callable[[], Ticks] = ticks,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Load:
    """Returns once the cores were idle over a window, or when patience has ended: then the record says so."""
    begin = clock()
    said = -_AGAIN
    while True:
        busy = _busy(read, sleep)
        waited = clock() - begin
        if busy <= QUIET or waited >= PATIENCE:
            if busy > QUIET:
                say(f"the host is still {busy:.0%} busy after {waited:.0f} s: measuring all the same, and recording it")
            return Load(busy <= QUIET, round(busy, 3), round(waited, 1), os.getloadavg())
        if waited - said >= _AGAIN:
            said = waited
            say(f"waiting for a quiet host: {busy:.0%} of its cores busy, allowed {QUIET:.0%}, until {PATIENCE:.0f} s")


def _busy(read: Callable[[], Ticks], sleep: Callable[[float], None]) -> float:
    before = read()
    sleep(WINDOW)
    after = read()
    passed = after.total - before.total
    return 1 - (after.idle - before.idle) / passed if passed else 0.0
