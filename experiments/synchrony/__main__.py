"""`python -m experiments.synchrony`: claim S3 on the heterogeneous cluster, six trials a repeat, and a table of them.

Each trial is on disk before the next begins; started again with the same folder, it goes on by whole repeats.
Documented in docs/engines.md, "Synchronous or not".
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cluster_app.contract.job import Job
from experiments import trials
from experiments.cli.app import guarded
from experiments.cli.output import progress, table
from experiments.cluster import lifecycle, staging
from experiments.copies import copies
from experiments.errors import UserError
from experiments.host import capacity, models
from experiments.host.alone import alone
from experiments.host.paths import RESULTS
from experiments.profiles import load_profiles
from experiments.shapes import read_toml
from experiments.synchrony.trial import MODES, Trial, run, strike_time
from experiments.topology import TOPOLOGIES, parse_topology
from experiments.types import ClusterSpec

CLUSTER = "synchrony"


def main() -> None:
    """Status 0 when all trials are there."""
    raise SystemExit(guarded(_run))


def _run() -> None:
    options = _parse()
    with alone():
        _measure(options)


def _measure(options: argparse.Namespace) -> None:
    folder = options.out
    spec = _cluster(options.topology)
    model = options.model or models.build(None, [options.size], progress)[options.size].folder
    images = copies(folder / "images", options.images)
    settings = _settings(options, model)
    done = whole([Trial(**one) for one in trials.read(folder / "trials.jsonl", settings)])
    there = {trial.repeat for trial in done}
    missing = [one for one in order(options.repeats) if one[0] not in there]
    if missing:
        host = _host()
        lifecycle.up(spec, progress)
        try:
            job = staging.stage(spec, _job(images, model, options), progress)
            for repeat, mode, failed in missing:
                done.append(replace(_one(spec, job, mode, failed, repeat, folder, done), host=host))
                trials.append(folder / "trials.jsonl", settings, asdict(done[-1]))
        finally:
            lifecycle.down(spec.name, progress)
    shutil.rmtree(images, ignore_errors=True)
    trials.write_table(folder / "table.json", {**settings, "rows": rows(done)})
    columns = ("mode", "one task failed", "seconds", "ideal", "efficiency", "images by host", "failed tasks")
    table(columns, [tuple(row.values()) for row in rows(done)])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="experiments.synchrony", description=__doc__)
    parser.add_argument("--images", type=int, default=90, help="how many; default 90, 30 a slot")
    parser.add_argument("--size", type=int, default=models.PAPER_SIZE, help="side of the network's input in pixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--topology", default="heterogeneous", help="a shipped one's name, or a path to a TOML")
    parser.add_argument("--model", type=Path, help="a folder with fp16.xml and priors.npy; else one is built")
    parser.add_argument("--out", type=Path, default=RESULTS / "synchrony")
    options = parser.parse_args()
    if min(options.images, options.repeats, options.size) < 1:
        raise UserError("--images, --repeats and --size: must each be a whole number of 1 or more")
    return options


def _host() -> dict[str, str | int]:
    """This host, and when it began: what is made on one host without a break is held against each other."""
    found = capacity.measure(Path.cwd())
    return {"cpu_model": found.cpu_model, "cores": found.cores, "began": time.strftime("%Y-%m-%dT%H:%M:%S")}


def _cluster(topology: str) -> ClusterSpec:
    """That topology under a name of the experiment's, so that a user's cluster beside it is left alone."""
    path = Path(topology) if topology.endswith(".toml") else TOPOLOGIES / f"{topology}.toml"
    if not path.is_file():
        raise UserError(f"--topology = {topology}: there is no such topology; give a shipped one's name or a path")
    return parse_topology(read_toml(path), name=CLUSTER, where=str(path), profiles=load_profiles())


def _job(images: Path, model: Path, options: argparse.Namespace) -> Job:
    return Job(
        input=images.resolve().as_uri(),
        output=f"file:/srv/out/{CLUSTER}",
        model=(model / "fp16.xml").resolve().as_uri(),
        priors=(model / "priors.npy").resolve().as_uri(),
        engine="fused",
        precision="f32",
        image_size=options.size,
        # One slice: between slices every mode would wait.
        slice_images=options.images,
    )


def _one(spec: ClusterSpec, job: Job, mode: str, failed: bool, repeat: int, folder: Path, done: list[Trial]) -> Trial:
    """A trial; one with a failure strikes half-way through the work of the clean one of its mode and repeat."""
    evidence = folder / "evidence" / f"{mode}-{'failed' if failed else 'clean'}-{repeat}"
    shutil.rmtree(evidence, ignore_errors=True)
    if not failed:
        return run(spec, job, mode, repeat, evidence, progress)
    (clean,) = [one for one in done if (one.mode, one.failed, one.repeat) == (mode, False, repeat)]
    return run(spec, job, mode, repeat, evidence, progress, strike_after=strike_time(spec, clean))


def order(repeats: int) -> list[tuple[int, str, bool]]:
    """Repeat, mode, whether a worker dies: each repeat begins with another mode, each mode with its clean trial."""
    return [
        (repeat, MODES[(repeat + number) % len(MODES)], failed)
        for repeat in range(repeats)
        for number in range(len(MODES))
        for failed in (False, True)
    ]


def whole(done: Iterable[Trial]) -> list[Trial]:
    """Those of repeats of which all trials are there, made on one host without a break: a cut one is made again."""
    by_repeat: dict[int, dict[tuple[str, bool], Trial]] = {}
    for trial in done:  # made again, the last one counts
        by_repeat.setdefault(trial.repeat, {})[trial.mode, trial.failed] = trial
    return [
        trial
        for found in (list(one.values()) for one in by_repeat.values())
        if len(found) == 2 * len(MODES) and all(trial.host == found[0].host for trial in found)
        for trial in found
    ]


def rows(done: list[Trial]) -> list[dict[str, Any]]:
    """A row a mode, clean and with a failure: medians over the repeats."""
    found = []
    for mode in MODES:
        for failed in (False, True):
            same = sorted(
                (one for one in done if (one.mode, one.failed) == (mode, failed)), key=lambda one: one.seconds
            )
            if same:
                found.append(_row(same[len(same) // 2]))
    return found


def _row(one: Trial) -> dict[str, Any]:
    return {
        "mode": one.mode,
        "failed": one.failed,
        "seconds": round(one.seconds, 1),
        "ideal_seconds": round(one.ideal_seconds, 1),
        "efficiency": round(one.efficiency, 3),
        "images": dict(one.images),
        "failed_tasks": one.failed_tasks,
    }


def _settings(options: argparse.Namespace, model: Path) -> dict[str, Any]:
    return {"images_in_all": options.images, "size": options.size, "topology": options.topology, "model": model.name}


if __name__ == "__main__":
    main()
