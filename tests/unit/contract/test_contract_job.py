"""The job file: each malformed fixture is the valid one with one thing wrong, and gets one message."""

from __future__ import annotations

import dataclasses
import difflib
import json
from pathlib import Path

import pytest

from cluster_app.contract import ContractError, Job, parse_job

FIXTURES = Path(__file__).parents[2] / "fixtures" / "jobs"
VALID = FIXTURES / "valid" / "full.json"

# By fixture: what its one message must hold: the key with its value, and what is allowed or how to mend it.
MESSAGES = {
    "not-json": ("is not JSON", "line 19"),
    "not-an-object": ('holds [{"schema": 1', "must be one JSON object"),
    "key-twice": ("batch_size = 2", "give it once"),
    "not-a-number": ("NaN", "write a finite number"),
    "schema-missing": ("schema is missing", "give 1"),
    "schema-2": ("schema = 2", "must be 1"),
    "schema-true": ("schema = true", "must be 1"),
    "unknown-key": ("threads = 2", "unknown key", "allowed: input, output,"),
    "input-missing": ("input is missing", "an absolute URI (file:, hdfs:)"),
    "output-missing": ("output is missing", "an absolute URI (file:, hdfs:)"),
    "model-missing": ("model is missing", "that ends in .xml"),
    "priors-missing": ("priors is missing", "an absolute URI (file:, hdfs:)"),
    "engine-missing": ("engine is missing", 'give one of "bigdl", "fused"'),
    "precision-missing": ("precision is missing", 'one of "f32", "bf16"'),
    "image-size-missing": ("image_size is missing", "a whole number of 1 or more; for example 550"),
    "input-path": ('input = "/srv/in/photos"', "must be an absolute URI", 'for example "file:/srv/in/photos"'),
    "input-scheme": ('input = "s3:/srv/in/photos"', "not a known scheme", "allowed: file:, hdfs:"),
    "input-wasb": ('input = "wasb://photos@account/val2017"', "not built yet", "available: file:, hdfs:"),
    "input-host": ('input = "file://srv/in/photos"', "no host", "write one slash or three"),
    "input-root": ('input = "file:///"', "names the root", "below it"),
    "input-pattern": ('input = "file:/srv/in/photos/*.jpg"', "pattern", "rename the folder"),
    "input-number": ("input = 7", "must be an absolute URI"),
    "output-dots": ('output = "file:/srv/out/../in/x"', "holds . or ..", "write the path without them"),
    "output-holds-input": ('output = "file:///srv/in/photos/"', "input (", "lies in it", "name another folder"),
    "output-holds-model": ('output = "file:/srv/out/run-1"', "model (", "lies in it", "name another folder"),
    "output-in-input": ('output = "file:/srv/in/photos/out"', "lies in input", "name another folder"),
    "model-suffix": ('model = "file:/srv/in/model/fp32.bin"', "must end in .xml"),
    "engine-unknown": ('engine = "spark"', 'one of "bigdl", "fused"'),
    "fused-timing": ('timing = "paper"', 'the engine "fused" has "materialised" only', "leave it out"),
    "precision-unknown": ('precision = "f16"', 'one of "f32", "bf16"'),
    "image-size-zero": ("image_size = 0", "1 or more"),
    "image-size-text": ('image_size = "550"', "a whole number"),
    "image-size-true": ("image_size = true", "a whole number"),
    "image-size-fraction": ("image_size = 550.0", "a whole number"),
    "reader-unknown": ('reader = "opencv"', 'one of "spark", "nnimagereader"'),
    "read-partitions-zero": ("read_partitions = 0", "1 or more"),
    "repartition-text": ('repartition = "288"', "a whole number of 1 or more"),
    "batch-size-zero": ("batch_size = 0", "1 or more"),
    "batch-size-null": ("batch_size = null", "a whole number of 1 or more"),
    "threads-per-task-zero": ("threads_per_task = 0", "1 or more"),
    "pin-threads-text": ('pin_threads = "yes"', "true or false"),
    "timing-unknown": ('timing = "lazy"', 'one of "materialised", "paper"'),
    "post-processing-unknown": ('post_processing = "workers"', 'one of "executors", "driver"'),
    "verify-text": ('verify = "no"', "true or false"),
    "verify-zero": ("verify = 0", "true or false"),
    "if-exists-unknown": ('if_exists = "overwrite"', 'one of "fail", "replace", "resume"'),
    "score-threshold-high": ("score_threshold = 1.5", "from 0 to 1"),
    "score-threshold-text": ('score_threshold = "0.05"', "a number from 0 to 1"),
    "mask-threshold-negative": ("mask_threshold = -0.5", "from 0 to 1"),
    "top-k-zero": ("top_k = 0", "1 or more"),
    "overlays-negative": ("overlays = -1", "0 or more"),
    "slice-images-zero": ("slice_images = 0", "1 or more"),
}


def test_every_fixture_is_in_the_table() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == set(MESSAGES)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_malformed_job_gets_one_message(name: str) -> None:
    path = FIXTURES / f"{name}.json"
    with pytest.raises(ContractError) as caught:
        parse_job(path.read_text(), path.name)
    (message,) = caught.value.problems
    assert message.startswith(f"{path.name}: ")
    for part in MESSAGES[name]:
        assert part in message


@pytest.mark.parametrize("name", sorted(set(MESSAGES) - {"not-an-object"}))
def test_fixture_is_the_valid_file_with_one_thing_wrong(name: str) -> None:
    good, bad = VALID.read_text().splitlines(), (FIXTURES / f"{name}.json").read_text().splitlines()
    changes = [code for code in difflib.SequenceMatcher(None, good, bad).get_opcodes() if code[0] != "equal"]
    assert len(changes) == 1


def test_full_job() -> None:
    assert parse_job(VALID.read_text(), "full.json") == Job(
        input="file:/srv/in/photos",
        output="file:/srv/out/run-1",
        model="file:/srv/in/model/fp32.xml",
        priors="file:/srv/in/model/priors.npy",
        engine="bigdl",
        precision="f32",
        image_size=550,
        read_partitions=8,
        timing="paper",
        if_exists="replace",
        overlays=2,
        slice_images=64,
    )


def test_defaults_are_those_of_the_interface() -> None:
    required = ("schema", "input", "output", "model", "priors", "engine", "precision", "image_size")
    content = {key: value for key, value in json.loads(VALID.read_text()).items() if key in required}
    job = dataclasses.asdict(parse_job(content, "job.json"))
    assert {key: value for key, value in job.items() if key not in required} == {
        "reader": "spark",
        "read_partitions": None,
        "repartition": None,
        "batch_size": 1,
        "threads_per_task": 1,
        "pin_threads": False,
        "timing": "materialised",
        "post_processing": "executors",
        "verify": False,
        "if_exists": "fail",
        "score_threshold": 0.05,
        "mask_threshold": 0.5,
        "top_k": 100,
        "overlays": 0,
        "slice_images": None,
    }


def test_what_is_written_reads_the_same() -> None:
    job = parse_job(VALID.read_text(), "full.json")
    assert parse_job(job.to_json(), "again.json") == job


def test_hdfs_and_a_whole_number_as_threshold_are_allowed() -> None:
    content = {**json.loads(VALID.read_text()), "input": "hdfs://master:8020/photos", "score_threshold": 0}
    assert parse_job(content, "job.json").input == "hdfs://master:8020/photos"


def test_all_problems_at_once() -> None:
    content = {**json.loads(VALID.read_text()), "batch_size": 0, "top_k": "all", "colour": "red"}
    del content["model"]
    with pytest.raises(ContractError) as caught:
        parse_job(content, "job.json")
    assert len(caught.value.problems) == 4
    assert str(caught.value).count("job.json: ") == 4


def test_a_misspelt_key_is_recognised() -> None:
    with pytest.raises(ContractError, match='did you mean "batch_size"'):
        parse_job({**json.loads(VALID.read_text()), "batchsize": 1}, "job.json")


def test_the_fused_engine_refuses_what_belongs_to_stages() -> None:
    content = {**json.loads(VALID.read_text()), "engine": "fused", "timing": "materialised"}
    assert parse_job(content, "job.json").engine == "fused"
    for key, value, only in (
        ("batch_size", 4, "1"),
        ("pin_threads", True, "false"),
        ("reader", "nnimagereader", '"spark"'),
        ("post_processing", "driver", '"executors"'),
    ):
        with pytest.raises(ContractError, match=f'{key} = .*: the engine "fused" has {only} only'):
            parse_job({**content, key: value}, "job.json")
