"""Figures hold the numbers they were given, with captions that say what they are; the same bytes each time."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib
import pytest
from figures_material import (
    ABOUT,
    LOADS,
    NOISE,
    PARTS_MADE,
    SAMPLES,
    TASKS,
    WORKERS,
    curve,
    drawn,
    every_figure,
    observations,
    summary,
    trial,
    trials,
    where_figure,
)
from matplotlib import colors
from matplotlib.container import BarContainer, ErrorbarContainer

from experiments.analysis.decomposition import PARTS, Decomposition
from experiments.analysis.scaling import Fit, NoFit
from experiments.analysis.statistics import NoEstimate
from experiments.analysis.trials import observations as figures_of
from experiments.bench.statistics import Estimate
from experiments.figures import comparisons, curves, loads, style, tables
from experiments.figures import drawn as drawing
from experiments.figures import trials as single
from experiments.figures.drawn import About, Drawn
from experiments.figures.tables import Bar, Curve
from experiments.figures.trials import NodeWork

FIGURES = {one.name: one for one in every_figure()}


def errorbars(one: Drawn, panel: int = 0) -> list[ErrorbarContainer]:
    return [item for item in one.figure.axes[panel].containers if isinstance(item, ErrorbarContainer)]


def bars(one: Drawn, panel: int = 0) -> list[BarContainer]:
    return [item for item in one.figure.axes[panel].containers if isinstance(item, BarContainer)]


def column(one: Drawn, name: str) -> list[object]:
    return [row[one.columns.index(name)] for row in one.rows]


@pytest.mark.parametrize("one", FIGURES.values(), ids=FIGURES)
def test_every_figure_says_what_it_is(one: Drawn) -> None:
    assert "n = " in one.caption
    assert "2 cores of a made processor" in one.caption
    assert "a paper core is 0.25 of a host core" in one.caption
    assert one.rows
    assert all(len(row) == len(one.columns) for row in one.rows)
    assert len(set(one.columns)) == len(one.columns)
    for axes in one.figure.axes:
        assert axes.get_ylabel() or axes.get_yticklabels()
    assert one.figure.axes[0].get_title(loc="left") == one.title
    assert len(drawing.svg(one)) < 200_000


def test_names_are_those_of_files_and_apart() -> None:
    assert len(FIGURES) == 14
    assert all(name.replace("-", "").isalnum() for name in FIGURES)


def test_time_per_image_holds_every_trial_and_rings_the_outlier() -> None:
    one = FIGURES["time-per-image"]
    (medians,) = errorbars(one)
    line = medians.lines[0]
    assert list(line.get_xdata()) == list(WORKERS)
    assert list(line.get_ydata()) == pytest.approx(column(one, "seconds per image, median"))
    dots = [item for item in one.figure.axes[0].lines if item.get_marker() == "."]
    assert sorted(value for item in dots for value in item.get_ydata()) == pytest.approx(
        sorted(one.evidence["per_image"]["stage_3"] for one in trials(2.0))
    )
    rings = [item for item in one.figure.axes[0].lines if item.get_markerfacecolor() == "none"]
    assert [list(item.get_ydata()) for item in rings] == [[2.0]]
    assert "1 outlier ringed, none left out" in one.caption
    assert column(one, "outliers") == ["2", "", "", ""]
    assert column(one, "n") == [6, 5, 5, 5]
    assert "fused: Amdahl, serial" in one.caption


def test_a_curve_without_a_fit_says_why_and_draws_none() -> None:
    points = curve().points[:2]
    one = drawn(curves.curves(curves.TIME, [Curve("fused", 1, points, NoFit("too few"))], ABOUT))
    assert "fused: no fit: too few" in one.caption
    labels = [text.get_text() for text in one.figure.axes[0].get_legend().get_texts()]
    assert labels == ["fused"]


def test_a_fit_that_differs_by_the_processors_arithmetic_alone_is_drawn_the_same() -> None:
    made = curve()
    assert isinstance(made.fit, Fit)
    seconds = {block: replace(one, value=one.value * (1 + 1e-11)) for block, one in made.fit.one_worker.items()}
    other = replace(made, fit=replace(made.fit, one_worker=seconds))
    assert other.fit != made.fit
    one, same = (drawing.svg(drawn(curves.curves(curves.TIME, [each], ABOUT))) for each in (made, other))
    assert one == same


def test_time_per_worker_is_time_over_workers() -> None:
    medians = column(FIGURES["time-per-worker"], "seconds per image and worker, median")
    whole = [point.summary.value / point.x for point in curve().points]
    assert medians == pytest.approx(whole)


def test_speed_up_and_efficiency() -> None:
    one = FIGURES["speed-up"]
    expected = [1 / (0.1 + 0.9 / workers) for workers in WORKERS[1:]]
    left, right = (errorbars(one, panel)[0].lines[0] for panel in (0, 1))
    assert list(left.get_ydata()) == pytest.approx(expected)
    assert list(right.get_ydata()) == pytest.approx([value / n for value, n in zip(expected, WORKERS[1:], strict=True)])
    assert column(one, "serial fraction (Karp-Flatt)") == pytest.approx([0.1] * 3)
    ideal = one.figure.axes[0].lines[0]
    assert list(ideal.get_xdata()) == list(ideal.get_ydata()) == [1, 6]


def test_speed_up_needs_one_worker() -> None:
    assert isinstance(tables.speed_ups([(2.0, observations(2)), (4.0, observations(4))]), NoEstimate)
    assert isinstance(tables.speed_ups([(1.0, observations(1)), (2.0, [])]), NoEstimate)


def test_the_stacked_areas_add_up_to_a_hundred() -> None:
    one = FIGURES["fig-17"]
    assert column(one, "images") == [64, 576, 576]
    top = one.figure.axes[0].collections[-1].get_paths()[0].vertices
    assert top[:, 1].max() == pytest.approx(100)
    lowest = one.figure.axes[0].collections[0].get_paths()[0].vertices
    assert max(lowest[:, 1]) == pytest.approx(100 * 2 / (2 + 64 + 40))


def test_beside_it_each_quantity_has_its_scale() -> None:
    one = FIGURES["fig-17-readable"]
    heights = [[bar.get_height() for bar in bars(one, panel)[0]] for panel in range(3)]
    assert heights == [
        [load.workers for load in LOADS],
        [load.images for load in LOADS],
        [load.seconds for load in LOADS],
    ]


def test_the_parts_of_the_time_add_up() -> None:
    one = FIGURES["where-time-goes"]
    ends = [bar.get_x() + bar.get_width() for bar in bars(one)[-1]]
    assert ends == pytest.approx(column(one, "total (s per image)"))
    assert len(bars(one)) == len(PARTS)


def test_a_part_without_evidence_is_empty_in_the_table() -> None:
    parts = Decomposition({**PARTS_MADE, "throttled": 0.0, "failed attempts": 0.0}, 48, 2, ("throttled",))
    one = drawn(single.where_time_goes([single.Split("a", parts, 1)], ABOUT))
    assert column(one, "throttled (s per image)") == [None]
    assert column(one, "failed attempts (s per image)") == [0.0]
    assert "a: not measured, or not wholly: throttled" in one.caption


def test_tasks_lie_where_they_ran() -> None:
    one = FIGURES["tasks"]
    drawn_at = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for group in bars(one) for bar in group)
    assert drawn_at == sorted((task.launch_s, task.finish_s) for task in TASKS)
    assert [text.get_text() for text in one.figure.axes[0].get_yticklabels()] == [
        "worker-1",
        "worker-2",
        "worker-3",
        "elsewhere",
    ]
    by_task = dict(zip(column(one, "task"), column(one, "slot"), strict=True))
    assert (by_task[0], by_task[1], by_task[2]) == (0, 1, 0)
    thick = [bar for group in bars(one) for bar in group if bar.get_linewidth() > 1]
    assert sorted(bar.get_x() + bar.get_width() for bar in thick) == [12.0]
    assert "6 tasks, 1 failed" in one.caption


def test_work_by_node_and_where_it_should_be() -> None:
    one = FIGURES["share-of-work"]
    assert [bar.get_width() for bar in bars(one)[0]] == [30, 18]
    assert list(one.figure.axes[0].lines[0].get_xdata()) == [32.0]
    assert column(one, "expected") == [32.0, None]
    assert drawing.csv_text(one).splitlines() == ["node,images,expected,n", "worker-1,30,32.0,5", "old-worker,18,,5"]


def test_a_comparison_says_its_ratio_and_the_noise() -> None:
    pair = [Bar("a", summary(2.0, 2.2), (2.0, 2.2)), Bar("b", summary(1.0), (1.0,))]
    one = drawn(comparisons.comparison(comparisons.YARN, pair, ABOUT, ("a over b", Estimate(2.1, 2.0, 2.2, 2))))
    assert "a over b: 2.1 (2 to 2.2) by 2 paired trials; no A/A of this figure" in one.caption
    assert [item.lines[0].get_xdata()[0] for item in errorbars(one)] == [2.1, 1.0]
    assert column(one, "seconds per image, low")[1] is None


def test_precisions_without_an_accuracy_are_named() -> None:
    one = FIGURES["precisions"]
    assert "without an accuracy, and not drawn: BF16" in one.caption
    assert len(errorbars(one)) == 2
    assert column(one, "mask AP") == [0.60, 0.59, None]


def test_memory_and_throttling() -> None:
    memory, throttling = FIGURES["memory"], FIGURES["throttling"]
    drawn_lines = [item for item in memory.figure.axes[0].lines if len(item.get_xdata()) == 6]
    assert [list(item.get_ydata()) for item in drawn_lines] == [[500.0 + 20 * t for t in range(6)]] * 2
    assert column(memory, "limit (MB)")[0] == 3072.0
    assert next(row for row in throttling.rows if row[0] == "worker-1") == ("worker-1", 1.0, 0.5)
    assert {row[2] for row in throttling.rows if row[0] == "worker-2"} == {0.0}


def test_points_are_of_one_block_and_sorted() -> None:
    both = [trial(4, 1, 0.2), trial(1, 1, 0.5), trial(1, 2, 0.6, block=2)]
    found = tables.points(both, "per_image.stage_3", "executors", 1)
    assert [(one.x, one.values) for one in found] == [(1.0, (0.5,)), (4.0, (0.2,))]
    assert found[0].summary.low is None
    assert tables.points(both, "per_image.wall", "executors", 1) == ()
    assert [bar.values for bar in tables.bars([("one", observations(1)), ("none", [])], 1)] == [
        tuple(0.5 * noise for noise in NOISE)
    ]


NOTHING = [
    lambda: curves.curves(curves.TIME, [], ABOUT),
    lambda: curves.curves(curves.TIME, [Curve("a", 1, ())], ABOUT),
    lambda: curves.scaling_figure([("a", ())], ABOUT),
    lambda: loads.loads_stacked(LOADS[:1], ABOUT),
    lambda: loads.loads_readable([], ABOUT),
    lambda: comparisons.comparison(comparisons.YARN, [], ABOUT),
    lambda: comparisons.precisions([], ABOUT),
    lambda: single.where_time_goes([], ABOUT),
    lambda: single.tasks_over_time("t", (), ["worker-1"], ABOUT),
    lambda: single.share_of_work("a", [], ABOUT),
    lambda: single.memory_over_time("t", (), {}, ABOUT),
    lambda: single.throttling_over_time("t", SAMPLES[:1], ABOUT),
]


@pytest.mark.parametrize("number", range(len(NOTHING)))
def test_nothing_measured_gives_a_reason_and_no_figure(number: int) -> None:
    found = NOTHING[number]()
    assert isinstance(found, NoEstimate)
    assert ": " in found.reason


def test_a_caption_counts_repeats() -> None:
    assert "n = 5 trials each; medians with 95 % bootstrap intervals; host" in drawing.caption(
        "w", About("host", 1), [5, 5]
    )
    alone = drawing.caption("what", About("host", None), [1, 3], "", "remark")
    assert alone == (
        "what; n = 1 to 3 trials each; medians with 95 % bootstrap intervals, too narrow where n < 5; no "
        "interval where n = 1; host; no CPU scale; remark."
    )
    assert "interval" not in drawing.caption("what", About("host", 1), [1]).replace("no interval", "")


def test_files_are_the_same_bytes_each_time_and_in_each_process(tmp_path: Path) -> None:
    one = FIGURES["where-time-goes"]
    assert drawing.svg(one) == drawing.svg(one)
    assert drawing.png(one) == drawing.png(one)
    assert drawing.svg(where_figure()) == drawing.svg(one)
    drawing.save(one, tmp_path / "here")
    program = (
        "import sys; from pathlib import Path; from figures_material import where_figure; "
        "from experiments.figures import drawn; drawn.save(where_figure(), Path(sys.argv[1]))"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": f"{root}:{Path(__file__).parent}"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "there")], check=True, env=environment)
    for name in ("where-time-goes.svg", "where-time-goes.png"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["where-time-goes.png", "where-time-goes.svg"]


def test_the_svg_is_text_with_title_and_caption_and_without_a_date() -> None:
    text = drawing.svg(FIGURES["time-per-image"]).decode()
    assert "seconds per image</text>" in text
    assert "<dc:title>Time per image against workers (Fig. 15)</dc:title>" in text
    assert "<dc:date>" not in text
    assert "http" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_the_table_can_be_read_back() -> None:
    for one in FIGURES.values():
        rows = list(csv.reader(io.StringIO(drawing.csv_text(one))))
        assert tuple(rows[0]) == one.columns
        assert len(rows) == len(one.rows) + 1


def lightness(number: int) -> float:
    red, green, blue = colors.to_rgb(style.look(number).colour)
    return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2


def test_neighbours_differ_in_grey() -> None:
    for number in range(7):
        assert abs(lightness(number) - lightness(number + 1)) > 0.1, number


def test_no_two_series_look_alike() -> None:
    assert len({(style.look(n).colour, style.look(n).marker) for n in range(16)}) == 16
    assert len({(style.look(n).colour, style.look(n).hatch) for n in range(16)}) == 16


def test_each_part_of_the_time_has_its_own_colour_and_those_of_one_hatch_another_lightness() -> None:
    assert len({style.look(number).colour for number in range(len(PARTS))}) == len(PARTS)
    for one, other in combinations(range(len(PARTS)), 2):
        if style.look(one).hatch == style.look(other).hatch:
            assert abs(lightness(one) - lightness(other)) > 0.1, (one, other)


def test_settings_of_the_users_are_left_aside_and_come_back() -> None:
    with matplotlib.rc_context({"svg.fonttype": "path", "lines.linewidth": 9.0}):
        one = drawn(single.share_of_work("a", [NodeWork("n", 3, None, 5)], ABOUT))
        assert b"</text>" in drawing.svg(one)
        assert matplotlib.rcParams["lines.linewidth"] == 9.0


def test_a_time_that_is_no_number_is_no_point() -> None:
    assert tables.points([trial(1, 1, float("nan"))], "per_image.stage_3", "executors", 1) == ()


def test_outliers_are_ringed_also_beside_each_other() -> None:
    calm, far = (
        [trial(1, number, last if number == 5 else 1 + number / 100) for number in range(1, 6)] for last in (1.03, 9.0)
    )
    cells = [(name, figures_of(made, "per_image.stage_3")) for name, made in (("calm", calm), ("far", far))]
    bars = tables.bars(cells, 1)
    assert [bar.outliers for bar in bars] == [(), (9.0,)]
    one = drawn(comparisons.comparison(comparisons.YARN, bars, ABOUT))
    assert "1 outlier ringed, none left out" in one.caption
    assert [row[5] for row in one.rows] == ["", "9"]
