"""The pieces of work that GROUP=runner times, small; the made records are as large as real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.bench import runner_work as work
from experiments.store.records import RECORDS, load


def test_a_plan_of_as_many_cells_as_asked_for_of_which_all_can_run() -> None:
    found = work.plan("64")
    assert (found["cells"], found["runnable"]) == (64, 64)
    assert found["seconds"] > 0


def test_made_records_are_whole_and_as_large_as_real_ones(tmp_path: Path) -> None:
    made = work.make(str(tmp_path / "run"), "60")
    assert made["trials"] == 60
    path = tmp_path / "run" / RECORDS
    sizes = [len(line) for line in path.read_text().splitlines()]
    assert all(0.8 * work.REAL_BYTES < size <= work.REAL_BYTES for size in sizes)
    assert all(one["per_image"]["wall"] > 0 for one in load(path).records)
    read = work.store(str(tmp_path / "run"))
    assert read["trials"] == len(sizes)
    assert read["mb"] == pytest.approx(sum(sizes) / 1e6, rel=0.01)


def test_a_record_that_is_large_already_is_not_filled() -> None:
    line = json.dumps({"schema": 1, "text": "x" * work.REAL_BYTES})
    assert json.loads(work._filled(line)) == {**json.loads(line), "filler": {}}
