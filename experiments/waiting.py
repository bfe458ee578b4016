"""Waiting for a condition, with a deadline and a message that says what was still missing."""

from __future__ import annotations

import time
from collections.abc import Callable

from experiments.errors import RunFailed


class TimedOut(RunFailed):
    """A condition did not come about in time. `missing` is what it still lacked."""

    def __init__(self, what: str, seconds: float, missing: str) -> None:
        self.what, self.missing = what, missing
        super().__init__(f"{what}: not ready after {seconds:.0f} s; still missing: {missing}")


def wait_until(
    missing: Callable[[], str | None],
    *,
    what: str,
    timeout: float,
    pause: float = 0.25,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Asks `missing` until it returns None, and returns the seconds that took. Raises TimedOut."""
    begin = clock()
    while True:
        lacking = missing()
        waited = clock() - begin
        if lacking is None:
            return waited
        if waited >= timeout:
            raise TimedOut(what, timeout, lacking)
        sleep(pause)
