"""Where the time of a job goes: named phases, one after the other, on the driver's clock."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import Callable, Dict, Iterator


class Phases:
    """Seconds by phase, in the order they were entered; says each on stderr as it ends.

    announce: told the name of each phase as it begins.
    """

    def __init__(self) -> None:
        self.seconds: Dict[str, float] = {}
        self.announce: Callable[[str], None] = lambda _: None

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        self.announce(name)
        print(f"job: {name} ...", file=sys.stderr, flush=True)
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin
            print(f"job: {name} took {self.seconds[name]:.1f} s", file=sys.stderr, flush=True)
