"""The loop on a laboratory in memory: states, order, failures in each phase."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from runner_fakes import Laboratory, Watcher, made, plan_of, states

from experiments.errors import HostError, RunFailed, UserError
from experiments.matrix.plan import PlannedCell
from experiments.runner.loop import CLUSTERS, ENVIRONMENT, run
from experiments.runner.progress import TRIAL, WARM_UP
from experiments.runner.seam import Outcome, TimedOut
from experiments.store.contents import CONTENTS
from experiments.store.records import RECORDS, load

CELLS = ("workers=1", "workers=2", "workers=3")


def test_each_round_visits_every_cell_once(tmp_path: Path) -> None:
    lab, watcher = Laboratory(), Watcher()
    records = run(plan_of(), tmp_path, lab, watcher)
    assert made(records) == Counter({(cell, number): 1 for cell in CELLS for number in (1, 2, 3)})
    assert watcher.trials == 9
    assert [one["round"] for one in records] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert lab.up_now == set()
    assert lab.most_up == 1
    assert list(load(tmp_path / RECORDS).records) == records


def test_records_say_all_that_an_analysis_needs(tmp_path: Path) -> None:
    (one, *_) = run(plan_of(), tmp_path, Laboratory(), Watcher())
    assert one["schema"] == 1
    assert (one["preset"], one["block"], one["comparison"]) == ("made", 1, "made")
    assert one["status"] == "measured"
    assert one["core"] == pytest.approx(0.5)
    assert one["per_image"] == {"wall": 0.5}
    assert one["boot"] == {"visit": 1, "ready_seconds": 1.0}
    assert one["host"] == {"quiet": True}
    contents = json.loads((tmp_path / CONTENTS).read_text())["contents"]
    assert contents[one["hash"]]["model"] == "model-1"
    assert contents[one["hash"]]["cluster"]["nodes"]
    blocks = json.loads((tmp_path / ENVIRONMENT).read_text())["blocks"]
    assert [(block["block"], block["host"]) for block in blocks] == [(1, "host-1")]
    visits = [json.loads(line) for line in (tmp_path / CLUSTERS).read_text().splitlines()]
    assert all(visit["tear_down_seconds"] == 0.1 for visit in visits)
    assert [visit["visit"] for visit in visits] == list(range(1, len(visits) + 1))


def test_a_cluster_is_kept_for_all_its_cells(tmp_path: Path) -> None:
    lab = Laboratory()
    run(plan_of(settings={"workers": 2}, axes={"images": [6, 12, 24]}), tmp_path, lab, Watcher())
    assert [call for call in lab.calls if call[0] in ("up", "down")].count(("down", "")) == 1
    assert sum(call[0] == "up" for call in lab.calls) == 1
    assert sum(call[0] == "run" for call in lab.calls) == 9


def test_a_fresh_cluster_for_each_trial_where_that_is_measured(tmp_path: Path) -> None:
    lab = Laboratory()
    run(plan_of(fresh_cluster=True, cells=[{"name": "only"}]), tmp_path, lab, Watcher())
    assert sum(call[0] == "up" for call in lab.calls) == 3


def test_warm_ups_of_cells_come_once_a_block(tmp_path: Path) -> None:
    records = run(
        plan_of(warm_ups=2, settings={"workers": 1}, axes={"images": [6, 12]}), tmp_path, Laboratory(), Watcher()
    )
    assert made(records, WARM_UP) == Counter({("images=6", 1): 2, ("images=12", 1): 2})
    assert sum(made(records).values()) == 6


def test_warm_ups_of_clusters_come_each_time_one_is_new(tmp_path: Path) -> None:
    content = {"warm_ups": 1, "warm_up_each": "cluster", "axes": {"workers": [1, 2]}}
    records = run(plan_of(**content), tmp_path, Laboratory(), lab := Watcher())
    ups = sum(one["kind"] == WARM_UP for one in records)
    assert 4 <= ups <= 6  # a round's last cluster may be the next one's first
    assert sum(made(records).values()) == 6
    assert len(lab.records) == len(records)


class FirstWarmUpFails(Laboratory):
    def run(self, planned: PlannedCell, trial: str) -> Outcome:
        if trial.endswith("warm-up") and trial not in self.trials:
            self.trials.append(trial)
            raise RunFailed("a slow start")
        return super().run(planned, trial)


@pytest.mark.parametrize("each", ["cell", "cluster"])
def test_a_trial_is_not_measured_cold_because_its_warm_up_failed(tmp_path: Path, each: str) -> None:
    content = {"warm_ups": 1, "warm_up_each": each, "settings": {"workers": 1}, "axes": {"images": [6]}}
    lab = FirstWarmUpFails()
    records = run(plan_of(repeats=1, **content), tmp_path, lab, Watcher())
    assert [(one["kind"], one["status"]) for one in records] == [
        (WARM_UP, "failed"),
        (WARM_UP, "measured"),
        (TRIAL, "measured"),
    ]
    ups = [number for number, call in enumerate(lab.calls) if call[0] == "up"]
    runs = [number for number, call in enumerate(lab.calls) if call[0] == "run"]
    assert len(ups) == 2
    assert ups[-1] < runs[-2], "the trial runs on the cluster that was warmed up"


PROBLEMS = {
    "run": (RunFailed("the job failed"), "failed"),
    "timed out": (TimedOut("the job did not end within 9 s"), "timed-out"),
    "refused": (UserError("threads_per_task = 2"), "failed"),
}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_trial_that_fails_is_kept_apart_and_stops_nothing(tmp_path: Path, kind: str) -> None:
    error, state = PROBLEMS[kind]
    lab = Laboratory(fail={("run", "workers=2"): error})
    records = run(plan_of(), tmp_path, lab, Watcher())
    assert states(records) == {"workers=1": {"measured"}, "workers=2": {state}, "workers=3": {"measured"}}
    assert {tuple(one["reasons"]) for one in records if one["cell"] == "workers=2"} == {
        tuple(error.args[0].split("\n"))
    }
    assert made(records)[("workers=2", 3)] == 1


def test_a_failed_trial_is_followed_by_a_new_cluster(tmp_path: Path) -> None:
    lab = Laboratory(fail={("run", "images=12"): RunFailed("a worker died")})
    run(plan_of(repeats=1, settings={"workers": 2}, axes={"images": [6, 12]}), tmp_path, lab, Watcher())
    order = [call for call in lab.calls if call[0] in ("up", "run", "down")]
    after = order[order.index(("run", "images=12")) + 1]
    assert after == ("down", "")


def test_a_cluster_that_does_not_come_up_fails_its_trials_only(tmp_path: Path) -> None:
    lab, watcher = Laboratory(fail={("up", "workers=2"): RunFailed("not ready")}), Watcher()
    records = run(plan_of(), tmp_path, lab, watcher)
    bad = [one for one in records if one["cell"] == "workers=2"]
    assert {(one["status"], one["phase"]) for one in bad} == {("failed", "boot")}
    assert len(bad) == 3
    assert any("did not come up: not ready" in line for line in watcher.said)


def test_what_a_fault_in_tear_down_leaves_is_cleared_before_the_next_trial(tmp_path: Path) -> None:
    lab = Laboratory(fail={("down", ""): RunFailed("the network is in use")})
    records = run(plan_of(), tmp_path, lab, Watcher())
    assert states(records) == {cell: {"measured"} for cell in CELLS}
    visits = [json.loads(line) for line in (tmp_path / CLUSTERS).read_text().splitlines()]
    assert visits[0]["tear_down_problems"] == ["the network is in use"]
    assert lab.most_up == 1
    assert lab.up_now == set()


def test_a_cluster_that_cannot_be_taken_down_ends_the_run(tmp_path: Path) -> None:
    stuck = RunFailed("the network is in use")
    lab = Laboratory(fail={("down", ""): stuck, ("clear", ""): stuck})
    with pytest.raises(
        HostError, match="could not be taken down: the network is in use; nothing is measured beside it"
    ):
        run(plan_of(), tmp_path, lab, watcher := Watcher())
    assert len(lab.trials) == 1, "no trial is made beside it"
    (visit,) = [json.loads(line) for line in (tmp_path / CLUSTERS).read_text().splitlines()]
    assert visit["tear_down_problems"] == ["the network is in use"]
    assert len(load(tmp_path / RECORDS).records) == 1
    assert any("tear-down: the network is in use" in line for line in watcher.said)


def test_a_cluster_that_neither_comes_up_nor_goes_ends_the_run(tmp_path: Path) -> None:
    stuck = RunFailed("the network is in use")
    lab = Laboratory(fail={("up", "workers=2"): RunFailed("no worker registered"), ("clear", ""): stuck})
    lab.left_by_a_failed_boot = True
    with pytest.raises(HostError, match="could not be taken down: the network is in use"):
        run(plan_of(), tmp_path, lab, Watcher())
    assert all(one["cell"] != "workers=2" for one in load(tmp_path / RECORDS).records)


@pytest.mark.parametrize("call", ["run", "up", "content"])
def test_a_failure_of_the_host_is_no_finding_of_a_cell(tmp_path: Path, call: str) -> None:
    gone = HostError("the Docker engine does not answer")
    lab = Laboratory(fail={(call, "workers=2"): RunFailed("the command ended"), ("able", ""): gone})
    with pytest.raises(HostError, match="does not answer"):
        run(plan_of(), tmp_path, lab, Watcher())
    assert all(one["cell"] != "workers=2" for one in load(tmp_path / RECORDS).records)
    records = run(plan_of(), tmp_path, Laboratory(), Watcher())
    assert states(records) == {cell: {"measured"} for cell in CELLS}


HOST_CALLS = [("environment", ""), ("up", "workers=2"), ("run", "workers=2"), ("steady", ""), ("content", "workers=2")]


@pytest.mark.parametrize("call", HOST_CALLS)
def test_a_host_that_cannot_go_on_ends_the_run_and_keeps_its_records(tmp_path: Path, call: tuple[str, str]) -> None:
    lab = Laboratory(fail={call: HostError("the disk is full")})
    with pytest.raises(HostError, match="the disk is full"):
        run(plan_of(), tmp_path, lab, Watcher())
    assert lab.up_now == set()
    before = list(load(tmp_path / RECORDS).records)
    records = run(plan_of(), tmp_path, Laboratory(), Watcher())
    assert records[: len(before)] == before


@pytest.mark.parametrize("where", [("environment", ""), ("up", "workers=1"), ("steady", ""), ("content", "workers=1")])
def test_what_nobody_foresaw_is_raised_after_tear_down(tmp_path: Path, where: tuple[str, str]) -> None:
    lab = Laboratory(fail={where: ZeroDivisionError()})
    with pytest.raises(ZeroDivisionError):
        run(plan_of(), tmp_path, lab, Watcher())
    assert lab.up_now == set()


def test_what_nobody_foresaw_in_a_trial_is_its_record_and_ends_no_other(tmp_path: Path) -> None:
    records = run(plan_of(), tmp_path, Laboratory(fail={("run", "workers=1"): ZeroDivisionError("by 0")}), Watcher())
    assert states(records) == {"workers=1": {"failed"}, "workers=2": {"measured"}, "workers=3": {"measured"}}
    failed = next(one for one in records if one["status"] == "failed")
    assert failed["reasons"] == ["ZeroDivisionError: by 0"]
    assert "Traceback" in failed["traceback"]


def test_a_cell_that_cannot_be_made_ready_fails_alone(tmp_path: Path) -> None:
    lab = Laboratory(fail={("content", "workers=2"): RunFailed("the model was not built")})
    records = run(plan_of(), tmp_path, lab, Watcher())
    assert states(records) == {"workers=1": {"measured"}, "workers=2": {"failed"}, "workers=3": {"measured"}}
    assert {tuple(one["reasons"]) for one in records if one["status"] == "failed"} == {("the model was not built",)}
    assert ("up", "workers=2") not in lab.calls
    # Ready another day, its rounds are made again.
    records = run(plan_of(), tmp_path, Laboratory(), Watcher())
    assert states(records)["workers=2"] == {"failed", "measured"}


def test_invalid_trials_say_why(tmp_path: Path) -> None:
    records = run(plan_of(), tmp_path, Laboratory(invalid={"workers=3": "2 rows missing"}), Watcher())
    assert states(records)["workers=3"] == {"invalid"}
    assert {tuple(one["reasons"]) for one in records if one["cell"] == "workers=3"} == {("2 rows missing",)}


class FindsOtherThings(Laboratory):
    def run(self, planned: PlannedCell, trial: str) -> Outcome:
        outcome = super().run(planned, trial)
        found = 99 if trial == "002-workers-2" else 100 + int(str(planned.cell.settings["workers"]))
        return Outcome({**outcome.evidence, "detections": found}, outcome.invalid)


def test_a_trial_that_found_something_else_than_the_one_before_is_invalid(tmp_path: Path) -> None:
    records = run(plan_of(), tmp_path, FindsOtherThings(), Watcher())
    assert states(records) == {
        "workers=1": {"measured"},
        "workers=2": {"measured", "invalid"},
        "workers=3": {"measured"},
    }
    (wrong,) = (one for one in records if one["status"] == "invalid")
    assert wrong["reasons"] == ["99 objects found, and 102 in 001-workers-2: it did not compute the same"]
