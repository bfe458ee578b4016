"""How the fused engine's tasks share a slice, and tasks that go in step."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cluster_app.pipeline import scheduling
from cluster_app.pipeline.errors import BadInput


class Done:
    """As much of a frame of packed rows as is asked of it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def itertuples(self, **_: Any) -> Iterator[tuple[str, bytes]]:
        yield self.path, b"row"


def spark_with(**settings: str) -> Any:
    conf = SimpleNamespace(get=lambda name, default: settings.get(name.rsplit(".", 1)[1], default))
    return SimpleNamespace(conf=conf, createDataFrame=lambda rows, columns: (rows, columns))


def test_the_engines_own_way_unless_asked() -> None:
    assert scheduling.asked(spark_with()) == "dynamic"
    assert scheduling.asked(spark_with(scheduling="barrier")) == "barrier"


def test_another_way_is_refused() -> None:
    with pytest.raises(
        BadInput, match=r"spark\.clusterbed\.scheduling = fair: must be one of dynamic, static, barrier"
    ):
        scheduling.asked(spark_with(scheduling="fair"))


@pytest.mark.parametrize("images", [0, 1, 3])
def test_every_task_comes_to_every_meeting(monkeypatch: pytest.MonkeyPatch, images: int) -> None:
    """A task with fewer images than the largest must not leave the others waiting for it."""
    meetings: list[int] = []
    done: list[str] = []
    context = SimpleNamespace(barrier=lambda: meetings.append(len(done)))
    pyspark = SimpleNamespace(BarrierTaskContext=SimpleNamespace(get=lambda: context))
    monkeypatch.setitem(sys.modules, "pyspark", pyspark)
    rows = [SimpleNamespace(path=f"p{number}", content=bytearray(b"x")) for number in range(images)]
    files = SimpleNamespace(rdd=SimpleNamespace(barrier=lambda: SimpleNamespace(mapPartitions=lambda task: task(rows))))

    def segment(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            assert batch["content"][0] == b"x"
            done.append(batch["path"][0])
            yield Done(batch["path"][0])

    found, columns = scheduling.in_step(spark_with(), files, segment, "image string, packed binary", rounds=3)
    assert [path for path, _ in found] == [row.path for row in rows]
    assert columns == "image string, packed binary"
    # One after each image, and the others at the end.
    assert meetings == [*range(1, images + 1), *([images] * (3 - images))]
