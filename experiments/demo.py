"""`make demo`: the paper's job on a standalone, a heterogeneous and a YARN cluster, and a report.

Reads top to bottom: photographs, scenes and models, then for each cluster up, submit, collect, down; then the report.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet

from cluster_app.contract.job import Job
from experiments import scenes
from experiments.agreement import agreement
from experiments.cli.app import guarded
from experiments.cli.output import progress
from experiments.cluster import calibration, lifecycle, staging, state
from experiments.cluster.submit import Submitted, submit
from experiments.errors import RunFailed
from experiments.eventlog import event_logs, read_event_log
from experiments.host import capacity, images, models
from experiments.host.engine import Engine
from experiments.host.paths import ARTEFACTS, ENVIRONMENT, RESULTS, ROOT
from experiments.known_objects import count_found
from experiments.memory.check import fitted
from experiments.memory.facts import facts
from experiments.photograph_set import credits_of
from experiments.photographs import check_user_folder, collect
from experiments.report.demo import KNOWN, write_report
from experiments.report.targets import targets
from experiments.topology import load_topology
from experiments.types import ClusterSpec

CLUSTERS = ("standalone", "heterogeneous", "yarn")
OVERLAYS = 12  # the scenes, and some of the photographs
# The share of the known objects that a cluster must find; less means that something is broken.
LEAST_FOUND = 0.5


@dataclass(frozen=True)
class Inputs:
    """What the demo runs on.

    photographs: the input folder; files: their paths in it; known: what is in its synthetic scenes, if it has any.
    """

    photographs: Path
    model: models.Model
    files: tuple[str, ...]
    known: Path | None


def main() -> None:
    """Status 0 when every file has a row on every cluster and none failed."""
    raise SystemExit(guarded(run))


def run() -> None:
    """Runs afresh: an older results/demo is kept under another name."""
    begin = float(os.environ.get("DEMO_BEGAN") or time.time())
    bare = os.environ.get("DEMO_BARE") == "1"
    folder = _fresh(RESULTS / "demo")
    inputs = _inputs(folder)
    one_core = calibration.host_seconds_per_image(
        models.build(_weights(), [models.PAPER_SIZE], progress)[models.PAPER_SIZE]
    )
    records = [_on(name, inputs, folder) for name in CLUSTERS]
    records = _compared(records, folder)
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    summary = _summary(records, inputs, one_core, time.time() - begin, bare)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    if inputs.known:
        scenes.draw_known(inputs.known, folder / KNOWN)
    report = write_report(folder)
    shutil.rmtree(folder / "photographs", ignore_errors=True)
    shown = report.relative_to(ROOT)
    print(f"demo: ok, {len(inputs.files)} images on {len(records)} clusters, report {shown}")


def _fresh(folder: Path) -> Path:
    if folder.exists():
        kept = folder.with_name(f"demo-{datetime.fromtimestamp(folder.stat().st_mtime):%Y%m%d-%H%M%S}")
        folder.rename(kept)
        progress(f"the older {folder.name} is kept as {kept.name}")
    folder.mkdir(parents=True)
    return folder


def _weights() -> Path | None:
    return Path(os.environ["WEIGHTS"]) if os.environ.get("WEIGHTS") else None


def _inputs(folder: Path) -> Inputs:
    """The user's images or weights, or else ours: photographs and scenes, with the model that knows the scenes.

    The user's images without weights are run through YOLACT with seeded ones: the work is that of the published
    network, the masks mean nothing.
    """
    own, weights, known = os.environ.get("IMAGES"), _weights(), None
    photographs = Path(own).resolve() if own else folder / "photographs"
    files = check_user_folder(photographs) if own else collect(photographs)
    if own or weights:
        size = models.PAPER_SIZE if weights else models.DEMO_SIZE
        model = models.build(weights, [size], progress)[size]
    else:
        model = models.trained(progress, full=False)
        known = scenes.make(ARTEFACTS / "demo-scenes", ARTEFACTS / "calibration-photographs", progress)
        files = sorted([*files, *scenes.place(known, photographs)])
    return Inputs(photographs, model, tuple(str(path.relative_to(photographs)) for path in files), known)


def _on(cluster: str, inputs: Inputs, folder: Path) -> dict[str, Any]:
    """One cluster: up, the job, its evidence, down. Whatever happens, the cluster is taken down."""
    spec = load_topology(cluster)

    def say(text: str) -> None:
        progress(f"{cluster}: {text}")

    ready = lifecycle.up(spec, say)
    try:
        job = staging.stage(spec, _job(spec, inputs), say)
        known = facts(spec, job)
        # Many large images in one partition may be more than an executor holds.
        job = fitted(spec, job, known) if known else job
        done = submit(spec, job, folder / cluster, say)
        staging.fetch_output(spec, job, folder / cluster / "output")
    finally:
        begin = time.monotonic()
        lifecycle.down(cluster, say)
        down_seconds = time.monotonic() - begin
    record = _record(spec, ready, done, down_seconds, inputs, folder)
    _check(record, inputs)
    return record


def _job(spec: ClusterSpec, inputs: Inputs) -> Job:
    """The demo's job, its input still on this host."""
    model = inputs.model.folder
    return Job(
        input=inputs.photographs.as_uri(),
        output="hdfs:/demo/output" if spec.manager == "yarn" else "file:/srv/out/demo",
        model=(model / "fp16.xml").as_uri(),
        priors=(model / "priors.npy").as_uri(),
        engine="bigdl",
        precision="f32",
        image_size=inputs.model.size,
        overlays=OVERLAYS,
    )


def _record(
    spec: ClusterSpec, ready: state.State, done: Submitted, down_seconds: float, inputs: Inputs, folder: Path
) -> dict[str, Any]:
    output = folder / spec.name / "output"
    (log,) = event_logs(done.event_log)
    return {
        "schema": 1,
        "cluster": spec.name,
        "topology": {
            "manager": spec.manager,
            "machines": [asdict(machine) for machine in spec.machines],
            "nodes": [_node(node) for node in spec.nodes],
        },
        "up": {key: getattr(ready, key) for key in ("registered_seconds", "canary_seconds", "ready_seconds")},
        "down_seconds": round(down_seconds, 2),
        "limits": {"boot": _plain(ready.boot), "measured": _plain(ready.measured)},
        "calibration": ready.calibration,
        "job": json.loads(done.job.to_json()),
        "result": json.loads(done.result.to_json()),
        "submit_seconds": round(done.submit_seconds, 2),
        "ship_environment_seconds": done.ship_environment_seconds,
        "tasks": [asdict(task) for task in read_event_log(log).tasks],
        "rows": _rows(output),
        "scenes": asdict(count_found(inputs.known, _table(output))) if inputs.known else None,
        "overlays": [str(path.relative_to(folder)) for path in sorted((output / "overlays").glob("*.png"))],
        "model_manifest": inputs.model.manifest,
    }


def _node(node: Any) -> dict[str, Any]:
    keys = ("name", "roles", "machine", "cpus", "memory_mb", "isa", "profile")
    return {key: getattr(node, key) for key in keys} | {"executor": asdict(node.executor) if node.executor else None}


def _plain(limits: Mapping[str, Any]) -> dict[str, Any]:
    return {node: asdict(limit) for node, limit in limits.items()}


def _compared(records: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """The records with what each cluster's output has in common with the first one's."""
    outputs = [_table(folder / record["cluster"] / "output") for record in records]
    first = records[0]["cluster"]
    return [
        {**record, "agreement": asdict(agreement(first, outputs[0], rows)) if record["cluster"] != first else None}
        for record, rows in zip(records, outputs, strict=True)
    ]


def _rows(output: Path) -> list[dict[str, Any]]:
    kept = ("image", "status", "error", "host")
    return [{**{key: row[key] for key in kept}, "detections": len(row["detections"])} for row in _table(output)]


def _table(output: Path) -> list[dict[str, Any]]:
    # The folder also holds the result and the pictures: only the Parquet files are rows.
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(sorted(output.glob("*.parquet"))).to_pylist()
    return sorted(rows, key=lambda row: row["image"])


def _check(record: Mapping[str, Any], inputs: Inputs) -> None:
    """Raises RunFailed unless each file has its one row, none failed, and something was found."""
    cluster, rows = record["cluster"], record["rows"]
    found = [row["image"] for row in rows]
    if sorted(found) != sorted(inputs.files):
        missing, extra = set(inputs.files) - set(found), len(found) - len(set(found))
        raise RunFailed(f"{cluster}: rows do not match the input files; missing: {sorted(missing)}; doubled: {extra}")
    failed = [f"{row['image']}: {row['error']}" for row in rows if row["status"] == "failed"]
    if failed:
        raise RunFailed(*[f"{cluster}: {line}" for line in failed])
    if not any(row["detections"] for row in rows):
        raise RunFailed(f"{cluster}: nothing was detected in any image")
    known = record["scenes"]
    if known and known["found"] < LEAST_FOUND * known["objects"]:
        raise RunFailed(f"{cluster}: found {known['found']} of the {known['objects']} objects that the scenes hold")


def _summary(
    records: list[dict[str, Any]], inputs: Inputs, one_core: float, seconds: float, bare: bool
) -> dict[str, Any]:
    host, engine = capacity.measure(ROOT), Engine()
    by_cluster = {record["cluster"]: record for record in records}
    up = {
        f"{name}_{key}": by_cluster[name]["up"][key]
        for name in ("standalone", "yarn")
        for key in ("registered_seconds", "canary_seconds")
    }
    return {
        "schema": 1,
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "host": {
            "cpu_model": host.cpu_model,
            "cores": host.cores,
            "memory_mb": host.memory_mb,
            "kernel": host.kernel,
            "cgroup": host.cgroup,
            "engine": engine.info()["ServerVersion"],
        },
        "images": len(inputs.files),
        "clusters": list(by_cluster),
        **up,
        "down_seconds": max(record["down_seconds"] for record in records),
        "demo_seconds": round(seconds, 1),
        "image_mb": {image.name: round(engine.image_mb(images.tag(image.name)), 1) for image in images.IMAGES},
        "environment_mb": round(ENVIRONMENT.stat().st_size / 1e6, 1),
        "host_calibration_seconds": round(one_core, 4),
        "targets": targets(bare=bare),
        "credits": {} if os.environ.get("IMAGES") else dict(credits_of(inputs.files)),
    }


if __name__ == "__main__":
    main()
