"""Records become trials: which count, which do not, and one figure of each."""

from __future__ import annotations

import pytest
from analysis_material import record

from experiments.analysis.trials import CUT, OLD, observations, pooled, read_trials, varied
from experiments.errors import UserError


def test_measured_trials_count_and_the_others_are_named_by_why() -> None:
    trials = read_trials(
        [
            record("a", kind="warm-up", status="measured"),
            record("a"),
            record("a", 2, status="invalid"),
            record("b", status="failed"),
            record("c", 0, status="skipped"),
        ]
    )
    assert [one.name for one in trials.counted] == ["001-a"]
    assert trials.left_out == {"invalid": ("002-a",), "failed": ("001-b",), "skipped": ("000-c",)}


def test_only_the_last_content_of_a_cell_counts() -> None:
    trials = read_trials([record("a", hash="old"), record("b"), record("a", 2, hash="new")])
    assert [one.name for one in trials.counted] == ["001-b", "002-a"]
    assert trials.left_out == {"of an older content": ("001-a",)}


def test_a_figure_is_found_by_its_path_and_missing_is_not_zero() -> None:
    trials = read_trials([record("a", per_image={"stage_3": 0.5, "wall": None}), record("a", 2)])
    (found,) = observations(trials.counted, "per_image.stage_3")
    assert (found.value, found.trial, found.block, found.round) == (0.5, "001-a", 1, 1)
    assert observations(trials.counted, "per_image.wall") == ()
    assert observations(trials.counted, "per_image") == ()
    assert observations(trials.counted, "settings.topology.x") == ()


def test_entries_of_lists_are_found_by_name_or_host_and_added_up() -> None:
    result = {"spark": [{"name": "read", "tasks": 3}], "workers": [{"host": "w1", "n": 1}, {"host": "w2", "n": 2}, {}]}
    (trial,) = read_trials([record("a", result=result, hosts={"w1": {"last_s": 4}, "w2": {"last_s": 5}})]).counted
    assert trial.figure("result.spark.read.tasks") == 3
    assert trial.figure("result.workers.w2.n") == 2
    assert trial.figure("result.workers.*.n") == 3
    assert trial.figure("hosts.*.last_s") == 9
    assert trial.figure("result.workers.*.m") is None
    assert trial.figure("result.spark.write.tasks") is None


def test_runs_are_pooled_with_blocks_of_their_own() -> None:
    first = read_trials([record("a", hash="old"), record("b"), record("a", 2, status="failed")])
    second = read_trials([record("a"), record("b"), record("b", 2, block=2)])
    found = pooled({"one": first, "two": second})
    assert [(one.name, one.block) for one in found.counted] == [
        ("one/001-b", 1),
        ("two/001-a", 2),
        ("two/001-b", 2),
        ("two/002-b", 3),
    ]
    assert found.blocks == {1: ("one", 1), 2: ("two", 1), 3: ("two", 2)}
    assert found.left_out == {"failed": ("one/002-a",), "of an older content": ("one/001-a",)}


def test_what_was_measured_before_a_cell_changed_stands_for_nothing_also_where_all_new_trials_failed() -> None:
    found = read_trials(
        [
            record("a", 1, hash="old"),
            record("a", 1, hash="new", status="failed", trial="001-a-again-1"),
            record("a", 2, hash="", status="skipped"),
        ]
    )
    assert found.counted == ()
    assert found.left_out[OLD] == ("001-a",)


def test_a_round_that_was_cut_and_made_again_counts_once() -> None:
    cut = [record("a", 1), record("b", 1), record("a", 2)]
    assert len(read_trials(cut).counted) == 3, "as long as it was not made again, it is what there is"
    again = [record("a", 2, block=2, trial="002-a-again-1"), record("b", 2, block=2)]
    found = read_trials([*cut, *again])
    assert [(one.cell, one.round, one.block) for one in found.counted] == [
        ("a", 1, 1),
        ("b", 1, 1),
        ("a", 2, 2),
        ("b", 2, 2),
    ]
    assert found.left_out[CUT] == ("002-a",)


def test_what_varies() -> None:
    settings = ({"workers": 1, "engine": "fused"}, {"workers": 2, "engine": "fused", "images": 8})
    trials = read_trials([record(str(one), settings=one) for one in settings])
    assert varied(trials.counted) == ("images", "workers")


@pytest.mark.parametrize("key", ["kind", "status", "cell", "trial", "round", "settings", "hash", "preset"])
def test_a_damaged_record_is_named(key: str) -> None:
    damaged = record("b")
    del damaged[key]
    with pytest.raises(UserError, match=f"record . lacks '{key}'"):
        read_trials([damaged])
