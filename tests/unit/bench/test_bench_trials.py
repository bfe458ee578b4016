"""When quotas come in force, and which trials are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster_app.contract.result import Counts
from experiments.bench import trials
from experiments.errors import RunFailed


@dataclass
class Nodes:
    """Stands for a bed; notes what is done to its quotas."""

    done: list[str] = field(default_factory=list)

    def lift_quotas(self) -> None:
        self.done.append("lifted")

    def put_quotas(self) -> None:
        self.done.append("put")


@pytest.mark.parametrize("phase", ["segment", "read", "predict"])
def test_quotas_are_lifted_until_the_work_begins_and_put_once(phase: str) -> None:
    nodes: Any = Nodes()
    watch = trials._Watch(nodes, late=True)
    for line in ("start ...", "start took 3.0 s", "inventory ...", "progress 1 of 2 images ...", "readable"):
        watch.hear(line)
    assert nodes.done == ["lifted"]
    assert not watch.put
    for line in (f"{phase} ...", f"{phase} took 1.0 s", "postprocess ..."):
        watch.hear(line)
    assert nodes.done == ["lifted", "put"]
    assert watch.put


def test_phases_are_kept_in_order_as_often_as_they_come() -> None:
    nodes: Any = Nodes()
    watch = trials._Watch(nodes, late=False)
    for line in (
        "read ...",
        "read took 1.5 s",
        "progress 1 of 2 images",
        "commit took 0.0 s",
        "read took 2.0 s",
        "it took 3 s",
    ):
        watch.hear(line)
    assert watch.phases == [("read", 1.5), ("commit", 0.0), ("read", 2.0), ("it", 3.0)]


def test_quotas_that_are_not_to_be_lifted_are_left_alone() -> None:
    nodes: Any = Nodes()
    trials._Watch(nodes, late=False).hear("segment ...")
    assert nodes.done == []


def test_a_trial_with_failed_images_is_none() -> None:
    counts = Counts(images=20, ok=18, corrupt=0, unsupported=0, failed=2, detections=9)
    with pytest.raises(RunFailed, match="fused: 2 of 20 images have no result"):
        trials._refuse_failures("fused", counts)
    trials._refuse_failures("fused", Counts(images=20, ok=20, corrupt=0, unsupported=0, failed=0, detections=9))
