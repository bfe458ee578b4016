"""The report's parts on made trials: families, which figures a comparison has, causes, deviations."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from parts_material import compared, trials

from experiments.analysis.decomposition import PARTS, Decomposition
from experiments.analysis.trials import Trial
from experiments.claims.types import Fact
from experiments.errors import UserError
from experiments.figures.drawn import Drawn
from experiments.run_report import advising, answer, causes, cells, deviations, scaling
from experiments.run_report.cells import Comparison
from experiments.run_report.drawings import Setting, Shown, drawings
from experiments.run_report.made import seconds_per_image
from experiments.run_report.reading import RunFolder
from experiments.run_report.sources import Lines
from experiments.run_report.study import Study


def shown(comparison: Comparison, facts: dict[str, Fact] | None = None) -> dict[str, Shown]:
    setting = Setting(comparison, "made", "2 made cores", scaling.scaled(comparison), (), None, facts or {})
    return {one.name: one for one in drawings(setting)}


def rows(one: Shown) -> list[tuple[Any, ...]]:
    assert isinstance(one.drawn, Drawn), one.drawn
    return list(one.drawn.rows)


# Cells and families


def test_a_family_differs_in_workers_alone() -> None:
    comparison = compared(
        trials("1", 0.5, 1),
        trials("3", 0.2, 3),
        trials("6", 0.125, 6),
        trials("side", 0.1, 6, image_side=160),
        trials("big-1", 2.0, 1, images=6, model="r50"),
        trials("big-6", 0.5, 6, images=6, model="r50"),
    )
    first, second = cells.families(comparison)
    assert dict(first.cells) == {1: "1", 3: "3", 6: "6"}
    assert dict(second.cells) == {1: "big-1", 6: "big-6"}
    assert (first.name, second.name) == ("images 48", "images 6, model r50")


def test_a_weak_family_has_as_many_images_for_each_worker() -> None:
    comparison = compared(
        trials("1", 0.5, 1, images=24),
        trials("2", 0.3, 2, images=48),
        trials("3", 0.2, 3, images=72),
        trials("other", 0.2, 3, images=24),
    )
    (found,) = cells.weak_families(comparison)
    assert dict(found.cells) == {1: "1", 2: "2", 3: "3"}


def test_figures_show_the_block_with_most_trials() -> None:
    comparison = compared(trials("a", 0.5, 1, block=2), trials("a", 0.5, 1, block=1)[:2], trials("b", 0.4, 1, block=2))
    assert comparison.block == 2
    assert {one.block for own in comparison.here.values() for one in own} == {2}


def test_amdahls_fraction_is_found() -> None:
    comparison = compared(*[trials(f"{n}", seconds_per_image(n, 0.1), n) for n in (1, 2, 3, 6)])
    (one,) = scaling.scaled(comparison)
    said = " ".join(scaling.said(one, None))
    assert said.startswith("Yes, with losses: 6 workers do the stage of an image 4 (")
    assert "an efficiency of 67 %" in said
    assert "Amdahl: serial 1" in scaling.law_text(one)
    # A second before the stage, which takes half a second on one worker and 0.1 + 0.9 / 6 of it on each of 6.
    assert scaling.paid_text(one, None).startswith("An image costs more: 4.5 (")


def test_each_engine_has_its_sentence_and_the_one_with_most_workers_answers_first() -> None:
    comparison = compared(
        *[trials(f"fused-{n}", seconds_per_image(n, 0.1), n, engine="fused") for n in (1, 2, 3, 6)],
        *[trials(f"bigdl-{n}", 2 * seconds_per_image(n, 0.5), n, engine="bigdl") for n in (1, 6)],
    )
    setting = Setting(comparison, "made", "2 made cores", scaling.scaled(comparison), (), None, {})
    run = RunFolder("made", Path(), "made", "made", "", 5, (), {}, {}, ())
    jobs = advising.jobs_of(next(one for one in setting.scaled if one.engine == "fused"))
    told, stops, _ = answer.answers([Study(run, setting, (), (), None, jobs, ())])
    assert "(engine fused" in told.said[0]
    assert re.search(r"1\.71 .*\(engine bigdl", told.said[-1])
    # Of one number of images nobody knows what a job takes once.
    assert not [text for text in (*told.said, *stops.said) if "once" in text]
    assert {"1-1-fused-6", "1-1-bigdl-6"} <= set(told.trials)


@pytest.mark.parametrize("serial", [0.0, -0.02])
def test_where_nothing_holds_workers_up_no_limit_is_made_up(serial: float) -> None:
    comparison = compared(*[trials(f"{n}", seconds_per_image(n, serial), n) for n in (1, 2, 3, 6)])
    (one,) = scaling.scaled(comparison)
    said = scaling.law_text(one)
    assert "no limit in sight below" in said
    assert "more workers are not slower" in said
    assert not re.search(r"\de[+-]\d", said)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ((0.5, 0.5), "No: "),
        ((0.5, 0.7), "No: "),
        ((0.6, 0.2), "Yes, in proportion"),
        ((0.7, 0.2), "Yes, and more than in proportion"),
    ],
)
def test_the_short_answer(seconds: tuple[float, float], said: str) -> None:
    (one,) = scaling.scaled(compared(trials("1", seconds[0], 1), trials("3", seconds[1], 3)))
    assert scaling.said(one, None)[0].startswith(said)


# Which figures a comparison has


def test_yarn_stands_beside_standalone_and_three_nodes_beside_two() -> None:
    found = shown(
        compared(
            trials("yarn-3", 0.4, 3, topology="yarn"),
            trials("yarn-2", 0.5, 2, topology="yarn"),
            trials("standalone-3", 0.3, 3, topology="standalone"),
        )
    )
    assert [row[0] for row in rows(found["made-yarn-standalone"])] == ["yarn-3", "standalone-3"]
    assert [row[0] for row in rows(found["made-nodes"])] == ["yarn-3", "yarn-2"]
    drawn = found["made-yarn-standalone"].drawn
    assert isinstance(drawn, Drawn)
    assert "yarn-3 over standalone-3: 1.33 (" in drawn.caption


def test_cells_that_differ_in_more_are_not_set_beside_each_other() -> None:
    found = shown(
        compared(
            trials("yarn-3", 0.4, 3, topology="yarn", images=48),
            trials("yarn-2", 0.5, 2, topology="yarn", images=24),
            trials("standalone-3", 0.3, 3, topology="standalone", images=24),
        )
    )
    assert not {"made-yarn-standalone", "made-nodes"} & found.keys()


def test_cells_come_as_they_were_planned_and_loads_by_images_then_workers() -> None:
    made = [
        *trials("six", 0.1, 6),
        *trials("one", 0.5, 1),
        *trials("three", 0.2, 3),
        *trials("few", 0.5, 1, images=6),
    ]
    (found,) = cells.comparisons(made, [("made", "few"), ("made", "one"), ("made", "three")])
    assert list(found.cells) == ["few", "one", "three", "six"]
    assert [row[0] for row in rows(shown(found)["made-fig-17-readable"])] == ["few", "one", "three", "six"]


def test_partitions_are_a_curve_for_each_way_of_making_them() -> None:
    found = shown(
        compared(
            trials("12-as-read", 0.4, 3, engine="bigdl", read_partitions=12),
            trials("48-as-read", 0.5, 3, engine="bigdl", read_partitions=48),
            trials("48-shuffled", 0.7, 3, engine="bigdl", read_partitions=12, repartition=48),
        )
    )
    assert [(row[0], row[1]) for row in rows(found["made-partitions"])] == [
        ("as read", 12),
        ("as read", 48),
        ("repartitioned", 48),
    ]


def test_precisions_stand_against_the_accuracy_that_was_measured() -> None:
    facts = {
        "model_mask_ap": Fact(0.58, "bench", 0.56, 0.60, 300),
        "model_int8_ap_fraction": Fact(0.99, "bench", 0.98, 1.0, 300),
    }
    comparison = compared(
        *[
            trials(weights, seconds, 2, model="small", precision="f32", weights=weights)
            for weights, seconds in (("FP32", 0.4), ("FP16", 0.4), ("INT8", 0.2))
        ]
    )
    found = {row[0]: row for row in rows(shown(comparison, facts)["made-precisions"])}
    assert found["FP32, f32"][5] == 0.58
    assert found["INT8, f32"][5] == pytest.approx(0.58 * 0.99)
    assert found["FP16, f32"][5] is None


def video(cell: str, rounds: int = 5) -> list[Trial]:
    """Two libraries, of which one takes half of the other's time."""
    return [
        Trial(
            name=f"{number}-{cell}",
            preset="table-1",
            comparison="table-1",
            cell=cell,
            block=1,
            round=number,
            core=None,
            settings={"model": "r50"},
            evidence={"per_frame": {"torch": {"total": 2.0 + number / 50}, "onnx": {"total": 1.0 + number / 100}}},
        )
        for number in range(1, rounds + 1)
    ]


def test_a_video_has_a_bar_for_each_library() -> None:
    found = shown(compared(video("exp-1")))
    assert list(found) == ["made-frames"]
    assert [(row[0], row[4]) for row in rows(found["made-frames"])] == [("exp-1, onnx", 5), ("exp-1, torch", 5)]


def test_the_fastest_library_is_named_once_for_the_cells_that_agree() -> None:
    found = advising.best_cell(compared(video("exp-1"), video("exp-2")), None)
    assert found is not None
    assert found.said.startswith(
        "table-1: onnx is the fastest per frame in exp-1 and exp-2; in exp-1 torch takes 2 times as long (2 to 2)."
    )
    assert found.gain == pytest.approx(2)
    assert advising.best_cell(compared(video("exp-1", rounds=4)), None) is None, "four pairs decide nothing"


def test_more_cells_than_can_be_read_are_said_to_be_left_to_the_table() -> None:
    found = shown(compared(*[trials(f"cell-{number}", 0.4, 2, read_partitions=number) for number in range(30)]))
    drawn = found["made-cells"].drawn
    assert isinstance(drawn, Drawn)
    assert len(drawn.rows) == 16
    assert "the first 16 of 30 cells are drawn, all are in the table of cells" in drawn.caption


def test_without_tasks_nobody_knows_where_the_time_goes() -> None:
    found = shown(compared(trials("a", 0.4, 2)))
    assert not isinstance(found["made-where-time-goes"].drawn, Drawn)
    assert list(found) == ["made-where-time-goes"]


# Deviations


def test_deviations_say_what_the_records_say(tmp_path: Path) -> None:
    made = trials("a", 0.5, 1, timing="paper", model="small", weights="INT8")
    made[0].evidence["result"]["versions"] = {"spark": "3.1.3"}  # type: ignore[index]
    found = {one.what: one.ours for one in deviations.deviations(made, ["2 made cores"])}
    assert found["Spark"] == "3.1.3"
    assert found["OpenVINO"] == deviations.UNKNOWN
    assert "2 made cores" in found["Processors"]
    assert "a paper core is worth 0.5 of a host core" in found["Processors"]
    assert found["Model"] == "small INT8"
    assert "timers: paper" in found["Materialising"]
    assert found["Images of a job, and sizes of nodes"].startswith("48 images a job")
    assert found["BigDL's settings"] == deviations.UNKNOWN
    job = {"engine": "bigdl", "batch_size": 4, "threads_per_task": 1, "pin_threads": False}
    told = [replace(one, evidence={**one.evidence, "job": job}) for one in made]
    settings = {one.what: one.ours for one in deviations.deviations(told, [])}["BigDL's settings"]
    assert settings == "batch 4, threads 1, not pinned"
    assert found["Video of Table 1"] == deviations.UNKNOWN
    assert found["Engine"] == deviations.UNKNOWN
    path = tmp_path / "deviations.toml"
    path.write_text('schema = 1\n[[deviations]]\nwhat = "a"\npaper = "b"\nours = "{nothing}"\nwhy = "c"\n')
    with pytest.raises(UserError, match=r"nothing.* is not known; there are: versions\.spark, hosts"):
        deviations.deviations(made, [], path)


# Where numbers come from


def test_records_are_named_by_file_and_line() -> None:
    lines = Lines({"a/1": ("a", 2), "a/2": ("a", 3), "b/1": ("b", 7)})
    beside = ["synchrony/trials.jsonl, line 9", "synchrony/trials.jsonl, line 2", "a trial without a place"]
    assert lines.text(["a/2", "a/1", "b/1", *beside, "a/1"]) == (
        "a/records.jsonl, lines 2-3; b/records.jsonl, line 7; synchrony/trials.jsonl, lines 2, 9; "
        "a trial without a place"
    )


# What stops it


def test_what_each_worker_uses_whatever_it_computes_is_named_first() -> None:
    def using(workers: int, once: float) -> list[Trial]:
        own = {f"worker-{number}": 48 // workers for number in range(workers)}
        seen = {
            "hosts": {name: {"images": images} for name, images in own.items()},
            "used": {name: {"cpu_s": once + 0.25 * images} for name, images in own.items()},
        }
        return [
            replace(one, evidence={**one.evidence, **seen}) for one in trials(f"{workers}", 0.5 / workers**0.5, workers)
        ]

    def stops(once: float) -> list[str]:
        (one,) = scaling.scaled(compared(*[using(workers, once) for workers in (1, 3, 6)]))
        parts = [
            causes.Part(
                f"{workers}",
                (whole := Decomposition({**dict.fromkeys(PARTS, 0.0), "compute": 1.0, "other": 0.5}, 48, workers)),
                (),
                {number: whole for number in range(1, 6)},
            )
            for workers in (1, 6)
        ]
        return causes.stops(one, parts)

    first, each, then, *others = stops(20.0)
    assert first == (
        "Above all what each worker uses whatever it computes, 20 (20 to 20) CPU-seconds, which more workers multiply: "
        "91 % of what 6 workers use, 62 % on 1."
    )
    assert each.startswith("Each image takes 0.25 (0.25 to 0.25) CPU-seconds more")
    assert then == "By what was done, above all compute and the start of Python in tasks."
    assert "compute +5.00 (+5.00 to +5.00) (decoding" in others[0]
    assert stops(1.0)[0] == "Above all compute and the start of Python in tasks."


# What changes from cell to cell


def test_what_changes_is_named_only_where_enough_pairs_tell_the_cells_apart() -> None:
    def split(one: Comparison, rounds: int) -> list[str]:
        parts = Decomposition({**dict.fromkeys(PARTS, 0.0), "compute": 1.0}, 48, 2)
        more = Decomposition({**dict.fromkeys(PARTS, 0.0), "compute": 1.0, "driver": 0.5, "throttled": 0.5}, 48, 2)
        found = [
            causes.Part("a", parts, tuple(f"1-{number}-a" for number in range(1, rounds + 1)), {}),
            causes.Part("b", more, tuple(f"1-{number}-b" for number in range(1, rounds + 1)), {}),
        ]
        return [said.text for said in causes.changes(found, one, None)]

    a, slow, same = trials("a", 1.0, 1), trials("b", 4.0, 2), trials("b", 1.0, 2)
    (text,) = split(compared(a, slow), 5)
    # As the pairs have it, whose trials are its records too; the parts are means of their own.
    assert text.startswith("b takes 2.5 (")
    assert "driver +0.500 s" in text
    assert "throttled" not in text
    assert text.endswith("; quotas stopped nodes for +0.500 s, which are counted with what they stopped.")
    (text,) = split(compared(a, same), 5)
    assert text.endswith("which is not beyond noise.")
    (text,) = split(compared(a[:4], slow[:4]), 4)
    assert text.endswith("4 pairs of trials; 5 are needed.")
    assert split(compared(a, trials("b", 4.0, 1)), 5) == []
    # Half of the images cost more each: that is no change, and nothing is chosen between them.
    assert split(compared(a, trials("b", 4.0, 2, images=24)), 5) == []
