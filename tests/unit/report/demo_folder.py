"""A made demo folder: three clusters, 27 files, numbers of the size that real ones have. Nothing here was measured.

By hand, for looking at it: python tests/unit/report/demo_folder.py FOLDER
"""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from cluster_app.contract.rows import STATUSES
from experiments.report.targets import targets

Json = dict[str, Any]

IMAGES = [
    *(f"photo-{number:02}.jpg" for number in range(20)),
    "cats/chelsea.png",
    "coffee cup.png",
    "grey.png",
    "palette.png",
]
NOT_OK = {
    "header-only.jpg": ("corrupt", "the JPEG has a header and no image data"),
    "text.jpg": ("unsupported", "not an image by its bytes; JPEG and PNG are supported"),
    "truncated.jpg": ("corrupt", "the JPEG is truncated: its end marker is missing"),
}
NOTE = "The weights are drawn from a seed and calibrated to give detections; nothing was learned."
NAMES = ("start", "inventory", "read", "preprocess", "predict", "postprocess", "commit")
PHASES = {
    "standalone": dict(zip(NAMES, (21.4, 3.1, 4.2, 9.8, 31.6, 11.9, 4.4), strict=True)),
    "heterogeneous": dict(zip(NAMES, (24.9, 3.9, 5.0, 13.7, 52.3, 16.1, 4.9), strict=True)),
    "yarn": dict(zip(NAMES, (71.3, 4.6, 5.5, 10.6, 34.2, 12.8, 6.7), strict=True)),
}
UP = {"standalone": (9.6, 22.8, 27.4), "heterogeneous": (10.1, 25.3, 33.0), "yarn": (24.7, 53.9, 59.6)}
SPARK = {"read": "save at NativeMethodAccessorImpl.java:0", "predict": "count at bigdl_engine.py:71"}


def write(
    folder: Path, records: Sequence[Json] | None = None, summary: Json | None = None, picture_side: int = 64
) -> Path:
    """Writes a demo's folder; what is not given is made. The overlays are squares of noise."""
    records = list(records) if records is not None else made_records()
    summary = summary if summary is not None else made_summary()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    picture = _picture(picture_side)
    for record in records:
        for path in record["overlays"]:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(picture)
    return folder


def _picture(side: int) -> bytes:
    """A PNG of coloured noise, which no encoder makes small."""
    noise = [Image.effect_noise((side, side), 80) for _ in "RGB"]
    buffer = io.BytesIO()
    Image.merge("RGB", noise).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def made_summary() -> Json:
    return {
        "schema": 1,
        "date": "2026-11-22T18:00:00Z",
        "host": {
            "cpu_model": "Example CPU 9000",
            "cores": 2,
            "memory_mb": 23900,
            "kernel": "6.1.0",
            "cgroup": "v1",
            "engine": "20.10.24",
        },
        "images": len(IMAGES) + len(NOT_OK),
        "clusters": ["standalone", "heterogeneous", "yarn"],
        "standalone_registered_seconds": 9.6,
        "standalone_canary_seconds": 22.8,
        "yarn_registered_seconds": 33.7,
        "yarn_canary_seconds": 53.9,
        "down_seconds": 6.2,
        "demo_seconds": 498.0,
        "image_mb": {"spark": 2140, "yarn-slave": 655, "yarn-master": 2310},
        "environment_mb": None,
        "host_calibration_seconds": 1.17,
        "targets": targets(bare=False),
        "credits": {"cats/chelsea.png": "Chelsea the cat; photograph by Stefan van der Walt; CC0; as shipped"},
    }


def made_records() -> list[Json]:
    return [
        made_record(
            "standalone",
            "standalone",
            {"a": 2},
            [_master(0.5), _worker("worker-1", 0.5), _worker("worker-2", 0.5), _worker("worker-3", 0.5)],
        ),
        made_record(
            "heterogeneous",
            "standalone",
            {"a": 1, "b": 1},
            [_master(0.4), _worker("worker-1", 0.3), _worker("worker-2", 0.3), _worker("old-worker", 0.3, old=True)],
        ),
        made_record("yarn", "yarn", {"a": 2}, [_yarn("master", 0.8), _yarn("slave-1", 0.6), _yarn("slave-2", 0.6)]),
    ]


def _agreement(rows: Sequence[Json]) -> Json:
    return {
        "reference": "standalone",
        "images": len(rows),
        "statuses": 0,
        "detections": sum(row["detections"] for row in rows),
        "pairs": sum(row["detections"] for row in rows),
        "least_iou": 0.9987,
        "largest_score_difference": 2.4e-6,
    }


def made_record(cluster: str, manager: str, machines: Mapping[str, int], nodes: list[Json]) -> Json:
    phases = PHASES[cluster]
    total = round(sum(phases.values()) + 0.7, 3)
    workers = [node["name"] for node in nodes if node["executor"]]
    rows = _rows(workers)
    registered, canary, ready = UP[cluster]
    return {
        "schema": 1,
        "cluster": cluster,
        "topology": {
            "manager": manager,
            "machines": [{"name": name, "cores": cores} for name, cores in machines.items()],
            "nodes": nodes,
        },
        "up": {"registered_seconds": registered, "canary_seconds": canary, "ready_seconds": ready},
        "down_seconds": 5.8,
        "limits": {
            "boot": {node["name"]: _limit(node, None) for node in nodes},
            "measured": {node["name"]: _limit(node, node["cpus"]) for node in nodes},
        },
        "calibration": _calibration(nodes),
        "job": {
            "schema": 1,
            "input": "file:/srv/in/photographs",
            "output": f"file:/srv/out/{cluster}",
            "model": "file:/srv/in/model/fp32.xml",
            "priors": "file:/srv/in/model/priors.npy",
            "engine": "bigdl",
            "precision": "f32",
            "image_size": 192,
        },
        "result": {
            "schema": 1,
            "engine": "bigdl",
            "timing": "materialised",
            "phases": [{"name": name, "seconds": seconds} for name, seconds in {**phases, "total": total}.items()],
            "counts": {
                "images": len(rows),
                **{status: sum(row["status"] == status for row in rows) for status in STATUSES},
                "detections": sum(row["detections"] for row in rows),
            },
            "arithmetic": {"precision_asked": "f32", "precision_compiled": "f32", "storage": "FP32"},
            "threads_per_task": 1,
            "partitions": {"read": 3, "predict": 3},
            "executors": [{"host": name, "images": sum(row["host"] == name for row in rows)} for name in workers],
            "versions": {"spark": "3.1.3", "openvino": "2023.3.0", "numpy": "1.26.4"},
            "deviations": ["A Reshape layer stands behind the identity model."],
            "errors": [],
        },
        "submit_seconds": total + 5.5,
        "ship_environment_seconds": 41.0 if manager == "yarn" else None,
        "tasks": _tasks(workers, phases, 0.6 if cluster == "yarn" else 0.5),
        "rows": rows,
        "overlays": [f"{cluster}/overlays/{quote(image, safe='')}.png" for image in IMAGES[-6:]],
        "agreement": None if cluster == "standalone" else _agreement(rows),
        "model_manifest": {
            "schema": 1,
            "name": "yolact-r50-192",
            "seeded": True,
            "note": NOTE,
            "source": {"sha256": "349fe1d1fcf05a7719de5be0137cb6b7b1d7995a9c11a842441760d3be52896c", "seed": 0},
        },
    }


def _rows(workers: list[str]) -> list[Json]:
    chance = random.Random("rows")
    hosts = {image: workers[number % len(workers)] for number, image in enumerate(IMAGES)}
    good = [
        {"image": image, "status": "ok", "error": None, "host": host, "detections": chance.randint(20, 100)}
        for image, host in hosts.items()
    ]
    bad = [
        {"image": image, "status": status, "error": error, "host": None, "detections": 0}
        for image, (status, error) in NOT_OK.items()
    ]
    return sorted(good + bad, key=lambda row: row["image"])


def _tasks(workers: list[str], phases: Mapping[str, float], share: float) -> list[Json]:
    """Three tasks a stage in two rounds for each phase that Spark works in; nodes differ a little."""
    chance, now, stage, tasks = random.Random(len(workers) * share), phases["start"] * share, 0, []
    for phase in NAMES[1:]:
        for part in (0.35, 0.6):
            length = phases[phase] * part
            for index, worker in enumerate(workers):
                begin = now + chance.random() * 0.2
                finish = begin + (length - 0.2) * (0.75 + 0.25 * chance.random())
                tasks.append(_task(stage, phase, index, worker, begin, finish))
            now += length
            stage += 1
        now += phases[phase] * 0.05
    tasks[7] |= {"failed": True, "reason": "ExecutorLostFailure: Remote RPC client disassociated"}
    return tasks


def _task(stage: int, phase: str, index: int, worker: str, begin: float, finish: float) -> Json:
    return {
        "stage_id": stage,
        "stage_attempt": 0,
        "stage_name": SPARK.get(phase, "collect at inventory.py:38"),
        "phase": phase,
        "index": index,
        "attempt": 0,
        "host": worker,
        "executor": str(index),
        "launch_s": round(begin, 3),
        "finish_s": round(finish, 3),
        "run_s": round(finish - begin - 0.02, 3),
        "failed": False,
        "reason": None,
    }


def _limit(node: Json, cpus: float | None) -> Json:
    return {"cpus": cpus, "memory_mb": node["memory_mb"], "cpuset": "1" if node["machine"] == "b" else "0-1"}


def _calibration(nodes: list[Json]) -> list[Json]:
    old = (0.905, "published ratio 0.534 / 0.590 measured for the instruction set = 0.905")
    new = (1.0, "the fastest processor of the cluster")
    return [
        {"node": node["name"], "profile": node["profile"], "factor": factor, "note": note, "measured_ratio": None}
        for node in nodes
        for factor, note in [old if node["profile"] == "i7-3630QM" else new]
    ]


def _node(name: str, roles: list[str], cpus: float, memory: int, share: float | None) -> Json:
    executor = {"cores": 1, "memory_mb": 2048, "overhead_mb": 1024, "instances": 1, "core_share": share}
    return {
        "name": name,
        "roles": roles,
        "machine": "a",
        "cpus": cpus,
        "memory_mb": memory,
        "isa": "AVX512_CORE_VNNI",
        "profile": "i7-11370H",
        "executor": executor if share else None,
    }


def _master(cpus: float) -> Json:
    return _node("master", ["spark-master", "driver"], cpus, 3072, None)


def _worker(name: str, cpus: float, old: bool = False) -> Json:
    node = _node(name, ["spark-worker"], cpus, 3584, cpus)
    return node | {"machine": "b", "isa": "AVX", "profile": "i7-3630QM"} if old else node


def _yarn(name: str, cpus: float) -> Json:
    own = ["driver", "namenode", "resourcemanager"] if name == "master" else []
    last = ["history-server"] if own else []
    return _node(name, [*own, "datanode", "nodemanager", *last], cpus, 7424 if own else 3840, 0.6)


if __name__ == "__main__":
    from experiments.report.demo import write_report

    print(write_report(write(Path(sys.argv[1]), picture_side=500)))
