"""Verdicts follow from value and bound, both ways; the table says what is stale or missing."""

from __future__ import annotations

import pytest
from bench_fakes import HOST, figure

from experiments.bench import table
from experiments.bench.groups import GROUPS
from experiments.bench.targets import TARGETS, Target, verdict
from experiments.bench.types import CALIBRATION, GROUP_SECONDS


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("model_mask_ap", 0.56, "met"),
        ("model_mask_ap", 0.55, "met"),
        ("model_mask_ap", 0.5499, "missed"),
        ("model_convert_seconds", 179.0, "met"),
        ("model_convert_seconds", 180.0, "met"),
        ("model_convert_seconds", 180.1, "missed"),
        ("no_such_target", 1.0, ""),
    ],
)
def test_verdict(name: str, value: float, said: str) -> None:
    assert verdict(figure(name, value)) == said


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (1.3, 1.25, 1.35, "met"),
        (1.3, 1.1, 1.35, "met, within the interval"),
        (1.1, 1.0, 1.3, "missed, within the interval"),
        (1.1, 1.0, 1.15, "missed"),
    ],
)
def test_an_interval_across_the_bound_is_said(value: float, low: float, high: float, said: str) -> None:
    assert verdict(figure("model_openvino_over_torch", value, low=low, high=high)) == said


def test_a_target_says_itself() -> None:
    assert str(Target("model", "at least", 1.2)) == "at least 1.2"
    assert not Target("model", "at most", 0.04).met_by(float("nan"))


def test_every_target_is_of_a_group_that_there_is() -> None:
    assert {target.group for target in TARGETS.values()} <= set(GROUPS)


def test_no_group_takes_longer_than_an_hour() -> None:
    for group in GROUPS.values():
        assert group.steps
        assert group.estimate <= GROUP_SECONDS
        names = [step.name for step in group.steps]
        assert len(set(names)) == len(names)


def test_the_table_has_a_row_for_every_target_measured_or_not() -> None:
    figures = {"model_mask_ap": figure(value=0.6), "video_x": figure("video_x", 3.0)}
    rows = table.rows("model", figures, stale=())
    assert [row[0] for row in rows] == [*(name for name in TARGETS if TARGETS[name].group == "model"), "video_x"]
    said = {row[0]: row[6] for row in rows}
    assert said["model_mask_ap"] == "met"
    assert said["model_convert_seconds"] == "not measured"
    assert said["video_x"] == ""
    assert table.summary("model", rows) == "bench: model, 2 figures; of 9 targets 1 met, 8 not measured"


def test_a_stale_figure_is_shown_as_stale_and_does_not_count_as_met() -> None:
    rows = table.rows("model", {"model_mask_ap": figure(value=0.6)}, stale={"model_mask_ap"})
    (row,) = [row for row in rows if row[0] == "model_mask_ap"]
    assert row[6] == "stale (c0ffee0000), was met"
    assert "1 stale" in table.summary("model", rows)
    assert "1 met" not in table.summary("model", rows)


def test_figures_of_other_groups_are_not_shown_but_for_the_host_calibration() -> None:
    figures = {name: figure(name, group="yarn") for name in ("x", CALIBRATION)}
    shown = [row[0] for row in table.rows("model", figures, stale=())]
    assert "x" not in shown
    assert CALIBRATION in shown


def test_figures_of_several_kinds_of_host_are_told_apart() -> None:
    other = {**HOST, "flags": ["avx2", "avx512f"]}
    figures = {name: figure(name) for name in ("model_a", "model_b")}
    assert table.hosts("model", figures) == []
    figures |= {"model_c": figure("model_c", host=other), "runner_x": figure("runner_x", group="runner", host=other)}
    assert table.hosts("model", figures) == [
        "on fake, 2 cores, avx2: model_a, model_b",
        "on fake, 2 cores, avx2 avx512f: model_c",
    ]
