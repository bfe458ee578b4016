"""Where the time of a job goes: named phases, one after the other, on the driver's clock."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import Callable, Dict, Iterator


class Phases:
    """Seconds by phase, in the order they were first entered; says on stderr how long each took, each time.

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
            seconds = time.perf_counter() - begin
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
            print(f"job: {name} took {seconds:.1f} s", file=sys.stderr, flush=True)
