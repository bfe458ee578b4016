"""What counts of a trial: start-up apart, by pieces of work, for each kind of side."""

from __future__ import annotations

from typing import Any

import pytest
from engine_records import bigdl, fused, peer

from experiments.bench.engine_times import Piece, busy_share, on_slots, steady, timed
from experiments.errors import RunFailed


def test_counting_begins_when_the_slowest_process_has_done_its_first_piece() -> None:
    pieces = [Piece("a", 0, 3), Piece("b", 0, 5), Piece("a", 3, 5), Piece("a", 5, 6), Piece("b", 5, 7)]
    assert steady(pieces, processes=2, extra=0.5) == (2.5, 2.0, 5)


def test_of_a_piece_that_is_under_way_then_only_the_part_behind_counts() -> None:
    pieces = [Piece("a", 0, 4, 8), Piece("b", 0, 5, 8), Piece("a", 4, 8, 8)]
    seconds, images, warm = steady(pieces, processes=2, extra=0)
    assert (seconds, images, warm) == (3, 6.0, 5)


def test_images_at_an_even_pace_have_that_pace_whatever_the_start_took() -> None:
    for late in (0.0, 1.3, 7.7):
        first = [Piece("a", 0, 4 + late), Piece("b", 0, 4)]
        rest = [Piece("a", 4 + late + n, 5 + late + n) for n in range(20)]
        rest += [Piece("b", 4 + n, 5 + n) for n in range(20 + int(late))]
        seconds, images, _ = steady([*first, *rest], processes=2, extra=0)
        assert images / seconds == pytest.approx(2, rel=0.05)


def test_a_process_that_did_nothing_is_no_trial() -> None:
    with pytest.raises(RunFailed, match="1 of 2 processes did any work"):
        steady([Piece("a", 0, 1), Piece("a", 1, 2)], processes=2, extra=0)


def test_nothing_after_the_first_pieces_is_no_trial() -> None:
    with pytest.raises(RunFailed, match="none is left after the first of each"):
        steady([Piece("a", 0, 1), Piece("b", 0, 2)], processes=2, extra=0)
    with pytest.raises(RunFailed, match="0 of 1 processes"):
        steady([], processes=1, extra=0)


def test_tasks_are_put_on_the_slots_that_were_free() -> None:
    tasks = [
        {"executor": "0", "launch": launch, "finish": finish, "images": images}
        for launch, finish, images in ((0, 4, 3), (0.1, 5, 3), (4, 6, 3), (5, 7, 1))
    ]
    found = on_slots(tasks, 2)
    assert [one.process for one in found] == ["0/0", "0/1", "0/0", "0/1"]
    assert [one.images for one in found] == [3, 3, 3, 1]


def test_the_fused_engine_counts_from_the_last_slots_first_task_to_the_commit() -> None:
    found = timed(fused(start=10.0, image=0.5, tasks=10, commit=0.25))
    # Two slots: first tasks end at 10.5, then four more each of half a second.
    assert found.seconds == pytest.approx(2.0 + 0.25)
    assert found.images == pytest.approx(8)
    assert found.start_seconds == pytest.approx(1.0 + 10.5)
    assert found.memory_mb == 800
    assert found.worker_mb == 900


def test_the_bigdl_engine_counts_the_stages_behind_its_first_slice_less_one_compilation() -> None:
    record: dict[str, Any] = bigdl(stages=(1.0, 2.0, 6.0, 3.0), commit=0.5, images=20)
    assert timed(record).per_image == pytest.approx(12.5 / 20)
    record["result"]["workers"] = [{"compiles": 3, "compile_seconds": 6.5}, {"compiles": 1, "compile_seconds": 1.5}]
    assert timed(record).per_image == pytest.approx(10.5 / 20)
    assert timed(record).start_seconds == pytest.approx(7 + 3 + 0.1 + 24 + 2)


def test_one_slice_is_all_start_up() -> None:
    record: dict[str, Any] = bigdl()
    record["result"]["slices"]["total"] = 1
    with pytest.raises(RunFailed, match="behind the first slice there is none to count"):
        timed(record)
    record = bigdl()
    record["phases"] = record["phases"][:-1]
    with pytest.raises(RunFailed, match="2 slice"):
        timed(record)


def test_a_peer_counts_to_its_written_rows() -> None:
    found = timed(peer("ray", first=8.0, image=0.5, images=10, tail=0.4))
    assert found.seconds == pytest.approx(2.0 + 0.4)
    assert found.images == pytest.approx(8)
    assert found.start_seconds == pytest.approx(8.0)


def test_bare_inference_is_its_own_time() -> None:
    assert timed({"images": 30, "seconds": 15.0}).per_image == 0.5


def test_nodes_that_wait_lower_the_busy_share() -> None:
    record = bigdl()
    stages = {"read": 0.0, "preprocess": 0.0, "predict": 10.0, "postprocess": 0.0}
    record["result"]["phases"] = [{"name": name, "seconds": seconds} for name, seconds in stages.items()]
    record["result"]["executors"] = [{"host": "a", "images": 10}, {"host": "b", "images": 10}]
    record["slots"] = 1
    record["tasks"] = [
        {"host": "a", "executor": "0", "launch": 0, "finish": 10.0, "phase": "predict"},
        {"host": "b", "executor": "1", "launch": 0, "finish": 5.0, "phase": "predict"},
    ]
    assert busy_share(record) == pytest.approx(20 / 30)
    record["tasks"][1]["finish"] = 10.0
    assert busy_share(record) == pytest.approx(1.0)


def test_a_node_with_images_and_no_task_is_refused() -> None:
    record = bigdl(stages=(0.0, 0.0, 10.0, 0.0), commit=0, images=20)
    record["result"]["executors"] = [{"host": "a", "images": 10}]
    record["tasks"] = []
    with pytest.raises(RunFailed, match="no task on a"):
        busy_share(record)
