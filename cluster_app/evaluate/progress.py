"""Progress of a long loop, on stderr: a line every few seconds."""

from __future__ import annotations

import sys
import time
from typing import Iterable, Iterator, TypeVar

_EVERY = 5.0
Item = TypeVar("Item")


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def watched(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """The items, while saying how many are done, how fast, and how long the rest takes."""
    begin = said = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - said >= _EVERY:
            rate = done / (now - begin)
            say(f"{what}: {done} of {total}, {rate:.3g} a second, {(total - done) / rate:.0f} s left")
            said = now
        yield item
