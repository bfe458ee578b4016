"""The sides of GROUP=engines in a real node: each leaves a record from which seconds per image follow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from experiments.agreement import agreement
from experiments.bench import bed, trials
from experiments.bench.bed import PHOTOGRAPHS, Bed
from experiments.bench.engine_times import timed
from experiments.engine_settings import setting
from experiments.host import images, models
from experiments.host.engine import Engine
from experiments.host.paths import ARTEFACTS
from experiments.photographs import collect

IMAGES = 6


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    images.build_all(print, extra=["peers"])
    with bed.node("peers", tmp_path_factory.mktemp("bench"), print) as one:
        yield one
    assert not Engine().containers(one.spec.name)


@pytest.fixture(scope="module")
def job(place: Bed, tmp_path_factory: pytest.TempPathFactory) -> trials.Job:
    model = models.build(None, [models.DEMO_SIZE], print)[models.DEMO_SIZE]
    photographs = ARTEFACTS / "calibration-photographs"
    collect(photographs, malformed=False)
    folder = bed.folder_of(photographs, PHOTOGRAPHS, IMAGES, tmp_path_factory.mktemp("in") / "photographs")
    return place.job(model, "fp32", folder)


@pytest.fixture(scope="module")
def fused(place: Bed, job: trials.Job) -> trials.Trial:
    return trials.engine_trial(place, setting("fused"), job)


def test_an_engines_trial_has_tasks_memory_and_rows(place: Bed, fused: trials.Trial) -> None:
    found = timed(fused.record)
    assert 0 < found.per_image < 10
    assert found.images <= IMAGES - 1
    assert found.start_seconds is not None
    assert found.start_seconds < fused.record["wall_seconds"]
    assert found.memory_mb is not None
    assert found.memory_mb > 500
    assert len(fused.rows) == IMAGES
    assert not list(place.out.iterdir()), "the output was not removed"


@pytest.mark.parametrize("peer", [trials.ray_trial, trials.pandas_udf_trial])
def test_a_peer_has_the_engines_rows_and_does_each_image_once(
    place: Bed, job: trials.Job, fused: trials.Trial, peer: trials.Peer
) -> None:
    one = peer(place, job)
    same = agreement("fused", fused.rows, one.rows)
    assert (same.statuses, same.pairs) == (0, same.detections)
    assert same.detections > 0
    assert len(one.record["finishes"]) == IMAGES
    assert timed(one.record).per_image > 0


def test_the_ceiling_is_the_best_of_a_grid(place: Bed, job: trials.Job) -> None:
    tried = trials.bare(place, job, images=0)
    assert {(one["streams"], one["pinning"]) for one in tried["grid"]} == {(1, False), (1, True), (2, False), (2, True)}
    assert all(one["arithmetic"] == ["f32"] for one in tried["grid"])
    again = trials.bare(place, job, images=4, way=trials.best_way(tried))
    assert timed(again).images == 4


def test_a_node_alone_does_the_same_work(place: Bed, job: trials.Job) -> None:
    (one,) = trials.solos(place, job, images=2)
    assert one["images"] == 2
    assert one["seconds"] > 0
