"""The estimate of a job's memory against what it really takes, on a cluster of one node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from real_clusters import leftovers, shipped

from cluster_app.contract.job import Job
from experiments.cluster import lifecycle, staging
from experiments.cluster.submit import submit
from experiments.errors import UserError
from experiments.host.models import Model
from experiments.memory.check import beyond_estimate
from experiments.types import ClusterSpec

# The sizes that cost most: the largest that is decoded in full, and two that are reduced.
SIDES = {"sixteen.png": (4000, 4000), "sixty-three.png": (9000, 7000), "ninety-nine.jpg": (11000, 9000)}


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterSpec]:
    spec = shipped("local")
    lifecycle.down(spec.name, print)
    lifecycle.up(spec, print)
    try:
        yield spec
    finally:
        lifecycle.down(spec.name, print)
    assert not leftovers(spec.name)


@pytest.fixture(scope="module")
def job(cluster: ClusterSpec, photographs: Path, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A photograph in the sizes that cost most."""
    folder = tmp_path_factory.mktemp("large") / "large"
    folder.mkdir()
    with Image.open(photographs / "rocket-tower.jpg") as photo:
        for name, side in SIDES.items():
            photo.convert("RGB").resize(side).save(folder / name)
    wanted = Job(
        input=folder.as_uri(),
        output="file:/srv/out/large",
        model=(model.folder / "fp16.xml").as_uri(),
        priors=(model.folder / "priors.npy").as_uri(),
        engine="fused",
        precision="f32",
        image_size=model.size,
        threads_per_task=2,
        # One process takes them all, as the worst case has it.
        read_partitions=1,
    )
    return staging.stage(cluster, wanted, print)


def test_no_process_takes_more_than_was_estimated(cluster: ClusterSpec, job: Job, tmp_path: Path) -> None:
    result = submit(cluster, job, tmp_path, print).result
    assert (result.counts.ok, result.counts.images) == (3, 3)
    assert result.estimate is not None
    assert beyond_estimate(result) == []
    (worker,) = result.workers
    # An estimate far over what is ever taken would hold, and refuse jobs that fit.
    assert worker.peak_memory_mb > 0.6 * result.estimate.process_mb
    assert worker.jvm_peak_memory_mb is not None
    assert worker.jvm_peak_memory_mb > 100
    assert worker.cpu is not None
    assert (worker.cpu.threads, worker.cpu.streams, worker.cpu.pinned, worker.cpu.requests) == (2, 1, False, 1)
    assert worker.cpu.cores == 2
    assert worker.cpu.quota == pytest.approx(2.0)


def test_a_job_that_may_not_fit_does_not_start(cluster: ClusterSpec, job: Job, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="threads_per_task to 2, for one task at a time instead of 2"):
        submit(cluster, replace(job, threads_per_task=1, image_size=5000), tmp_path, print)
    assert not (tmp_path / "driver.log").exists()
