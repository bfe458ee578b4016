"""The loop over several sessions, on a laboratory in memory: what is finished, changed, skipped or cut."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from runner_fakes import Laboratory, Watcher, made, plan_of

from experiments.analysis.trials import read_trials
from experiments.errors import RunFailed
from experiments.matrix.plan import PlannedCell
from experiments.runner.loop import run
from experiments.runner.progress import TRIAL, WARM_UP, finished_rounds
from experiments.store import contents
from experiments.store.records import RECORDS, load


def test_what_was_tried_in_between_does_not_take_the_place_of_a_content_that_is_back(tmp_path: Path) -> None:
    first = run(plan_of(), tmp_path, Laboratory(), Watcher())
    other = Laboratory(model="model-2", interrupt_at=24)
    with pytest.raises(KeyboardInterrupt):
        run(plan_of(), tmp_path, other, Watcher())
    between = load(tmp_path / RECORDS).records[len(first) :]
    assert 0 < len(between) < 9
    present = contents.load(tmp_path).present
    assert {present[one["cell"]] for one in between} == {one["hash"] for one in between}
    records = run(plan_of(), tmp_path, Laboratory(), back := Watcher())
    assert back.trials == 0
    assert back.said == [], "nothing is made again"
    counted = read_trials([{**one, "settings": {}} for one in records], contents.load(tmp_path).present).counted
    assert {one.name for one in counted} == {one["trial"] for one in first}


def test_a_cell_that_cannot_be_made_ready_makes_no_others_rounds_again(tmp_path: Path) -> None:
    run(plan_of(), tmp_path, Laboratory(), Watcher())
    faulty = Laboratory(fail={("content", "workers=2"): RunFailed("its model could not be built")})
    run(plan_of(), tmp_path, faulty, watcher := Watcher())
    assert watcher.trials == 0
    assert any("cannot be made ready" in text for text in watcher.said)
    run(plan_of(), tmp_path, Laboratory(), watcher := Watcher())
    assert watcher.trials == 0


def test_a_comparison_that_cannot_be_made_ready_is_not_tried_again_and_again(tmp_path: Path) -> None:
    fail = {("content", f"workers={number}"): RunFailed("its model could not be built") for number in (1, 2, 3)}
    first = run(plan_of(), tmp_path, Laboratory(fail=fail), Watcher())
    assert {one["status"] for one in first} == {"failed"}
    again = run(plan_of(), tmp_path, Laboratory(fail=fail), watcher := Watcher())
    assert (watcher.trials, len(again)) == (0, len(first))
    whole = run(plan_of(), tmp_path, Laboratory(), watcher := Watcher())
    assert watcher.trials == 9
    assert sum(one["status"] == "measured" for one in whole) == 9


def test_skipped_cells_are_recorded_once_with_their_reasons(tmp_path: Path) -> None:
    plan = plan_of(axes={"workers": [1, 2]}, cells=[{"name": "linked", "set": {"link": "26mbit"}}])
    for _ in range(2):
        records = run(plan, tmp_path, Laboratory(), Watcher())
    skipped = [one for one in records if one["status"] == "skipped"]
    assert [(one["cell"], len(one["reasons"])) for one in skipped] == [("linked", 1)]


def test_a_cell_skipped_for_another_reason_than_before_is_recorded_again(tmp_path: Path) -> None:
    content = {"axes": {"workers": [1, 2]}, "settings": {"topology": "databricks"}}
    named = [{"name": "odd", "set": {"link": "26mbit"}}], [{"name": "odd", "set": {"cores": 60}}]
    for cells, repeats in zip(named, (1, 2), strict=True):
        records = run(plan_of(cells=cells, repeats=repeats, **content), tmp_path, Laboratory(), Watcher())
    reasons = [one["reasons"] for one in records if one["status"] == "skipped"]
    assert len(reasons) == 2
    assert reasons[0] != reasons[1]


def test_what_is_skipped_begins_no_block_where_nothing_is_made(tmp_path: Path) -> None:
    content: dict[str, Any] = {"axes": {"workers": [1, 2]}}
    first = run(plan_of(**content), tmp_path, Laboratory(), Watcher())
    linked = [{"name": "linked", "set": {"link": "26mbit"}}]
    assert run(plan_of(cells=linked, **content), tmp_path, Laboratory(), Watcher()) == first


def test_a_renamed_cell_has_evidence_of_its_own(tmp_path: Path) -> None:
    """`workers=1` and `workers-1` are the same words in the names of files."""
    first = run(plan_of(axes={"workers": [1, 2]}), tmp_path, Laboratory(), Watcher())
    cells = [{"name": f"workers-{n}", "set": {"workers": n}} for n in (1, 2)]
    records = run(plan_of(cells=cells), tmp_path, Laboratory(), Watcher())
    names = [one["trial"] for one in records]
    assert len(names) == len(first) + 6
    assert len(set(names)) == len(names)


def test_of_many_changes_some_are_told_and_the_rest_is_counted(tmp_path: Path) -> None:
    class Odd(Laboratory):
        def content(self, planned: PlannedCell) -> Mapping[str, Any]:
            return {**super().content(planned), **{f"key-{n}": self.model for n in range(8)}}

    run(plan_of(), tmp_path, Odd(), Watcher())
    run(plan_of(), tmp_path, Odd(model="model-2"), watcher := Watcher())
    assert all(line.endswith("; and 4 more") for line in watcher.said)
    assert len(watcher.said) == 3


def test_a_finished_run_makes_nothing_more(tmp_path: Path) -> None:
    first = run(plan_of(), tmp_path, Laboratory(), Watcher())
    lab = Laboratory()
    assert run(plan_of(), tmp_path, lab, watcher := Watcher()) == first
    assert watcher.trials == 0
    assert not any(call[0] in ("up", "run") for call in lab.calls)
    assert len(json.loads((tmp_path / "environment.json").read_text())["blocks"]) == 1


def test_more_repeats_go_on_from_what_is_there(tmp_path: Path) -> None:
    content: dict[str, Any] = {"axes": {"workers": [1, 2]}}
    first = run(plan_of(repeats=2, **content), tmp_path, Laboratory(), Watcher())
    records = run(plan_of(repeats=3, **content), tmp_path, Laboratory(), Watcher())
    assert records[: len(first)] == first
    assert {one["round"] for one in records[len(first) :]} == {3}


def test_a_cell_whose_inputs_changed_is_made_again_and_says_what(tmp_path: Path) -> None:
    run(plan_of(), tmp_path, Laboratory(), Watcher())
    watcher = Watcher()
    records = run(plan_of(), tmp_path, Laboratory(model="model-2"), watcher)
    assert len(records) == 18
    assert all('model: "model-2", was "model-1"' in line for line in watcher.said)
    assert len(watcher.said) == 3
    assert {one["block"] for one in records} == {1, 2}


@pytest.mark.parametrize("seed", range(17))
def test_ctrl_c_at_any_moment_loses_nothing_and_leaves_nothing_running(tmp_path: Path, seed: int) -> None:
    plan = plan_of(warm_ups=1, settings={"engine": "fused"}, axes={"workers": [1, 2], "images": [6, 12]})
    counting = Laboratory()
    (tmp_path / "whole").mkdir()
    whole = run(plan, tmp_path / "whole", counting, Watcher())
    folder = tmp_path / "cut"
    folder.mkdir()
    chance = random.Random(seed)
    blocks = 0
    while True:
        lab = Laboratory(interrupt_at=chance.randint(1, counting.steps), name=f"host-{blocks}")
        before = list(load(folder / RECORDS).records)
        blocks += 1
        try:
            records = run(plan, folder, lab, Watcher())
        except KeyboardInterrupt:
            assert lab.up_now == set()
            kept = load(folder / RECORDS)
            assert kept.torn == ""
            assert list(kept.records[: len(before)]) == before
            continue
        break
    # The same set of cells and rounds as without an interruption, each round whole within one block.
    known = {one["cell"]: one["hash"] for one in records}
    assert known == {one["cell"]: one["hash"] for one in whole}
    assert set(made(records)) == set(made(whole))
    for number in (1, 2, 3):
        in_blocks: dict[int, set[str]] = {}
        for one in records:
            if one["kind"] == TRIAL and one["round"] == number:
                in_blocks.setdefault(one["block"], set()).add(one["cell"])
        assert any(cells == set(known) for cells in in_blocks.values())


def test_a_round_that_spans_two_blocks_does_not_count() -> None:
    plan = plan_of()
    known = {one.cell.name: type("K", (), {"hash": "h"})() for one in plan.runnable}

    def record(cell: str, block: int, **changes: Any) -> dict[str, Any]:
        base = {"cell": cell, "block": block, "round": 1, "kind": TRIAL, "status": "measured"}
        return {**base, "hash": "h", "comparison": "made", **changes}

    split = [record("workers=1", 1), record("workers=2", 1), record("workers=3", 2)]
    assert finished_rounds(split, plan.runnable, known) == set()
    whole = [*split, record("workers=3", 1, status="failed")]
    assert finished_rounds(whole, plan.runnable, known) == {("made", 1)}
    for change in ({"hash": "old"}, {"kind": WARM_UP}, {"round": 2}, {"status": "skipped"}):
        other = [*split, record("workers=3", 1, **change)]
        assert finished_rounds(other, plan.runnable, known) == set()


def test_a_torn_record_is_made_again(tmp_path: Path) -> None:
    run(plan_of(), tmp_path, Laboratory(), Watcher())
    path = tmp_path / RECORDS
    path.write_bytes(path.read_bytes()[:-20])
    watcher = Watcher()
    records = run(plan_of(), tmp_path, Laboratory(), watcher)
    assert any("cut off by a crash" in line for line in watcher.said)
    assert len([one for one in records if one["block"] == 2]) == 3  # the whole last round
