"""The look at the host before a trial: load, throttling, free memory; a bounded wait, and a record of what was seen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from experiments.bench.gate import Ticks, ticks

# Share of all cores that other work may take, over a window of seconds; clusters that wait for a job take some.
QUIET, WINDOW = 0.10, 1.0
PATIENCE = 60.0
# Less free memory than this, in MB, and the kernel may take pages away from a trial.
LEAST_FREE_MB = 768
_AGAIN = 30.0
_THROTTLED = "/sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count"


@dataclass(frozen=True)
class Steady:
    """What was seen last. quiet is false where patience ended first: problems then says why.

    throttled: how often cores have slowed down for their heat since boot, None where the kernel does not say.
    """

    quiet: bool
    problems: tuple[str, ...]
    busy: float
    memory_free_mb: int
    throttled: int | None
    waited: float
    loadavg: tuple[float, float, float]


def wait(
    say: Callable[[str], None],
    *,
    read: Callable[[], Ticks] = ticks,
    free_mb: Callable[[], int] | None = None,
    throttled: Callable[[], int | None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Steady:
    """Returns once the host is quiet and cool and has memory, or when patience has ended."""
    free, heat = free_mb or memory_free_mb, throttled or throttle_count
    begin, said = clock(), -_AGAIN
    while True:
        before, hot = read(), heat()
        sleep(WINDOW)
        busy, now_hot, memory = _busy(before, read()), heat(), free()
        waited = clock() - begin
        problems = _problems(busy, memory, hot, now_hot)
        if not problems or waited >= PATIENCE:
            if problems:
                say(f"the host is not steady after {waited:.0f} s ({'; '.join(problems)}): recorded with the trial")
            return Steady(not problems, problems, round(busy, 3), memory, now_hot, round(waited, 1), os.getloadavg())
        if waited - said >= _AGAIN:
            said = waited
            say(f"waiting for a steady host, until {PATIENCE:.0f} s: {'; '.join(problems)}")


class Elsewhere:
    """What else the host did from `with` to its end: the engine, this program, and whatever else there is."""

    def __init__(self, read: Callable[[], Ticks] = ticks, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock

    def __enter__(self) -> Self:
        self._before, self._begin = self._read(), self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._after, self._lasted = self._read(), self._clock() - self._begin

    def cores(self, nodes: float) -> float:
        """How many cores it kept busy on average, beside the processor time of the nodes, in seconds."""
        passed, idle = self._after.total - self._before.total, self._after.idle - self._before.idle
        busy = (passed - idle) / os.sysconf("SC_CLK_TCK")
        return round(max(0.0, busy - nodes) / self._lasted, 3) if self._lasted else 0.0


def _problems(busy: float, memory: int, hot: int | None, now_hot: int | None) -> tuple[str, ...]:
    problems = []
    if busy > QUIET:
        problems.append(f"{busy:.0%} of its cores busy, allowed {QUIET:.0%}")
    if memory < LEAST_FREE_MB:
        problems.append(f"{memory} MB of memory free, needed {LEAST_FREE_MB}")
    if hot is not None and now_hot is not None and now_hot > hot:
        problems.append("its cores are being slowed down for their heat")
    return tuple(problems)


def _busy(before: Ticks, after: Ticks) -> float:
    passed = after.total - before.total
    return 1 - (after.idle - before.idle) / passed if passed else 0.0


def memory_free_mb() -> int:
    """MB that programs can still have."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0


def throttle_count() -> int | None:
    """Of all cores since boot; None where the kernel does not count."""
    counters = sorted(Path("/").glob(_THROTTLED.lstrip("/")))
    return sum(int(counter.read_text()) for counter in counters) if counters else None
