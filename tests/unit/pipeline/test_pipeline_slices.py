"""Slices: what is finished stays finished, and nothing else is taken for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cluster_app.contract.job import Job
from cluster_app.pipeline import sinks
from cluster_app.pipeline.errors import BadInput
from cluster_app.pipeline.inventory import InputFile
from cluster_app.pipeline.slices import Slice, committed, cut, identity

JOB = Job(
    input="file:/srv/in/photos",
    output="file:/srv/out/run",
    model="file:/srv/in/model/fp32.xml",
    priors="file:/srv/in/model/priors.npy",
    engine="fused",
    precision="f32",
    image_size=192,
    if_exists="resume",
)
FILES = [InputFile(f"{number:03d}.jpg", 1000 + number, 7) for number in range(10)]
MODEL = {"model": (10, 1), "weights": (20, 1), "priors": (30, 1)}
SLICES = cut(FILES, 4, identity(JOB, MODEL))
PARTIAL = "file:/srv/out/.run.partial"


class Folders:
    """Storage that holds names only."""

    def __init__(self, folders: dict[str, list[str]]) -> None:
        self.folders = folders

    def names(self, uri: str) -> list[str]:
        return list(self.folders.get(uri, []))

    def delete(self, uri: str) -> None:
        folder, name = uri.rsplit("/", 1)
        if uri in self.folders:
            del self.folders[uri]
        elif name in self.folders.get(folder, []):
            self.folders[folder].remove(name)


def begin(if_exists: str, folders: dict[str, list[str]]) -> tuple[list[int], dict[str, list[str]]]:
    storage: Any = Folders(folders)
    left = sinks.begin(storage, replace(JOB, if_exists=if_exists), SLICES)
    return [one.number for one in left], storage.folders


def test_every_file_is_in_one_slice_in_order() -> None:
    assert [len(one.files) for one in SLICES] == [4, 4, 2]
    assert [file for one in SLICES for file in one.files] == FILES
    assert [one.number for one in SLICES] == [0, 1, 2]


def fingerprints(job: Job = JOB, files: list[InputFile] = FILES, model: Any = MODEL) -> list[str]:
    return [one.fingerprint for one in cut(files, 4, identity(job, model))]


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "bigdl"},
        {"precision": "bf16"},
        {"image_size": 550},
        {"score_threshold": 0.1},
        {"mask_threshold": 0.4},
        {"top_k": 10},
        {"batch_size": 2},
    ],
)
def test_settings_that_change_rows_change_every_slice(change: dict[str, Any]) -> None:
    assert not set(fingerprints(replace(JOB, **change))) & set(fingerprints())


@pytest.mark.parametrize(
    "change",
    [{"overlays": 3}, {"threads_per_task": 2}, {"if_exists": "replace"}, {"read_partitions": 3}, {"repartition": 3}],
)
def test_settings_that_do_not_change_none(change: dict[str, Any]) -> None:
    assert fingerprints(replace(JOB, **change)) == fingerprints()


def test_another_model_changes_every_slice() -> None:
    assert not set(fingerprints(model={**MODEL, "weights": (20, 2)})) & set(fingerprints())


@pytest.mark.parametrize("changed", [{"size": 1}, {"modified": 8}, {"image": "005.png"}])
def test_a_changed_file_changes_its_slice_alone(changed: dict[str, Any]) -> None:
    files = [*FILES[:5], replace(FILES[5], **changed), *FILES[6:]]
    same = [one == other for one, other in zip(fingerprints(files=files), fingerprints(), strict=True)]
    assert same == [True, False, True]


def test_what_is_committed_is_known_by_its_name() -> None:
    other = replace(SLICES[1], fingerprint="0" * 16).file_name
    assert committed([SLICES[2].file_name, other, f".{SLICES[0].file_name}", "_SUCCESS"], SLICES) == {2}


def test_a_fresh_job_does_all() -> None:
    for if_exists in ("fail", "replace", "resume"):
        assert begin(if_exists, {})[0] == [0, 1, 2]


def test_resume_keeps_what_is_committed_and_removes_the_rest() -> None:
    stale = replace(SLICES[0], fingerprint="0" * 16).file_name
    names = [SLICES[1].file_name, stale, f".{SLICES[2].file_name}", "overlays", "job-result.json"]
    assert begin("resume", {PARTIAL: names}) == ([0, 2], {PARTIAL: [SLICES[1].file_name]})


def test_replace_begins_again() -> None:
    folders = {PARTIAL: [SLICES[1].file_name], JOB.output: ["part-0.parquet", "_SUCCESS"]}
    left, after = begin("replace", folders)
    assert left == [0, 1, 2]
    assert after[PARTIAL] == []
    # The old output stays until the new one is complete.
    assert after[JOB.output] == ["part-0.parquet", "_SUCCESS"]


def test_fail_names_the_ways_out() -> None:
    with pytest.raises(BadInput, match=r'\.run\.partial holds .*"resume" .*"replace"'):
        begin("fail", {PARTIAL: [SLICES[1].file_name]})


@pytest.mark.parametrize("if_exists", ["fail", "resume"])
def test_an_output_that_is_there_is_not_written(if_exists: str) -> None:
    with pytest.raises(BadInput, match="exists and is not empty"):
        begin(if_exists, {JOB.output: ["part-0.parquet"]})


@pytest.mark.parametrize(
    ("if_exists", "names", "expected"),
    [
        ("resume", [*(one.file_name for one in SLICES), "_SUCCESS", "job-result.json"], True),
        ("fail", [*(one.file_name for one in SLICES), "_SUCCESS"], False),
        ("resume", [one.file_name for one in SLICES], False),
        ("resume", [SLICES[0].file_name, "_SUCCESS"], False),
        ("resume", [], False),
    ],
)
def test_complete_is_what_resume_has_nothing_to_add_to(if_exists: str, names: list[str], expected: bool) -> None:
    storage: Any = Folders({JOB.output: names})
    assert sinks.is_complete(storage, replace(JOB, if_exists=if_exists), SLICES) == expected


def test_a_failed_job_leaves_only_what_is_to_be_resumed() -> None:
    for if_exists, left in (("fail", {}), ("replace", {}), ("resume", {PARTIAL: ["x"]})):
        storage: Any = Folders({PARTIAL: ["x"]})
        sinks.abandon(storage, replace(JOB, if_exists=if_exists))
        assert storage.folders == left


def test_names_sort_as_the_input_does() -> None:
    names = [Slice(number, (), "f" * 16).file_name for number in (0, 9, 10, 99_999)]
    assert names == sorted(names)
