"""A folder that is no whole demo: one clear error, and no report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import demo_folder
import pytest
from demo_folder import Json

from experiments.errors import UserError
from experiments.report.demo import write_report


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def put(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def edit(change: Callable[[Json], object]) -> Callable[[Path], None]:
    """Changes the first cluster's record."""

    def apply(folder: Path) -> None:
        lines = (folder / "records.jsonl").read_text().splitlines()
        record = json.loads(lines[0])
        change(record)
        (folder / "records.jsonl").write_text("\n".join([json.dumps(record), *lines[1:]]))

    return apply


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("summary.json"), "summary.json: cannot be read (No such file or directory)"),
        (remove("records.jsonl"), "records.jsonl: cannot be read (No such file or directory)"),
        (remove("standalone/overlays/grey.png.png"), "grey.png.png: cannot be read as an image"),
        (put("standalone/overlays/grey.png.png", "no picture"), "grey.png.png: cannot be read as an image"),
        (put("records.jsonl", "\n"), "records.jsonl: holds no record"),
        (put("records.jsonl", "{"), "records.jsonl, line 1: is not JSON"),
        (put("summary.json", "{}"), "summary.json: schema: Field required"),
        (edit(lambda r: r.update(schema=2)), "records.jsonl, line 1: schema: Input should be 1"),
        (edit(lambda r: r.update(rows=[])), "line 1: rows: List should have at least 1 item"),
        (edit(lambda r: r.update(tasks=[])), "line 1: tasks: List should have at least 1 item"),
        (edit(lambda r: r["rows"].pop()), "line 1: 26 rows for 27 input files; a job owes one row for each"),
        (edit(lambda r: r["rows"][0].update(detections=1)), "do not add up to result.counts.detections"),
        (edit(lambda r: r["rows"][0].update(status="good")), "line 1: rows.0.status: Input should be 'ok', 'corrupt'"),
        (edit(lambda r: r.update(submit_seconds=1)), "are more than submit_seconds = 1"),
        (edit(lambda r: r["up"].update(canary_seconds=1.0)), "line 1: up: registered, canary and ready count"),
        (edit(lambda r: r["topology"]["nodes"][0].update(machine="z")), "a node is on machine 'z'"),
        (edit(lambda r: r["result"]["phases"].pop(4)), 'result: phases: "predict" is missing'),
        (edit(lambda r: r["job"].pop("engine")), "line 1: job: job"),
        (edit(lambda r: r.update(cluster="other")), "other is not among the clusters of summary.json"),
        (edit(lambda r: r.update(cluster="yarn")), "yarn has 2 records; one is allowed"),
    ],
)
def test_bad_folder_gives_one_clear_error_and_no_report(tmp_path: Path, spoil: Callable[[Path], None], message: str):
    demo_folder.write(tmp_path)
    spoil(tmp_path)
    with pytest.raises(UserError) as caught:
        write_report(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_counts_that_differ_from_the_summary(tmp_path: Path):
    summary = demo_folder.made_summary() | {"images": 30}
    demo_folder.write(tmp_path, None, summary)
    with pytest.raises(UserError, match=r"standalone: 27 input files, and summary\.json counts 30"):
        write_report(tmp_path)
