"""What yardsticks read and say, without the libraries that a cluster has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster_app.contract.job import Job
from cluster_app.pipeline.rows import ImageRow, pack
from cluster_app.yardsticks import bare, memory, report, work


def test_the_grid_has_every_number_of_streams_that_divides_the_cores() -> None:
    assert [(one.streams, one.pinning) for one in bare.grid(2)] == [(1, False), (1, True), (2, False), (2, True)]
    assert {one.streams for one in bare.grid(6)} == {1, 2, 3, 6}


def test_the_answer_is_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.guarded(lambda: {"images": 3}) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(last.removeprefix(report.MARK)) == {"images": 3}


def test_a_failure_is_one_line_and_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> dict[str, int]:
        raise RuntimeError("in the library's source:\nthe model has no input")

    assert report.guarded(fails) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "error: RuntimeError: the model has no input\n"


def test_times_are_told_in_their_order() -> None:
    assert report.finishes([("b", 2.0), ("a", 1.0)]) == [{"process": "a", "at": 1.0}, {"process": "b", "at": 2.0}]


@pytest.mark.parametrize(
    ("place", "text"),
    [("memory/memory.stat", "cache 9\nrss 1\ntotal_rss 5000000\n"), ("memory.stat", "anon 5000000\nfile 9\n")],
)
def test_anonymous_memory_of_both_kinds_of_control_group(tmp_path: Path, place: str, text: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(text)
    assert memory.anonymous_mb(tmp_path) == 5.0


@pytest.fixture
def job(tmp_path: Path) -> Job:
    folder = tmp_path / "in"
    (folder / "inner").mkdir(parents=True)
    for name, content in (
        ("b.jpg", b"xx"),
        ("inner/a b.png", b"y"),
        ("empty.jpg", b""),
        (".hidden", b"z"),
        ("_log", b""),
    ):
        (folder / name).write_bytes(content)
    return Job(
        input=f"file:{folder}",
        output=f"file:{tmp_path}/out/one",
        model="file:/srv/in/m.xml",
        priors="file:/srv/in/p.npy",
        engine="fused",
        precision="f32",
        image_size=8,
    )


def test_the_input_is_listed_as_the_engines_do(job: Job) -> None:
    files = work.files_of(job)
    assert [(file.image, file.size) for file in files] == [("b.jpg", 2), ("empty.jpg", 0), ("inner/a b.png", 1)]
    assert work.to_read(job, files) == [f"{job.input}/b.jpg", f"{job.input}/inner/a b.png"]


def test_rows_are_written_once_for_each_file(job: Job) -> None:
    import pyarrow.parquet

    files = work.files_of(job)
    rows = [
        {"image": name, "packed": pack(ImageRow(name, 4, 3, "ok", None, "here"))} for name in ("inner/a b.png", "b.jpg")
    ]
    assert work.write(job, files, rows) == 3
    folder = Path(job.output.removeprefix("file:"))
    assert (folder / "_SUCCESS").exists()
    found = pyarrow.parquet.read_table(folder / work.OUTPUT_FILE).to_pylist()
    assert [(row["image"], row["status"]) for row in found] == [
        ("b.jpg", "ok"),
        ("empty.jpg", "corrupt"),
        ("inner/a b.png", "ok"),
    ]


def test_a_row_that_comes_twice_is_refused(job: Job) -> None:
    row = {"image": "b.jpg", "packed": pack(ImageRow("b.jpg", 4, 3, "ok"))}
    with pytest.raises(RuntimeError, match="second row"):
        work.write(job, work.files_of(job), [row, row])
