"""Both engines on a real cluster: the same rows for the same files, each once, whatever breaks on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
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
from experiments import scenes
from experiments.agreement import agreement
from experiments.cluster import lifecycle, spark, staging, state
from experiments.cluster.submit import application, submit
from experiments.errors import UserError
from experiments.host import models
from experiments.host.engine import Engine
from experiments.host.models import Model
from experiments.known_objects import count_found
from experiments.render import container_name
from experiments.types import ClusterSpec

ENGINES = ("fused", "bigdl")
# BigDL's engine with everything that it offers otherwise than by default.
OTHERWISE = {"reader": "nnimagereader", "post_processing": "driver", "batch_size": 4, "timing": "paper"}
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
    """The odd files through each engine, and through BigDL's otherwise; each row verified."""
    done = {}
    for name in (*ENGINES, "otherwise"):
        job = replace(bed.odd, engine="bigdl", output=f"file:/srv/out/odd-{name}", verify=True)
        job = replace(job, engine="fused", slice_images=8, overlays=2) if name == "fused" else job
        job = replace(job, pin_threads=True, **OTHERWISE) if name == "otherwise" else job
        done[name] = job, submit(bed.spec, job, tmp_path_factory.mktemp(name), print).result
    return done


@pytest.mark.parametrize("engine", [*ENGINES, "otherwise"])
def test_each_odd_file_has_its_one_row(bed: Bed, results: Results, engine: str) -> None:
    job, result = results[engine]
    rows = bed.rows(job)
    assert sorted(row["image"] for row in rows) == sorted(STATUSES)
    assert {row["image"]: row["status"] for row in rows} == STATUSES
    assert all((row["error"] is None) == (row["status"] == "ok") for row in rows)
    assert all((row["host"] is None) == (row["status"] != "ok") for row in rows)
    assert result.counts.images == len(STATUSES)
    assert result.verified == result.counts.ok > 0
    assert len(list((bed.out / f"odd-{engine}" / "overlays").glob("*.png"))) == job.overlays


@pytest.mark.parametrize("other", ["bigdl", "otherwise"])
def test_engines_find_the_same_objects(bed: Bed, results: Results, other: str) -> None:
    first, second = (bed.rows(results[engine][0]) for engine in ("fused", other))
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


def test_what_predict_costs_is_in_the_result(results: Results) -> None:
    for name in ("bigdl", "otherwise"):
        _, result = results[name]
        # Preprocessing ran once for each image, whatever predict did, and each partition was compiled for.
        assert result.preprocessed == result.counts.ok
        assert sum(one.images for one in result.workers) == result.counts.ok
        assert sum(one.compiles for one in result.workers) == result.partitions.predict
        for one in result.workers:
            assert min(one.compile_seconds, one.infer_seconds, one.input_seconds, one.output_seconds) > 0
            # Three planes of floats that pickle to nine bytes each.
            assert one.input_mb / one.images == pytest.approx(3 * 192 * 192 * 9 / 1e6, rel=0.05)
            assert one.output_mb > 1
            assert one.jvm_peak_memory_mb is not None
            assert min(one.jvm_peak_memory_mb, one.peak_memory_mb) > 100
    phases = {one.name: one for one in results["bigdl"][1].spark}
    assert {"read", "preprocess", "predict", "postprocess"} <= set(phases)
    assert all(one.retried == one.failed_tasks == 0 for one in phases.values())


def test_nnimagereader_leaves_one_task(results: Results) -> None:
    """Claim D1. Beside it stand the images that it cannot read, in partitions of their own."""
    spark_reads, bigdl_reads = (results[name][1].partitions.read for name in ("bigdl", "otherwise"))
    assert bigdl_reads < spark_reads


def test_a_swapped_row_ends_the_job(bed: Bed) -> None:
    job = replace(bed.few, engine="bigdl", output="file:/srv/out/swapped", verify=True)
    log = submit_by_hand(bed, job, {}, "swap").communicate(timeout=300)[0]
    assert "WrongRows: verify: 2 rows carry results of another input than the image named: " in log, log[-3000:]
    assert "camera-tall.jpg (it carries that of cats/chelsea-eyes.png)" in log
    assert not (bed.out / "swapped").exists()


@pytest.fixture(scope="module")
def known(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Path]:
    """Scenes whose objects are known, for the trained model, and the annotations."""
    made = tmp_path_factory.mktemp("known")
    annotations = scenes.make(made / "scenes", made / "photographs", print)
    folder = tmp_path_factory.mktemp("scenes")
    scenes.place(annotations, folder)
    return staging.stage(bed.spec, job_of(folder, models.trained(print)), print), annotations


def test_engines_agree_on_every_object_of_the_trained_model(bed: Bed, known: tuple[Job, Path], tmp_path: Path) -> None:
    few, annotations = known
    found = {}
    for engine in ENGINES:
        job = replace(few, engine=engine, output=f"file:/srv/out/known-{engine}", verify=True)
        submit(bed.spec, job, tmp_path / engine, print)
        found[engine] = bed.rows(job)
        counted = count_found(annotations, found[engine])
        assert 0.5 * counted.objects < counted.found <= counted.objects
        assert all(any(one["score"] > 0.3 for one in row["detections"]) for row in found[engine])
    both = agreement("fused", *(found[engine] for engine in ENGINES))
    assert both.images == scenes.COUNT
    assert both.statuses == 0
    # agreement() pairs detections whose scores differ by 1e-3 at most and whose masks overlap by 0.99 at least.
    assert both.pairs == both.detections > 0


def test_the_fused_engine_runs_int8(bed: Bed, known: tuple[Job, Path], tmp_path: Path) -> None:
    """Preprocessing inside; the plain INT8 model goes the same way once it is put in front."""
    few, annotations = known
    model = (models.trained(print).folder / "int8-u8.xml").as_uri()
    job = staging.stage(bed.spec, replace(job_of(source(bed), models.trained(print)), model=model), print)
    job = replace(few, model=job.model, output="file:/srv/out/int8", verify=True)
    result = submit(bed.spec, job, tmp_path, print).result
    assert (result.arithmetic.precision_compiled, result.arithmetic.storage) == ("f32", "INT8")
    assert result.verified == result.counts.ok == scenes.COUNT
    counted = count_found(annotations, bed.rows(job))
    assert counted.found > 0.5 * counted.objects


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


def test_a_driver_that_died_goes_on_where_it_was(bed: Bed, tmp_path: Path) -> None:
    job = replace(bed.few, output="file:/srv/out/killed", slice_images=4)
    driver = submit_by_hand(bed, job, {})
    wait_for_slice(bed.out / ".killed.partial", driver)
    kill_driver(bed)
    driver.communicate(timeout=60)
    goes_on(bed, replace(job, if_exists="resume"), tmp_path)


def test_a_submission_that_is_interrupted_goes_on_where_it_was(bed: Bed, tmp_path: Path) -> None:
    job = replace(bed.few, engine="bigdl", output="file:/srv/out/interrupted", slice_images=4, if_exists="resume")
    file = tmp_path / "job.json"
    file.write_text(job.to_json())
    command = [sys.executable, "-m", "experiments.cli.app", "submit", bed.spec.name, str(file)]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for_slice(bed.out / ".interrupted.partial", client)
    client.send_signal(signal.SIGINT)
    said = client.communicate(timeout=60)[0]
    assert client.returncode == 130, said
    driver = container_name(bed.spec.name, bed.spec.driver.name)
    assert Engine().exec(driver, ["pgrep", "-f", "/srv/data/jobs/[0-9]"], check=False).stdout == ""
    goes_on(bed, job, tmp_path)


def goes_on(bed: Bed, job: Job, evidence: Path) -> None:
    """What was committed is kept and not made again, and the rest is done."""
    name = job.output.rsplit("/", 1)[1]
    output, partial = bed.out / name, bed.out / f".{name}.partial"
    kept = {path.name: path.stat().st_mtime_ns for path in partial.glob("part-*.parquet")}
    assert 0 < len(kept) < 3
    assert not output.exists()

    result = submit(bed.spec, job, evidence, print).result
    assert result.slices is not None
    assert (result.slices.total, result.slices.resumed) == (3, len(kept))
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
