"""The programs of `cluster_app` that a benchmark runs, each in a container of its own, and the records they leave."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.bench.types import Record
from experiments.errors import RunFailed
from experiments.host import capacity
from experiments.host.evaluation import Program, attend

Say = Callable[[str], None]
CORES = 2


@dataclass(frozen=True)
class Photographs:
    """A folder, and which of its photographs are taken: pixels of the longer side, and pixels in all."""

    folder: Path
    least_side: int = 1
    most_pixels: int = 10**9


def speed(
    image: str, model: Path, photographs: Photographs, sides: Sequence[str], *, rounds: int, say: Say, threads: int = 1
) -> list[Record]:
    """The sides' times, interleaved, on as many cores as threads and without a quota: a header, then the timings.

    Raises what `attend` raises, and RunFailed if the program left other lines than asked for.
    """
    arguments = ["--model", "/model", "--photos", "/photographs", "--threads", str(threads), "--rounds", str(rounds)]
    arguments += ["--least-side", str(photographs.least_side), "--most-pixels", str(photographs.most_pixels)]
    arguments += [word for side in sides for word in ("--side", side)]
    # The clusters' images start with a node's own program, and know nothing of /app.
    options = ["--entrypoint", "env", *_cores(threads), "-e", f"OMP_NUM_THREADS={threads}"]
    options += ["-e", "PYTHONPATH=/app", "-e", "PYTHONDONTWRITEBYTECODE=1"]
    mounts = {model: "/model:ro", photographs.folder: "/photographs:ro"}
    text = attend(Program("cluster_app.evaluate.speed", arguments, mounts, image, options), say)
    records = [json.loads(line) for line in text.splitlines()]
    if len(records) != 1 + rounds * len(sides):
        raise RunFailed(f"speed of {', '.join(sides)}: {len(records)} lines came, {1 + rounds * len(sides)} were due")
    return records


def build(out: Path, photographs: Path, words: Sequence[str], say: Say) -> Record:
    """Builds a model from seeded weights into a new folder `out`, on two cores: seconds in all, and by step."""
    out.mkdir()
    arguments = ["--photos", "/photographs", "--out", "/out", *words]
    program = Program(
        "cluster_app.network.build", arguments, {photographs: "/photographs:ro", out: "/out"}, options=_cores(CORES)
    )
    begin = time.monotonic()
    attend(program, say)
    seconds = time.monotonic() - begin
    (manifest,) = out.glob("*/manifest.json")
    content: dict[str, Any] = json.loads(manifest.read_text())
    return {"model": content["name"], "seconds": seconds, "steps": content["seconds"], "tools": content["tools"]}


def scenes(out: Path, photographs: Path, count: int, say: Say) -> Path:
    """Held-out synthetic scenes as a COCO folder below a new folder `out`."""
    out.mkdir()
    arguments = ["--out", "/out/val", "--photos", "/photographs", "--split", "val", "--count", str(count)]
    mounts = {photographs: "/photographs:ro", out: "/out"}
    attend(Program("cluster_app.network.training.scenes", arguments, mounts), say)
    return out / "val"


def _cores(count: int) -> list[str]:
    first = capacity.first_core()
    return ["--cpuset-cpus", f"{first}-{first + count - 1}"]
