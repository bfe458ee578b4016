"""The job result: read as strictly as the job file."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from cluster_app.contract import COLUMNS, STATUSES, ContractError, JobResult, parse_result
from cluster_app.contract.result import (
    FUSED_PHASES,
    PHASES,
    Arithmetic,
    Counts,
    CpuShare,
    EngineSettings,
    ExecutorShare,
    MemoryEstimate,
    Partitions,
    Phase,
    SliceCounts,
    WorkerShare,
)
from cluster_app.contract.rows import ddl

RESULT = JobResult(
    engine="bigdl",
    timing="materialised",
    phases=tuple(Phase(name, 1.5) for name in PHASES),
    counts=Counts(images=4, ok=1, corrupt=1, unsupported=1, failed=1, detections=7),
    arithmetic=Arithmetic(precision_asked="f32", precision_compiled="f32", storage="FP16"),
    threads_per_task=1,
    partitions=Partitions(read=2, predict=2),
    executors=(ExecutorShare("worker-1", 1),),
    versions={"openvino": "2023.3.0"},
    deviations=("a Reshape follows the identity model",),
    errors=(),
    workers=(WorkerShare("worker-1", 2, 1, 2, *[0.5] * 8, cpu=CpuShare(2, 0.5, 1, 1, False, 1)),),
    settings=EngineSettings(threads=1, streams=1, slice_images=64, images_per_task=None, slices_in_flight=1),
    slices=SliceCounts(total=1, resumed=0),
    estimate=MemoryEstimate(heap_mb=650, beside_mb=350, process_mb=1400, others_mb=0, tasks=1),
)
# A result may do without them, as those of earlier versions do.
OPTIONAL = ("workers", "settings", "slices", "spark", "preprocessed", "verified", "estimate")

REFUSED = {
    "unknown key": (("colour",), "red", 'colour = "red": unknown key; allowed: engine, timing, phases'),
    "unknown nested key": (("counts", "lost"), 1, "counts.lost = 1: unknown key; allowed: images, ok"),
    "engine": (("engine",), "spark", 'engine = "spark": must be one of "bigdl", "fused"'),
    "phase name": (("phases", 0, "name"), "warm", 'phases[0].name = "warm": must be one of "start"'),
    "phase time": (("phases", 1, "seconds"), -1, "phases[1].seconds = -1: must be a number of 0 or more"),
    "phase twice": (("phases", 1, "name"), "start", 'phases: "start" is given 2 times'),
    "phases no list": (("phases",), {}, "phases = {}: must be a list"),
    "phase no object": (("phases", 0), 3, "phases[0] = 3: must be an object with name, seconds"),
    "count": (("counts", "ok"), 1.0, "counts.ok = 1.0: must be a whole number of 0 or more"),
    "sum of counts": (("counts", "ok"), 2, "counts.images = 4: ok, corrupt, unsupported and failed add up to 5"),
    "storage": (("arithmetic", "storage"), "f16", 'arithmetic.storage = "f16": must be one of "FP32", "FP16", "INT8"'),
    "precision": (("arithmetic", "precision_asked"), None, 'arithmetic.precision_asked = null: must be one of "f32"'),
    "nothing compiled, no error": (("arithmetic", "storage"), None, "arithmetic.storage = null: allowed only where"),
    "threads": (("threads_per_task",), 0, "threads_per_task = 0: must be a whole number of 1 or more"),
    "partitions": (("partitions", "read"), "2", 'partitions.read = "2": must be a whole number'),
    "host": (("executors", 0, "host"), "", 'executors[0].host = "": must be a text'),
    "version": (("versions", "openvino"), 2023, "versions.openvino = 2023: must be a text"),
    "versions": (("versions",), [], "versions = []: must be an object with texts"),
    "deviation": (("deviations", 0), None, "deviations[0] = null: must be a text"),
    "schema": (("schema",), 2, "schema = 2: must be 1"),
    "phase of another engine": (
        ("phases", 2, "name"),
        "segment",
        'phases: "segment" is no phase of the engine "bigdl"',
    ),
    "worker without processes": (
        ("workers", 0, "processes"),
        0,
        "workers[0].processes = 0: must be a whole number of 1",
    ),
    "worker's unknown key": (("workers", 0, "gpu"), 1, "workers[0].gpu = 1: unknown key; allowed: host, processes"),
    "settings": (("settings", "threads"), "2", 'settings.threads = "2": must be a whole number'),
    "slices": (("slices",), 4, "slices = 4: must be an object with total, resumed"),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_malformed_result_gets_one_message(what: str) -> None:
    path, value, expected = REFUSED[what]
    content: Any = json.loads(RESULT.to_json())
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ContractError) as caught:
        parse_result(json.dumps(content), "job-result.json")
    messages = [problem for problem in caught.value.problems if expected in problem]
    assert len(messages) == 1
    assert messages[0].startswith("job-result.json: ")


@pytest.mark.parametrize("key", sorted({*json.loads(RESULT.to_json())} - {"schema", *OPTIONAL}))
def test_no_key_may_be_missing(key: str) -> None:
    content = json.loads(RESULT.to_json())
    del content[key]
    with pytest.raises(ContractError, match=f"{key} is missing: give "):
        parse_result(content, "job-result.json")


def test_what_is_written_reads_the_same() -> None:
    assert parse_result(RESULT.to_json(), "job-result.json") == RESULT


@pytest.mark.parametrize("key", OPTIONAL)
def test_what_came_later_may_be_missing(key: str) -> None:
    content = json.loads(RESULT.to_json())
    del content[key]
    assert parse_result(content, "job-result.json").counts == RESULT.counts


def test_the_fused_engine_has_phases_of_its_own() -> None:
    content = {**json.loads(RESULT.to_json()), "engine": "fused"}
    content["phases"] = [{"name": name, "seconds": 1} for name in FUSED_PHASES]
    assert parse_result(content, "job-result.json").seconds("segment") == 1
    del content["phases"][2]
    with pytest.raises(ContractError, match='"segment" is missing'):
        parse_result(content, "job-result.json")


def test_a_failed_job_may_lack_what_it_did_not_reach() -> None:
    content = json.loads(RESULT.to_json())
    content["errors"] = ["predict: the model cannot be read"]
    content["phases"] = content["phases"][:3]
    content["arithmetic"].update(precision_compiled=None, storage=None)
    result = parse_result(content, "job-result.json")
    assert result.seconds("read") == 1.5
    assert result.seconds("predict") is None
    whole = copy.deepcopy(content)
    whole["errors"] = []
    with pytest.raises(ContractError) as caught:
        parse_result(whole, "job-result.json")
    assert len(caught.value.problems) == len(PHASES) - 3 + 2


def test_rows_have_the_interface_columns() -> None:
    assert list(COLUMNS) == ["image", "width", "height", "status", "error", "host", "detections"]
    assert STATUSES == ("ok", "corrupt", "unsupported", "failed")
    assert ddl().startswith("image string, width int, height int, status string")
