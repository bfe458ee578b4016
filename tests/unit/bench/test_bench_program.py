"""`python -m experiments.bench`: groups by name, and the words for those that are not there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from bench_fakes import NOW, counting, figure

from experiments.bench import __main__ as program
from experiments.bench import groups as registry
from experiments.bench.groups import LATER
from experiments.bench.types import Bench, Group, Record, Step
from experiments.cli.app import guarded
from experiments.errors import RunFailed


def bench(*words: str) -> int:
    return guarded(lambda: program.app(list(words), standalone_mode=False))


@pytest.mark.parametrize("name", LATER)
def test_a_group_that_is_not_built_yet_is_refused_by_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(name) == 2
    assert (
        capsys.readouterr().err
        == f"clusterbed: GROUP={name}: not built yet; there are: model, engines, ablation, runner, all\n"
    )


def test_an_unknown_group_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("modle") == 2
    said = capsys.readouterr().err
    assert said == (
        "clusterbed: GROUP=modle: no such group; there are: model, engines, ablation, runner, all; "
        "to come: yarn, faults, beyond\n"
    )


def test_show_prints_the_stored_figures_and_says_which_are_stale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older = figure("model_convert_seconds", 90.0, commit="0" * 40, code="older")
    stored = {one.name: one for one in (figure(value=0.6), older)}
    monkeypatch.setattr(program.store, "read_latest", lambda: stored)
    monkeypatch.setattr(registry, "provenance", lambda **_: NOW)
    assert bench("model", "--show") == 0
    out = capsys.readouterr().out
    assert "stale (0000000000), was met" in out
    assert out.splitlines()[-1] == "bench: model, 2 figures; of 9 targets 1 met, 1 stale, 7 not measured"


def test_what_failed_is_said_after_the_figures_of_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(_: Bench) -> Sequence[Record]:
        raise RunFailed("the container ended with status 1")

    group = Group("model", (counting("a", []), Step("b", 10, failing, lambda _: [])))
    monkeypatch.setattr(program, "chosen", lambda *_: [group])
    monkeypatch.setattr(registry, "provenance", lambda **_: NOW)
    assert bench("model", "--quick") == 1
    said = capsys.readouterr()
    assert any(line.split()[:3] == ["a", "3", "s"] for line in said.out.splitlines())
    assert said.err.splitlines()[-1] == "clusterbed: model 2/2 b: failed: the container ended with status 1"
    assert "none was stored" in said.err


def test_some_steps_of_a_group_come_with_its_calibration(capsys: pytest.CaptureFixture[str]) -> None:
    (group,) = registry.chosen("engines", ["memory", "scaling"])
    assert [step.name for step in group.steps] == ["calibration", "scaling", "memory"]
    (whole,) = registry.chosen("engines")
    assert len(whole.steps) > 3
    assert bench("engines", "--step", "memry") == 2
    said = capsys.readouterr().err
    assert "STEPS=memry: GROUP=engines has no such step; it has: calibration, engines" in said
