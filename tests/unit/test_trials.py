"""Trials on disk: read as they were written, refused where they are of something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments import trials
from experiments.errors import UserError

SETTINGS = {"images": 12, "size": 192}


def test_what_was_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "trials.jsonl"
    assert trials.read(path, SETTINGS) == []
    trials.append(path, SETTINGS, {"seconds": 1.5})
    trials.append(path, SETTINGS, {"seconds": 2.5})
    assert trials.read(path, SETTINGS) == [{"seconds": 1.5}, {"seconds": 2.5}]


def test_trials_with_other_settings_are_not_mixed_in(tmp_path: Path) -> None:
    trials.append(tmp_path / "trials.jsonl", {"images": 8, "size": 192}, {"seconds": 1.5})
    with pytest.raises(UserError, match=r"holds trials of .*8.*, asked for is .*12.*; give another --out"):
        trials.read(tmp_path / "trials.jsonl", SETTINGS)


@pytest.mark.parametrize("line", ['{"images": 12, "si', '{"images": 12}'])
def test_a_line_that_is_no_trial_is_named(tmp_path: Path, line: str) -> None:
    trials.append(tmp_path / "trials.jsonl", SETTINGS, {"seconds": 1.5})
    with (tmp_path / "trials.jsonl").open("a") as file:
        file.write(line)
    with pytest.raises(UserError, match=r"trials\.jsonl, line 2: is no trial"):
        trials.read(tmp_path / "trials.jsonl", SETTINGS)


def test_a_table_is_whole_or_absent(tmp_path: Path) -> None:
    trials.write_table(tmp_path / "table.json", {"rows": [1]})
    assert json.loads((tmp_path / "table.json").read_text()) == {"schema": 1, "rows": [1]}
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]
