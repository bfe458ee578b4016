"""Ctrl-C and its like: they end a command, but do not cut in two what tears down what it started."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupted_once(say: Callable[[str], None]) -> Iterator[None]:
    """Inside, the first signal raises KeyboardInterrupt, and those that follow are held back.

    By then tear-down has begun, or is about to: a second Ctrl-C, or the same signal sent to a program and to the one
    that runs it, would leave containers behind. A signal that is ignored stays so.
    """

    def patient(*_: object) -> None:
        say("taking down what was started, which is not cut short")

    def first(*_: object) -> None:
        for number in kept:
            signal.signal(number, patient)
        raise KeyboardInterrupt

    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    kept = {number: one for number, one in handlers.items() if one not in (signal.SIG_IGN, None)}
    for number in kept:
        signal.signal(number, first)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds signals back inside and lets them through on leaving. For tear-down, which is bounded in time."""
    came: list[int] = []
    kept = {number: signal.signal(number, lambda number, _: came.append(number)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    for late in dict.fromkeys(came):
        signal.raise_signal(late)
