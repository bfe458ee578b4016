"""`python -m experiments.memory.envelope`: the least memory with which the bigdl engine works (claim F1).

For each number of images, partitions and images of a batch, executors of one node are given less and more memory, by
bisection, heap and what stands beside it in the topology's proportion, and the node's container the sum and what its
services need. Each job is on disk before the next begins; started again with the same folder, it goes on, and with
--minutes it leaves off after so long. Documented in docs/engines.md, "Memory".
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cluster_app.contract.job import Job
from experiments import trials
from experiments.cli.app import guarded
from experiments.cli.output import progress, table
from experiments.cluster import lifecycle, staging
from experiments.cluster.submit import submit
from experiments.copies import copies
from experiments.errors import RunFailed, UserError
from experiments.eventlog import TaskRow, event_logs, read_event_log
from experiments.fit import reserve_mb
from experiments.host import memory, models
from experiments.host.engine import Engine
from experiments.host.paths import RESULTS
from experiments.memory.search import Cell, Death, Trial, deaths, least, next_probe, waves
from experiments.render import container_name
from experiments.shapes import read_toml
from experiments.topology import parse_topology
from experiments.types import ClusterSpec

CLUSTER = "envelope"
TOPOLOGY = Path(__file__).with_name("envelope.toml")
# A job that is this slow will not end: a heap that is nearly full is collected over and over.
JOB_SECONDS = 300.0


def main() -> None:
    """Status 0 when the table is complete, or the minutes are over; what is there is kept either way."""
    raise SystemExit(guarded(_run))


def _run() -> None:
    options = _parse()
    spec = parse_topology(read_toml(TOPOLOGY), name=CLUSTER, where=str(TOPOLOGY), profiles={})
    model = options.model or models.build(None, [options.size], progress)[options.size].folder
    cells = [Cell(*one) for one in itertools.product(options.images, options.partitions, options.batch)]
    high = options.high or spec.executor.memory_mb + spec.executor.overhead_mb
    settings = {"size": options.size, "model": model.name, "low": options.low, "high": high}
    done = [_stored(one) for one in trials.read(options.out / "trials.jsonl", settings)]
    deadline = time.monotonic() + options.minutes * 60

    def probe(cell: Cell) -> int | None:
        return next_probe([one for one in done if one.cell == cell], options.low, high, options.tolerance)

    if any(probe(cell) is not None for cell in cells):
        lifecycle.up(spec, progress)
        try:
            for cell in cells:
                job = staging.stage(spec, _job(cell, model, options), progress)
                while (wanted := probe(cell)) is not None and time.monotonic() < deadline:
                    done.append(_trial(spec, job, cell, wanted, options.out))
                    trials.append(options.out / "trials.jsonl", settings, asdict(done[-1]))
        finally:
            lifecycle.down(spec.name, progress)
    found = [_row(cell, [one for one in done if one.cell == cell]) for cell in cells]
    trials.write_table(options.out / "envelope.json", {**settings, "tolerance_mb": options.tolerance, "cells": found})
    table(tuple(found[0]), [tuple(one.values()) for one in found])
    left = sum(probe(cell) is not None for cell in cells)
    if left:
        progress(f"{left} of {len(cells)} cells are not done; the same command goes on with them")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="experiments.memory.envelope", description=__doc__)
    for name, default in (("images", [16, 64]), ("partitions", [2, 8]), ("batch", [1, 4])):
        parser.add_argument(f"--{name}", type=int, nargs="+", default=default)
    parser.add_argument("--size", type=int, default=models.PAPER_SIZE, help="side of the network's input in pixels")
    parser.add_argument("--low", type=int, default=768, help="MB of an executor, heap and beside it, to begin with")
    parser.add_argument("--high", type=int, help="the same, at most; default: the topology's")
    parser.add_argument("--tolerance", type=int, default=256, help="MB")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no job after so long")
    parser.add_argument("--model", type=Path, help="a folder with fp16.xml and priors.npy; else one is built")
    parser.add_argument("--out", type=Path, default=RESULTS / "envelope")
    options = parser.parse_args()
    if min(options.images + options.partitions + options.batch) < 1:
        raise UserError("--images, --partitions, --batch: must each be whole numbers of 1 or more")
    return options


def _job(cell: Cell, model: Path, options: argparse.Namespace) -> Job:
    return Job(
        input=copies(options.out / f"images-{cell.images}", cell.images).resolve().as_uri(),
        output=f"file:/srv/out/{CLUSTER}",
        model=(model / "fp16.xml").resolve().as_uri(),
        priors=(model / "priors.npy").resolve().as_uri(),
        engine="bigdl",
        precision="f32",
        image_size=options.size,
        read_partitions=cell.partitions,
        batch_size=cell.batch,
        slice_images=cell.images,
        timing="paper",
        if_exists="replace",
    )


def _trial(spec: ClusterSpec, job: Job, cell: Cell, total: int, folder: Path) -> Trial:
    """One job with so much memory. A job that fails is a result; nothing is raised for it."""
    engine, executor = Engine(), spec.executor
    heap = total * executor.memory_mb // (executor.memory_mb + executor.overhead_mb)
    nodes = [(container_name(spec.name, node.name), node) for node in spec.executor_nodes]
    for container, node in nodes:
        memory.set_memory(container, total * executor.instances + reserve_mb(spec, node))
    before = sum(memory.oom_kills(engine, container) for container, _ in nodes)
    evidence = folder / "evidence" / f"{cell.images}-{cell.partitions}-{cell.batch}-{total}"
    shutil.rmtree(evidence, ignore_errors=True)
    begin, message, result = time.monotonic(), "", None
    try:
        settings = {"spark.executor.memory": f"{heap}m"}
        result = submit(spec, job, evidence, progress, timeout=JOB_SECONDS, conf=settings, check_memory=False).result
        message = "; ".join(result.errors)
    except RunFailed as error:
        message = str(error)
    seconds = time.monotonic() - begin
    kills = sum(memory.oom_kills(engine, container) for container, _ in nodes) - before
    found = deaths(_tasks(evidence), kills)
    progress(f"{cell}: {total} MB: {message or 'done'}; {len(found)} failed tasks, {kills} kills by the kernel")
    return Trial(
        cell=cell,
        total_mb=total,
        heap_mb=heap,
        done=not message,
        seconds=round(seconds, 1),
        slots=spec.total_executor_cores,
        deaths=found,
        waves=waves(found),
        oom_kills=kills,
        message=message,
        partitions=result.partitions.predict if result else None,
        python_mb=max((one.peak_memory_mb for one in result.workers), default=None) if result else None,
        jvm_mb=max((one.jvm_peak_memory_mb or 0.0 for one in result.workers), default=None) if result else None,
    )


def _tasks(evidence: Path) -> list[TaskRow]:
    """The tasks of a job that may have ended before it had any."""
    try:
        return [task for log in event_logs(evidence / "events") for task in read_event_log(log).tasks]
    except UserError:
        return []


def _row(cell: Cell, done: list[Trial]) -> dict[str, Any]:
    """What the trials of a cell say: the least memory, and of the largest trial that failed, who died first."""
    failed = [one for one in done if not one.clean]
    nearest = max(failed, key=lambda one: one.total_mb, default=None)
    survived = [one for one in failed if one.done]
    return {
        "images": cell.images,
        "partitions": cell.partitions,
        "batch": cell.batch,
        "least_mb": least(done),
        "fails_at_mb": nearest.total_mb if nearest else None,
        "first_death": nearest.deaths[0].cause if nearest and nearest.deaths else nearest.message if nearest else None,
        "failed_at_once": list(nearest.waves) if nearest else None,
        "slots": done[0].slots if done else None,
        "done_with_failed_tasks_at_mb": sorted(one.total_mb for one in survived),
        "trials": len(done),
    }


def _stored(content: dict[str, Any]) -> Trial:
    """A trial as it was stored."""
    lists = {"cell": Cell(**content["cell"]), "deaths": tuple(Death(**one) for one in content["deaths"])}
    return Trial(**{**content, **lists, "waves": tuple(content["waves"])})


if __name__ == "__main__":
    main()
