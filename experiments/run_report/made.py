"""Made runs whose answer is known: time falls by Amdahl's law. For tests and for timing the report; nothing in them was
measured, and their processor is called "made".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.eventlog import TaskRow
from experiments.run_report.reading import ENVIRONMENT, PLAN, PRESET
from experiments.runner.samples import Sample
from experiments.store.records import RECORDS, SCHEMA

NAME = "made"
WORKERS = (1, 2, 3, 4, 6)
# Seconds of an image on one worker; of a job's start, of listing its input, and of the process's end.
ALONE, START, INVENTORY, END = 0.5, 12.0, 1.5, 0.8
_IMAGES, _TASK_IMAGES = 24, 8
_NOISE = 0.02
_CORE = 0.25

_TOPOLOGY = """schema = 1
manager = "standalone"
[machines.a]
cores = 2
[[nodes]]
name = "master"
roles = ["spark-master", "driver"]
machine = "a"
cpus = 0.5
memory = "2g"
[[nodes]]
name = "worker"
count = {workers}
roles = ["spark-worker"]
machine = "a"
cpus = 0.25
memory = "3g"
executor = {{ cores = 1, memory = "1536m", core_share = 0.25 }}
"""


@dataclass(frozen=True)
class Cell:
    """variant: a setting that changes nothing, so that there may be many cells."""

    workers: int
    images: int
    variant: int = 0

    @property
    def name(self) -> str:
        return f"workers-{self.workers}-images-{self.images}" + (f"-variant-{self.variant}" if self.variant else "")


def write_run(folder: Path, trials: int = 1000, serial: float = 0.1, seed: int = 1, repeats: int = 10) -> Path:
    """Writes a run of about that many trials into a new folder, and returns it.

    serial: Amdahl's fraction of its every family; repeats: rounds. Its cells are as many as the trials need, a family
    over WORKERS for each number of images.
    """
    chance = np.random.default_rng(seed)
    families = max(1, trials // (repeats * len(WORKERS)))
    cells = [
        Cell(workers, _IMAGES * (1 + family % 10), family // 10) for family in range(families) for workers in WORKERS
    ]
    for name in ("tasks", "samples", "topologies"):
        (folder / name).mkdir(parents=True)
    (folder / PRESET).write_text(f'# preset: {NAME}\nschema = 1\ntitle = "A made run"\nrepeats = {repeats}\n')
    _write(folder / PLAN, {"schema": 1, "preset": NAME, "cells": [_planned(cell) for cell in cells]})
    _write(folder / ENVIRONMENT, {"schema": 1, "blocks": [_block()]})
    for workers in WORKERS:
        (folder / "topologies" / f"made-{workers}.toml").write_text(_TOPOLOGY.format(workers=workers))
    with (folder / RECORDS).open("w") as file:
        for number in range(1, repeats + 1):
            for cell in cells:
                seconds = seconds_per_image(cell.workers, serial) * float(np.exp(chance.normal(0, _NOISE)))
                record, tasks = trial(cell, number, seconds)
                file.write(json.dumps(record) + "\n")
                _keep(folder, str(record["trial"]), tasks, record)
    return folder


def seconds_per_image(workers: int, serial: float) -> float:
    """Amdahl's law."""
    return ALONE * (serial + (1 - serial) / workers)


def trial(one: Cell, number: int, seconds: float) -> tuple[dict[str, Any], list[TaskRow]]:
    """A trial's record and its tasks, at so many seconds per image in its one phase."""
    workers, images = one.workers, one.images
    stage = seconds * images
    total = START + INVENTORY + stage
    tasks = list(_tasks(workers, images, stage))
    hosts = [f"worker-{place + 1}" for place in range(workers)]
    record = {
        "schema": SCHEMA,
        "preset": NAME,
        "block": 1,
        "comparison": NAME,
        "cell": one.name,
        "round": number,
        "kind": "trial",
        "status": "measured",
        "cluster": f"made-{workers}",
        "core": _CORE,
        "hash": f"content of {one.name}",
        "settings": {
            "topology": "standalone",
            "engine": "fused",
            "model": "small",
            "workers": workers,
            "images": images,
        },
        "trial": f"{number:03d}-{one.name}",
        "began": f"2026-01-{number % 28 + 1:02d}T12:00:00.000+00:00",
        "seconds": round(total + 3, 3),
        "boot": {"quotas": dict.fromkeys(hosts, _CORE), "memory_mb": dict.fromkeys(hosts, 3072)},
        "reasons": [],
        "phases": {
            "start": START - 4,
            "inventory": INVENTORY,
            "segment": stage,
            "total": total - 4,
            "submit": total + END,
        },
        "per_image": {
            "stage_3": round(seconds, 5),
            "wall": round(total / images, 5),
            "worker_seconds": round(seconds * workers, 5),
        },
        "hosts": {host: {"images": round(images * _share(tasks, host)), "tasks": 1} for host in hosts},
        "images": images,
        "executors": workers,
        "slots": workers,
        "used": {host: {"cpu_s": stage / 5, "throttled_s": stage / 5} for host in hosts},
        "source": "a made set",
        "result": _result(hosts, images, stage),
    }
    return record, tasks


def _share(tasks: Sequence[TaskRow], host: str) -> float:
    """Of the tasks that compute."""
    computing = [task.host for task in tasks if task.stage_id]
    return computing.count(host) / len(computing)


def _tasks(workers: int, images: int, stage: float) -> Iterator[TaskRow]:
    """One task a worker that lists the input, then equal ones over all of them, in waves that fill the stage."""
    for place in range(workers):
        yield _task(0, "inventory", place, place, START, START + INVENTORY - 0.1)
    count = max(workers, images // _TASK_IMAGES)
    waves = -(-count // workers)
    each, begin = stage / waves, START + INVENTORY
    for index in range(count):
        wave, place = divmod(index, workers)
        yield _task(1, "segment", index, place, begin + wave * each + 0.01, begin + (wave + 1) * each)


def _task(stage: int, phase: str, index: int, place: int, begin: float, end: float) -> TaskRow:
    return TaskRow(
        stage_id=stage,
        stage_attempt=0,
        stage_name=phase,
        phase=phase,
        index=index,
        attempt=0,
        host=f"worker-{place + 1}",
        executor=str(place),
        launch_s=round(begin, 3),
        finish_s=round(end, 3),
        run_s=round((end - begin) * 0.95, 3),
        failed=False,
        reason=None,
        bytes_read=0,
        records_read=0,
    )


def _result(hosts: Sequence[str], images: int, stage: float) -> Mapping[str, Any]:
    seconds = {
        "load_seconds": 0.1,
        "compile_seconds": 0.7,
        "decode_seconds": 0.05 * stage,
        "infer_seconds": 0.5 * stage,
        "postprocess_seconds": 0.05 * stage,
        "encode_seconds": 0.02 * stage,
    }
    workers = [
        {"host": host, "processes": 1, "images": images // len(hosts), "compiles": 1, **seconds} for host in hosts
    ]
    return {
        "engine": "fused",
        "timing": "materialised",
        "threads_per_task": 1,
        "workers": workers,
        "versions": {"spark": "3.1.3", "openvino": "2023.3.0", "python": "3.9.2"},
        "deviations": ["a made job deviates from nothing"],
    }


def _planned(one: Cell) -> Mapping[str, Any]:
    return {"cell": one.name, "comparison": NAME, "skipped": []}


def _block() -> Mapping[str, Any]:
    host = {"cpu_model": "a made processor", "cores": 2, "memory_mb": 8192, "kernel": "made"}
    return {"block": 1, "began": "2026-01-01T12:00:00.000+00:00", "host": host, "engine": "made", "commit": "0" * 40}


def _keep(folder: Path, name: str, tasks: Sequence[TaskRow], record: Mapping[str, Any]) -> None:
    _write(folder / "tasks" / f"{name}.json", {"schema": 1, "tasks": [vars(task) for task in tasks]})
    samples = [
        Sample(at * 5.0, host, at * 1.0, at * 50, at * 20, at * 1.0, 900.0 + 100 * at, 0, 0, 0)
        for at in range(4)
        for host in record["hosts"]
    ]
    text = "".join(json.dumps(vars(one)) + "\n" for one in samples)
    (folder / "samples" / f"{name}.jsonl").write_text(text)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content) + "\n")
