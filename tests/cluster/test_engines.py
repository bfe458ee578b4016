"""Both engines on a real cluster: the same rows for the same files, each once, whatever breaks on the way."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet
import pytest
from odd_inputs import STATUSES, write_odd_inputs
from real_clusters import leftovers, shipped

from cluster_app.contract.job import Job
from cluster_app.contract.result import JobResult, parse_result
from experiments.agreement import agreement
from experiments.cluster import lifecycle, spark, staging, state
from experiments.cluster.submit import application, submit
from experiments.errors import UserError
from experiments.host.engine import Engine
from experiments.host.models import Model
from experiments.render import container_name
from experiments.types import ClusterSpec

ENGINES = ("fused", "bigdl")
Results = dict[str, tuple[Job, JobResult]]
FAULTS = {
    "crash": {},
    "kill": {},
    "slow": {
        "spark.speculation": "true",
        "spark.speculation.quantile": "0.3",
        "spark.speculation.multiplier": "1.1",
    },
}


@dataclass(frozen=True)
class Bed:
    """A cluster that is up, with photographs and odd files where it can read them."""

    spec: ClusterSpec
    odd: Job
    few: Job

    @property
    def out(self) -> Path:
        return state.share(self.spec.name) / "out"

    def rows(self, job: Job) -> list[dict]:
        files = sorted((self.out / job.output.rsplit("/", 1)[1]).glob("*.parquet"))
        return pyarrow.parquet.ParquetDataset(files).read().to_pylist()


@pytest.fixture(scope="module")
def bed(photographs: Path, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    odd, spec = tmp_path_factory.mktemp("odd") / "odd", shipped("standalone")
    write_odd_inputs(odd, photographs / "coffee cup.png")
    lifecycle.down(spec.name, print)
    lifecycle.up(spec, print)
    try:
        for one in Engine().containers(spec.name):
            Engine().set_cpus(one.id, 2)
        jobs = [staging.stage(spec, job_of(folder, model), print) for folder in (odd, photographs)]
        yield Bed(spec, *jobs)
    finally:
        lifecycle.down(spec.name, print)
    assert not leftovers(spec.name)


def job_of(folder: Path, model: Model) -> Job:
    return Job(
        input=folder.as_uri(),
        output="file:/srv/out/none",
        model=(model.folder / "fp16.xml").as_uri(),
        priors=(model.folder / "priors.npy").as_uri(),
        engine="fused",
        precision="f32",
        image_size=model.size,
    )


@pytest.fixture(scope="module")
def results(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The odd files through each engine."""
    done = {}
    for engine in ENGINES:
        job = replace(bed.odd, engine=engine, output=f"file:/srv/out/odd-{engine}", overlays=2)
        job = replace(job, slice_images=8) if engine == "fused" else job
        done[engine] = job, submit(bed.spec, job, tmp_path_factory.mktemp(engine), print).result
    return done


@pytest.mark.parametrize("engine", ENGINES)
def test_each_odd_file_has_its_one_row(bed: Bed, results: Results, engine: str) -> None:
    job, result = results[engine]
    rows = bed.rows(job)
    assert sorted(row["image"] for row in rows) == sorted(STATUSES)
    assert {row["image"]: row["status"] for row in rows} == STATUSES
    assert all((row["error"] is None) == (row["status"] == "ok") for row in rows)
    assert all((row["host"] is None) == (row["status"] != "ok") for row in rows)
    assert result.counts.images == len(STATUSES)
    assert len(list((bed.out / f"odd-{engine}" / "overlays").glob("*.png"))) == 2


def test_engines_find_the_same_objects(bed: Bed, results: Results) -> None:
    first, second = (bed.rows(results[engine][0]) for engine in ENGINES)
    for rows in (first, second):
        assert [row["image"] for row in rows if row["status"] == "ok" and not row["detections"]] == []
    found = agreement("fused", first, second)
    assert found.statuses == 0
    # Among the seeded network's hundred detections an image, the last ones have scores that differ by less than the
    # engines' arithmetic does.
    assert found.pairs >= 0.98 * found.detections > 0


def test_the_fused_engine_says_what_it_did(results: Results, bed: Bed) -> None:
    _, result = results["fused"]
    workers = {one.host: one for one in result.workers}
    assert set(workers) <= {node.name for node in bed.spec.executor_nodes}
    # Empty files are not read.
    assert sum(one.images for one in result.workers) == len(STATUSES) - 1
    for one in result.workers:
        assert one.compiles == one.processes
        assert one.compile_seconds > 0
        assert one.peak_memory_mb > 100
        parts = one.decode_seconds + one.infer_seconds + one.postprocess_seconds + one.encode_seconds
        assert 0 < parts < one.seconds
    assert result.slices is not None
    assert (result.slices.total, result.slices.resumed) == (-(-len(STATUSES) // 8), 0)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_file_once_though_a_task_goes_wrong(bed: Bed, fault: str) -> None:
    job = replace(bed.few, output=f"file:/srv/out/{fault}", slice_images=5)
    driver = submit_by_hand(bed, job, FAULTS[fault], fault)
    log = driver.communicate(timeout=300)[0]
    assert driver.returncode == 0, log[-3000:]
    assert (bed.out / f".{fault}-struck").exists(), "nothing went wrong, so nothing was tested"
    rows = bed.rows(job)
    assert sorted(row["image"] for row in rows) == sorted(
        path.relative_to(source(bed)).as_posix() for path in source(bed).rglob("*") if path.is_file()
    )
    assert {row["status"] for row in rows} == {"ok", "corrupt", "unsupported"}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_driver_that_died_goes_on_where_it_was(bed: Bed, engine: str, tmp_path: Path) -> None:
    job = replace(bed.few, engine=engine, output=f"file:/srv/out/killed-{engine}", slice_images=4)
    driver = submit_by_hand(bed, job, {})
    partial = bed.out / f".killed-{engine}.partial"
    wait_for_slice(partial, driver)
    kill_driver(bed)
    driver.communicate(timeout=60)
    kept = {path.name: path.stat().st_mtime_ns for path in partial.glob("part-*.parquet")}
    assert 0 < len(kept) < 3
    assert not (bed.out / f"killed-{engine}").exists()

    result = submit(bed.spec, replace(job, if_exists="resume"), tmp_path, print).result
    assert result.slices is not None
    assert (result.slices.total, result.slices.resumed) == (3, len(kept))
    output = bed.out / f"killed-{engine}"
    assert {name: (output / name).stat().st_mtime_ns for name in kept} == kept
    assert len(bed.rows(job)) == result.counts.images == 10
    assert (output / "_SUCCESS").exists()


def test_what_a_job_left_is_said_and_what_is_complete_stays(bed: Bed, results: Results, tmp_path: Path) -> None:
    job, _ = results["fused"]
    output = bed.out / "odd-fused"
    before = {path.name: path.stat().st_mtime_ns for path in output.iterdir()}
    again = submit(bed.spec, replace(job, if_exists="resume"), tmp_path, print).result
    assert again == parse_result((output / "job-result.json").read_text(), "job-result.json")
    assert {path.name: path.stat().st_mtime_ns for path in output.iterdir()} == before

    driver = container_name(bed.spec.name, bed.spec.driver.name)
    Engine().exec(driver, ["as-cluster", "mkdir", "/srv/out/.left.partial"])
    Engine().exec(driver, ["as-cluster", "touch", "/srv/out/.left.partial/part-00000-0123456789abcdef.parquet"])
    with pytest.raises(UserError, match='set if_exists to "resume" to go on with it, or to "replace"'):
        submit(bed.spec, replace(job, output="file:/srv/out/left"), tmp_path, print)


def source(bed: Bed) -> Path:
    """The photographs of the `few` job on this host."""
    return state.share(bed.spec.name) / "in" / bed.few.input.removeprefix("file:/srv/in/")


def submit_by_hand(bed: Bed, job: Job, conf: dict[str, str], fault: str = "") -> subprocess.Popen[str]:
    """Starts the job as `submit` does, and cleans nothing up; with a fault, by the program that has it."""
    driver, folder = container_name(bed.spec.name, bed.spec.driver.name), "/srv/data/jobs/by-hand"
    program = "faulty_job.py" if fault else "main.py"
    root = Path(__file__).parents[2]
    path = Path(__file__).with_name(program) if fault else root / "cluster_app" / "pipeline" / program
    Engine().exec(driver, ["as-cluster", "mkdir", "-p", folder, spark.EVENTS])
    files = {"job.json": job.to_json().encode(), program: path.read_bytes(), "cluster_app.zip": application()}
    Engine().put(driver, files, folder)
    settings = spark.resources(bed.spec) | spark.waiting(120) | spark.bigdl(bed.spec, 1) | conf
    options = (*spark.bigdl_properties(), "--py-files", f"{folder}/cluster_app.zip")
    arguments = (f"{folder}/{program}", f"{folder}/job.json", *([fault] if fault else []))
    command = spark.arguments(bed.spec, settings, *arguments, options=options)
    return subprocess.Popen(
        ["docker", "exec", "-w", folder, "-e", "HOME=/home/cluster", driver, "as-cluster", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_slice(partial: Path, driver: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not list(partial.glob("part-*.parquet")):
        assert driver.poll() is None, driver.communicate()[0][-3000:]
        assert time.monotonic() < deadline, "no slice was committed"
        time.sleep(0.1)


def kill_driver(bed: Bed) -> None:
    driver = container_name(bed.spec.name, bed.spec.driver.name)
    Engine().exec(driver, ["pkill", "-KILL", "-f", "/srv/data/jobs/by-hand"], check=False)
