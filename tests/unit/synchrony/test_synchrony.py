"""What a trial on claim S3 says: who waited, and what the same nodes could have done."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster_app.contract.job import Job
from cluster_app.contract.result import WorkerShare
from experiments.errors import RunFailed, UserError
from experiments.eventlog import TaskRow
from experiments.synchrony import __main__ as program
from experiments.synchrony import trial
from experiments.synchrony.trial import Trial, ideal_seconds


def worker(
    host: str, images: int, work: float, processes: int = 1, seconds: float = 99.0, compiling: float = 0.0
) -> WorkerShare:
    parts = [0.0, compiling, work / 4, work / 4, work / 4, work / 4]
    return WorkerShare(host, processes, images, 1, seconds, *parts, 500.0)


def test_the_ideal_has_every_host_at_work_all_the_time() -> None:
    # 1 image a second, and half of that: 30 images together take 20 seconds, however they were shared out.
    assert ideal_seconds((worker("fast", 10, 10.0), worker("slow", 20, 40.0)), 1) == pytest.approx(20.0)
    assert ideal_seconds((worker("fast", 20, 20.0), worker("slow", 10, 20.0)), 1) == pytest.approx(20.0)


def test_a_host_works_once_it_has_its_model() -> None:
    # The slow host begins after 8 seconds: 8 images are done by then, and 22 take 22 / 1.5 seconds more.
    shares = (worker("fast", 20, 20.0), worker("slow", 10, 20.0, compiling=8.0))
    assert ideal_seconds(shares, 1) == pytest.approx(8 + 22 / 1.5)


def test_waiting_is_no_work_and_an_idle_host_has_no_rate() -> None:
    shares = (worker("fast", 10, 10.0, seconds=50.0), worker("slow", 0, 0.0))
    assert ideal_seconds(shares, 1) == pytest.approx(10.0)


def test_a_host_with_two_processes_works_twice_at_once() -> None:
    assert ideal_seconds((worker("both", 10, 10.0, processes=2),), 2) == pytest.approx(5.0)


def test_a_process_in_place_of_one_that_died_adds_no_rate() -> None:
    assert ideal_seconds((worker("struck", 10, 10.0, processes=2),), 1) == pytest.approx(10.0)


def test_nobody_worked() -> None:
    with pytest.raises(RunFailed, match="no worker said what it did"):
        ideal_seconds((worker("fast", 0, 0.0),), 1)


def made(mode: str, seconds: float, failed: bool = False, repeat: int = 0) -> Trial:
    return Trial(mode, failed, repeat, seconds, seconds + 30, {"a": 8, "b": 4}, {"a": 1.0}, int(failed), 12, 20.0)


def test_the_table_has_a_row_a_mode_clean_and_failed_with_the_middle_repeat() -> None:
    done = [made("static", seconds, repeat=number) for number, seconds in enumerate((40.0, 25.0, 50.0))]
    done += [made("dynamic", 22.0), made("barrier", 60.0, failed=True)]
    rows = program.rows(done)
    assert [(row["mode"], row["failed"], row["seconds"]) for row in rows] == [
        ("dynamic", False, 22.0),
        ("static", False, 40.0),
        ("barrier", True, 60.0),
    ]
    assert rows[1]["efficiency"] == 0.5


def test_a_repeat_that_was_cut_is_made_again_as_a_whole() -> None:
    def repeat(number: int, *hosts: str) -> list[Trial]:
        wanted = [one for one in program.order(number + 1) if one[0] == number]
        return [
            replace(made(mode, 20.0, repeat=number, failed=failed), host={"began": host})
            for (_, mode, failed), host in zip(wanted, hosts, strict=False)
        ]

    first, cut, spans = repeat(0, *"aaaaaa"), repeat(1, *"aaa"), repeat(2, *"aaabbb")
    assert program.whole([*first, *cut, *spans]) == first
    again = repeat(1, *"bbbbbb")
    assert program.whole([*first, *cut, *spans, *again]) == [*first, *again]


def test_each_repeat_begins_with_another_mode_and_a_failure_follows_its_clean_trial() -> None:
    wanted = program.order(3)
    assert [one[1] for one in wanted[::6]] == ["dynamic", "static", "barrier"]
    assert [one[2] for one in wanted] == [False, True] * 9
    assert len(set(wanted)) == 18


def test_the_strike_meets_the_first_node_at_work() -> None:
    # An equal share: the fast first node is done after 44 of 105 s; 11.5 s pass before any task is launched.
    spec = program._cluster("heterogeneous")
    first = spec.executor_nodes[0].name
    ends = {first: 44.0, "old-worker": 105.0}
    clean = Trial("static", False, 0, 116.5, 140.0, {}, ends, 0, 3, 44.0)
    assert trial.strike_time(spec, clean) == pytest.approx(11.5 + 22.0)


class Cluster:
    """In place of submit: jobs that say where they are, and of which those that are struck die, or do not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, survives: bool, failing: int = 1) -> None:
        self.survives, self.killed, self.submitted = survives, threading.Event(), 0
        self.tasks = [replace(_task("worker-1", 0.0, 5.0), failed=number < failing) for number in range(3)]
        monkeypatch.setattr(trial, "submit", self.submit)
        monkeypatch.setattr(trial, "_kill_worker", lambda _: self.killed.set())
        monkeypatch.setattr(trial, "_tasks", lambda folder: self.tasks[1:] if "again" in folder.parts else self.tasks)

    def submit(self, *given: Any, **_: Any) -> Any:
        _, _, evidence, say = given
        self.submitted += 1
        say("segment ...")
        if self.submitted == 1:
            self.killed.wait(2)
            say("segment took 5 s")
        if self.submitted == 1 and not self.survives:
            raise RunFailed("the job failed")
        result = SimpleNamespace(workers=(worker("worker-1", 10, 10.0),), seconds=lambda _: 5.0)
        return SimpleNamespace(event_log=evidence / "events", result=result)


def strike(mode: str) -> Trial:
    spec = program._cluster("heterogeneous")
    places = {"input": "file:/a", "output": "file:/b", "model": "file:/m.xml", "priors": "file:/p.npy"}
    job = Job(**places, engine="fused", precision="f32", image_size=192)
    return trial.run(spec, job, mode, 0, Path("evidence"), lambda _: None, strike_after=0.05)


def test_a_job_that_survives_the_strike_ran_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, survives=True)
    found = strike("dynamic")
    assert (found.failed, found.seconds, found.failed_tasks, found.tasks) == (True, 5.0, 1, 3)
    assert (found.resubmitted, cluster.submitted) == (0, 1)


def test_a_job_that_dies_of_it_is_submitted_again_and_what_was_lost_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, survives=False)
    found = strike("barrier")
    assert (found.failed, found.failed_tasks, found.tasks) == (True, 1, 5)
    assert 5.05 <= found.seconds < 7
    assert (found.resubmitted, cluster.submitted) == (1, 2)


def test_where_nothing_died_nothing_was_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    Cluster(monkeypatch, survives=True, failing=0)
    with pytest.raises(
        RunFailed, match=r"static: no task failed, so nothing was tested; its log: evidence/driver\.log"
    ):
        strike("static")


def test_a_job_that_fails_before_the_strike_is_not_submitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(*_: Any, **__: Any) -> Any:
        raise RunFailed("no room")

    monkeypatch.setattr(trial, "submit", submit)
    with pytest.raises(RunFailed, match="no room"):
        strike("static")


def test_last_ends_count_from_the_first_launch() -> None:
    tasks = [_task("a", 10.0, 12.0), _task("b", 10.5, 30.0), _task("a", 12.0, 14.0)]
    assert trial._last_ends(tasks, 10.0) == {"a": 4.0, "b": 20.0}


def _task(host: str, launch: float, finish: float) -> TaskRow:
    texts = {"stage_name": "x", "phase": "segment", "host": host, "executor": "0"}
    numbers = {"stage_id": 0, "stage_attempt": 0, "index": 0, "attempt": 0, "launch_s": launch, "finish_s": finish}
    known = {**texts, **numbers, "run_s": None, "failed": False, "reason": None}
    return TaskRow(**known, **{name: None for name in TaskRow.__dataclass_fields__ if name not in known})


def test_the_modes_are_those_of_the_engine() -> None:
    source = (Path(__file__).parents[3] / "cluster_app/pipeline/scheduling.py").read_text()
    assert f'SETTING = "{trial.SETTING}"' in source
    assert trial.MODES == ("dynamic", "static", "barrier")


def test_a_topology_that_is_not_there() -> None:
    with pytest.raises(UserError, match="--topology = nowhere: there is no such topology"):
        program._cluster("nowhere")
    assert program._cluster("heterogeneous").name == program.CLUSTER
