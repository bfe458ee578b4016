"""One piece of work on one core, timed in a process of its own.

    python -m experiments.bench.runner_work make FOLDER TRIALS | plan CELLS | store FOLDER | report FOLDER

Says what it took as one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.host import capacity
from experiments.matrix.costs import REFERENCE_ISA, REFERENCE_SECONDS, Calibration
from experiments.matrix.plan import Host, make_plan
from experiments.matrix.preset import load_preset
from experiments.run_report import made
from experiments.store.records import RECORDS, load

# A matrix whose cells differ in their clusters too, not in their jobs alone.
_PRESET = """schema = 1
title = "many cells"
[settings]
topology = "databricks"
engine = "bigdl"
[axes]
workers = [1, 2, 3, 4, 5, 6, 7, 8]
weights = ["FP32", "INT8"]
images = {images}
"""
_HOST = Host(cores=32, memory_mb=512_000, disk_free_mb=10**7, cpu_model="made")
_MB = 10**6
# Of a record of a job on three nodes; one on seven has some 10 kB.
REAL_BYTES = 7000


def main() -> None:
    os.sched_setaffinity(0, {capacity.first_core()})
    work, *words = sys.argv[1:]
    print(json.dumps(_WORK[work](*words)))


def make(folder: str, trials: str) -> dict[str, Any]:
    """A made run, its records filled up to the size of real ones. Not timed."""
    path = made.write_run(Path(folder), trials=int(trials)) / RECORDS
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(_filled(line) + "\n" for line in lines), encoding="utf-8")
    return {"trials": int(trials), "mb": path.stat().st_size / _MB}


def _filled(line: str) -> str:
    record = {**json.loads(line), "filler": {}}
    room = max(0, REAL_BYTES - len(line))
    # Small tables of numbers, as most of a real record is.
    table = {"seconds": 0.123456, "images": 24, "node": "worker-1"}
    record["filler"] = {f"node-{number}": table for number in range(room // len(json.dumps({"node-100": table})))}
    return json.dumps(record, separators=(",", ":"))


def plan(cells: str) -> dict[str, Any]:
    """From a preset file of so many cells to its plan."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.toml"
        path.write_text(_PRESET.format(images=list(range(48, 48 + int(cells) // 16))))
        begin = time.perf_counter()
        found = make_plan(load_preset(str(path)), _HOST, Calibration({REFERENCE_ISA: REFERENCE_SECONDS}))
        seconds = time.perf_counter() - begin
    return {"cells": len(found.cells), "runnable": len(found.runnable), "seconds": seconds}


def store(folder: str) -> dict[str, Any]:
    """All records of a run read."""
    path = Path(folder) / RECORDS
    begin = time.perf_counter()
    records = load(path).records
    seconds = time.perf_counter() - begin
    return {"trials": len(records), "mb": path.stat().st_size / _MB, "seconds": seconds}


def report(folder: str) -> dict[str, Any]:
    """The command as a user waits for it. Raises CalledProcessError where it does not end with 0."""
    trials = store(folder)["trials"]
    begin = time.perf_counter()
    words = [sys.executable, "-m", "experiments.cli.app", "report", folder]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    return {"trials": trials, "html_mb": (Path(folder) / "report.html").stat().st_size / _MB, "seconds": seconds}


_WORK: dict[str, Callable[..., dict[str, Any]]] = {"make": make, "plan": plan, "store": store, "report": report}

if __name__ == "__main__":
    main()
