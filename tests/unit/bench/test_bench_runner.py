"""A group's run: resumable, one failure does not cost the rest, notes say what a reader must know."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from bench_fakes import NOISY, NOW, bench, counting, gate

from experiments.bench import runner, store
from experiments.bench.types import Bench, Figure, Group, Lost, Measured, Record, Step
from experiments.errors import RunFailed, UserError


def run(group: Group, tmp_path: Path, *, fresh: bool = False, **more: object) -> Sequence[Figure]:
    outcome = run_all(group, tmp_path, fresh=fresh, **more)
    assert outcome.failures == []
    return outcome.figures


def run_all(group: Group, tmp_path: Path, *, fresh: bool = False, **more: object) -> runner.Outcome:
    more = {"gate": gate()} | more
    return runner.run(group, NOW, bench(tmp_path), fresh=fresh, folder=tmp_path, **more)  # type: ignore[arg-type]


def test_figures_carry_where_they_come_from(tmp_path: Path) -> None:
    (found,) = run(Group("model", (counting("a", []),)), tmp_path)
    assert (found.name, found.value, found.n, found.group) == ("a", 3.0, 3, "model")
    assert (found.commit, found.code, found.host) == (NOW.commit, NOW.code, NOW.host)
    lines = [json.loads(line) for line in Path(found.records).read_text().splitlines()]
    assert [line["seconds"] for line in lines[1:-1]] == [1.0, 2.0, 3.0]
    assert lines[0]["load"]["loadavg"] == [0.1, 0.2, 0.3]
    assert store.read_latest(tmp_path)["a"].value == 3.0


def test_what_is_complete_is_not_measured_again_unless_asked(tmp_path: Path) -> None:
    calls: list[str] = []
    group = Group("model", (counting("a", calls), counting("b", calls)))
    first = run(group, tmp_path)
    assert run(group, tmp_path) == first
    assert calls == ["a", "b"]
    run(group, tmp_path, fresh=True)
    assert calls == ["a", "b", "a", "b"]


def test_a_torn_raw_file_is_measured_again_and_the_others_are_kept(tmp_path: Path) -> None:
    calls: list[str] = []
    group = Group("model", (counting("a", calls), counting("b", calls)))
    run(group, tmp_path)
    (torn,) = tmp_path.glob("raw/*/b.jsonl")
    torn.write_text(torn.read_text()[:-30])
    assert [one.value for one in run(group, tmp_path)] == [3.0, 3.0]
    assert calls == ["a", "b", "b"]


def test_after_an_interrupt_the_run_goes_on_where_it_was(tmp_path: Path) -> None:
    calls: list[str] = []

    def interrupted(_: Bench) -> Sequence[Record]:
        raise KeyboardInterrupt

    whole = counting("b", calls)
    torn = Step("b", 10, interrupted, whole.figures)
    with pytest.raises(KeyboardInterrupt):
        run(Group("model", (counting("a", calls), torn)), tmp_path)
    assert len(run(Group("model", (counting("a", calls), whole)), tmp_path)) == 2
    assert calls == ["a", "b"]


def test_a_step_that_fails_does_not_cost_the_others(tmp_path: Path) -> None:
    def failing(_: Bench) -> Sequence[Record]:
        raise RunFailed("the container ended with status 1")

    steps = (Step("a", 10, failing, lambda _: []), counting("b", []))
    outcome = run_all(Group("model", steps), tmp_path)
    assert outcome.failures == ["model 1/2 a: failed: the container ended with status 1"]
    assert [one.name for one in outcome.figures] == ["b"]
    assert list(store.read_latest(tmp_path)) == ["b"]


def test_a_figure_that_is_lost_does_not_cost_the_others_of_its_step(tmp_path: Path) -> None:
    def figures(_: Sequence[Record]) -> Sequence[Measured | Lost]:
        return [Measured("kept", 1.0, "s", 1), Lost("lost", "there is no ratio")]

    outcome = run_all(Group("model", (Step("a", 10, lambda _: [{"seconds": 1.0}], figures),)), tmp_path)
    assert outcome.failures == ["model 1/1 a: lost: there is no ratio"]
    assert list(store.read_latest(tmp_path)) == ["kept"]


def test_a_step_without_records_is_no_measurement(tmp_path: Path) -> None:
    outcome = run_all(Group("model", (Step("a", 10, lambda _: [], lambda _: []),)), tmp_path)
    assert outcome.failures == ["model 1/1 a: failed: it left no record"]
    assert not list(tmp_path.glob("raw/*/a.jsonl"))


def test_a_damaged_latest_json_is_found_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "latest.json").write_text("{")
    calls: list[str] = []
    with pytest.raises(UserError, match=r"latest\.json"):
        run(Group("model", (counting("a", calls),)), tmp_path)
    assert calls == []


def test_absolute_figures_stand_beside_the_calibration(tmp_path: Path) -> None:
    steps = (counting(runner.CALIBRATION, [], absolute=True), counting("a", [], absolute=True), counting("b", []))
    notes = {one.name: one.note for one in run(Group("model", steps), tmp_path)}
    assert notes == {runner.CALIBRATION: "absolute", "a": "absolute; host_calibration_seconds 3.000", "b": ""}
    (alone,) = run(Group("other", (counting("a", [], absolute=True),)), tmp_path)
    assert alone.note == "absolute; host_calibration_seconds not measured"


def test_a_host_that_was_not_quiet_is_said_in_the_note(tmp_path: Path) -> None:
    (found,) = run(Group("model", (counting("a", []),)), tmp_path, gate=gate(NOISY))
    assert found.note == "the host was not quiet: 60% busy"


def test_steps_that_take_no_times_do_not_wait(tmp_path: Path) -> None:
    def never(_: object) -> object:
        raise AssertionError("waited")

    step = counting("a", [])
    untimed = Step("a", 10, step.measure, step.figures, timed=False)
    assert [one.note for one in run(Group("model", (untimed,)), tmp_path, gate=never)] == [""]
