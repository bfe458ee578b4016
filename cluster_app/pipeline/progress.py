"""Lines that say how far a job is while it runs."""

from __future__ import annotations

import sys
import time
from typing import Callable, Mapping, Sequence

from cluster_app.pipeline.slices import Slice

# Seconds between two lines.
INTERVAL = 5.0


class Progress:
    """Says on stderr how many images are done, at most one line every few seconds.

    total: images of this session; earlier: those that a session before it had finished.
    """

    def __init__(self, total: int, earlier: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._earlier, self._clock = total, earlier, clock
        self._begin = self._said = clock()

    @classmethod
    def of(cls, slices: Sequence[Slice], left: Sequence[Slice]) -> Progress:
        """slices: all of the job; left: those to do now."""
        total = sum(len(one.files) for one in left)
        return cls(total, sum(len(one.files) for one in slices) - total)

    def update(self, done: int, hosts: Mapping[str, int]) -> None:
        """done: images of this session so far; hosts: how many of them by host."""
        now = self._clock()
        if done == 0 or now - self._said < INTERVAL:
            return
        self._said = now
        print(line(done, self._total, self._earlier, now - self._begin, hosts), file=sys.stderr, flush=True)


def line(done: int, total: int, earlier: int, seconds: float, hosts: Mapping[str, int]) -> str:
    """One line: images done, images a second and seconds left of this session, and images by host."""
    rate = done / seconds
    text = f"job: progress {earlier + done} of {earlier + total} images, {rate:.2f} images/s, "
    text += f"{(total - done) / rate:.0f} s left"
    shares = ", ".join(f"{host} {images}" for host, images in sorted(hosts.items()))
    return f"{text}; {shares}" if shares else text
