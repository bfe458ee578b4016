"""The fused engine's driver: slices under way together, and nothing of one is kept when it has ended."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from cluster_app.pipeline.fused_engine import _as_they_end
from cluster_app.pipeline.slices import Slice

SLICES = [Slice(number, (), f"{number:016x}") for number in range(3)]


class _Row:
    """As a Java object is in Python: its methods, once called, know it and are known by it."""

    def __init__(self, number: int) -> None:
        self._number, self.itself = number, self

    def getString(self, _: int) -> str:
        return f"{self._number}.jpg"

    def get(self, _: int) -> bytearray:
        return bytearray([self._number])


class _Frame:
    """A frame of one row, which is there at once."""

    def __init__(self, row: _Row) -> None:
        self._jdf, self._row, self.cancelled = self, row, False

    def javaRDD(self) -> _Frame:
        return self

    def collectAsync(self) -> _Frame:
        return self

    def isDone(self) -> bool:
        return True

    def cancel(self, _: bool) -> None:
        self.cancelled = True

    def get(self) -> list[_Row]:
        return [self._row]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Python's own collector stays away: what goes, goes because the engine has asked for it."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_rows_of_a_slice_go_when_it_has_ended() -> None:
    alive: list[weakref.ref[Any]] = []

    def frame_of(one: Slice) -> _Frame:
        row = _Row(one.number)
        alive.append(weakref.ref(row))
        return _Frame(row)

    ended = _as_they_end(SLICES, frame_of, 1, lambda: None)
    assert next(ended) == (SLICES[0], [("0.jpg", b"\0")])
    assert next(ended) == (SLICES[1], [("1.jpg", b"\1")])
    assert [one.number for one, _ in ended] == [2]
    # The slice submitted last is known until another one is.
    assert [one() for one in alive[:-1]] == [None, None]


def test_slices_under_way_are_cancelled_when_the_consumer_fails() -> None:
    frames: list[_Frame] = []

    def frame_of(one: Slice) -> _Frame:
        frames.append(_Frame(_Row(one.number)))
        return frames[-1]

    ended = _as_they_end(SLICES, frame_of, 3, lambda: None)
    next(ended)
    ended.close()
    assert [frame.cancelled for frame in frames] == [False, True, True]
