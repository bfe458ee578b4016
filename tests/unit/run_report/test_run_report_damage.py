"""The report of runs that are damaged, half done or empty: what is missing is said, and nothing is made up."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from pathlib import Path

import pytest
from run_material import Page, records, report_of, rewrite, small

from experiments.errors import UserError
from experiments.matrix.preset import run_copy
from experiments.run_report import facts
from experiments.run_report.write import write_report


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(UserError, match="there is no such run"):
        write_report(["no-such-run"])


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"neither records\.jsonl nor folders of runs"):
        write_report([str(tmp_path)])


@pytest.mark.parametrize("name", ["records.jsonl", "plan.json", "environment.json"])
def test_an_unknown_schema_is_refused_by_name(tmp_path: Path, name: str) -> None:
    run = small(tmp_path / "run")
    path = run / name
    path.write_text(re.sub(r'"schema": ?1', '"schema": 99', path.read_text(), count=1))
    with pytest.raises(UserError, match=rf"{name}.*schema = 99; this release knows 1"):
        write_report([str(run)])


@pytest.mark.usefixtures("_no_figures")
@pytest.mark.parametrize("name", ["plan.json", "environment.json", "preset.toml"])
def test_a_missing_file_is_said(tmp_path: Path, name: str) -> None:
    run = small(tmp_path / "run")
    (run / name).unlink()
    assert f"{name} is missing" in report_of(run)


def test_a_damaged_line_is_refused_with_its_place(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    lines = (run / "records.jsonl").read_text().splitlines()
    lines[3] = lines[3][:100]
    (run / "records.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=r"records.jsonl, line 4: is not JSON"):
        write_report([str(run)])


@pytest.mark.usefixtures("_no_figures")
def test_a_torn_last_line_is_said_and_the_rest_is_used(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    text = (run / "records.jsonl").read_text()
    (run / "records.jsonl").write_text(text[:-200])
    html = report_of(run)
    assert "was cut off by a crash" in html
    assert "workers-6-images-24 4 of 5" in html


def test_an_empty_run_has_no_figure(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    (run / "records.jsonl").write_text("")
    written = write_report([str(run)])
    html = written.report.read_text()
    assert written.figures == 0
    assert list((run / "figures").glob("*")) == []
    assert "records.jsonl holds no trial yet" in html
    assert "no trial was measured, so there are no figures" in html
    assert all(answer.said[0].startswith("Not known") for answer in written.answers)


def test_a_run_of_failures_lists_them_and_draws_nothing(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    reasons = [f"the job ended with status {number}" for number in range(5)]
    rewrite(run, lambda one: {**one, "status": "failed", "reasons": reasons})
    written = write_report([str(run)])
    html = written.report.read_text()
    assert written.figures == 0
    assert "25 trials failed, in no figure" in html
    assert "the job ended with status 2; and 2 more" in html


def test_a_failed_trial_is_in_no_point(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    spoilt = records(run)[0]["trial"]

    def changed(one: dict[str, object]) -> dict[str, object]:
        return {**one, "status": "invalid", "reasons": ["rows are missing"]} if one["trial"] == spoilt else one

    rewrite(run, changed)
    html = report_of(run)
    assert "1 trial invalid, in no figure" in html
    page = Page(html)
    text = base64.b64decode(page.downloads["made-time-per-image.csv"].partition("base64,")[2]).decode()
    assert next(csv.DictReader(io.StringIO(text)))["n"] == "4"


@pytest.mark.usefixtures("_no_figures")
def test_an_older_content_is_listed_with_the_trials_that_are_in_no_figure(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    first = records(run)[0]
    rewrite(run, lambda one: {**one, "hash": "older"} if one["trial"] == first["trial"] else one)
    html = report_of(run)
    assert "1 trial of an older content, in no figure" in html
    assert re.search(
        r'<td class="file">run/records.jsonl, line 1</td><td>measured</td>\s*<td[^>]*>of an older content', html
    )
    text = base64.b64decode(Page(html).downloads["trials.csv"].partition("base64,")[2]).decode()
    found = [row["not counted"] for row in csv.DictReader(io.StringIO(text))]
    assert (found[0], set(found[1:])) == ("of an older content", {""})


@pytest.mark.usefixtures("_no_figures")
def test_a_preset_that_was_changed_is_said_beside_what_is_judged_by_it(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    plain = (run / "preset.toml").read_text()
    (run / "preset.toml").write_text(run_copy(plain, "made", ["workers=2", "repeats=3"]))
    html = report_of(run)
    assert "was run with workers=2; claims that name it are judged on that" in html


@pytest.mark.usefixtures("_no_figures")
def test_code_that_is_in_no_commit_and_hosts_of_two_speeds_are_said(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    environment = json.loads((run / "environment.json").read_text())
    (block,) = environment["blocks"]
    blocks = [
        {**block, "commit": f"{block['commit']}-dirty", "calibration": {"AVX2": 0.02}},
        {**block, "block": 2, "calibration": {"AVX2": 0.03}, "start_seconds": 1.25},
    ]
    (run / "environment.json").write_text(json.dumps({**environment, "blocks": blocks}))
    html = report_of(run)
    assert "run: block 1, on commit 0000000000, was measured with changes that are in no commit" in html
    assert "block 2, on commit" not in html
    assert "hosts differ in speed: with AVX2 a small network takes 0.020 to 0.030 s per image" in html
    assert html.count("a start of Python on one core") == 1  # the other block is of before it was measured
    assert "1.25 s" in html


@pytest.mark.usefixtures("_no_figures")
def test_cells_that_could_not_run_and_notes_stand_in_their_section(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    plan = json.loads((run / "plan.json").read_text())
    plan["cells"][0]["note"] = "a note of the first"
    plan["cells"].append({"cell": "too-large", "comparison": "made", "skipped": ["there is no such host"]})
    (run / "plan.json").write_text(json.dumps(plan))
    html = report_of(run)
    assert "Not measured here: too-large: there is no such host." in html
    assert f"Cells: {plan['cells'][0]['cell']}: a note of the first." in html


def test_raw_files_that_are_missing_leave_their_figures_out(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    for path in [*(run / "tasks").iterdir(), *(run / "samples").iterdir()]:
        path.unlink()
    html = report_of(run)
    assert "No figure: where-time-goes: no trial could be split into parts." in html
    assert "No figure: memory: " in html
    assert "figure-made-time-per-image" in html


@pytest.mark.usefixtures("_no_figures")
def test_a_damaged_raw_file_is_named_and_spoils_its_trial_alone(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    path = sorted((run / "tasks").iterdir())[0]
    path.write_text("{")
    html = report_of(run)
    assert f"{path.name}: is not JSON" in html
    # The other four trials of its cell still say where the time goes.
    assert "workers-1-images-24: 1." in html


@pytest.mark.usefixtures("_no_figures")
def test_a_time_of_zero_spoils_its_comparison_and_says_so(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    rewrite(run, lambda one: {**one, "per_image": {**one["per_image"], "stage_3": 0.0}})
    html = report_of(run)
    assert "made, made: could not be analysed: " in html


def test_two_numbers_of_workers_are_no_law(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    rewrite(run, lambda one: one if one["executors"] in (1, 6) else None)
    html = report_of(run)
    assert "No fit: Amdahl needs 3 different numbers of workers; there are 2" in html
    assert "figure-made-time-per-image" not in html, "two points are no curve"


def test_one_trial_has_no_interval(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    rewrite(run, lambda one: one if one["round"] == 1 else None)
    html = report_of(run)
    assert "no interval where n = 1" in html
    assert "fewer than 5 trials of made: workers-1-images-24" in html
    assert "Not known" in html


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("block", None, r"record 3: block = null: is not a whole number"),
        ("settings", None, r"record 3: settings = null: is not a table"),
        ("hosts", [], r"record 3: hosts = \[\]: is not a table"),
        ("boot", None, r"record 3: boot = null: is not a table"),
        ("core", "half", r'record 3: core = "half": is not a number'),
    ],
)
def test_a_record_of_another_shape_is_refused_with_its_place(
    tmp_path: Path, key: str, value: object, said: str
) -> None:
    run = small(tmp_path / "run")
    third = records(run)[2]["trial"]
    rewrite(run, lambda one: {**one, key: value} if one["trial"] == third else one)
    with pytest.raises(UserError, match=said):
        write_report([str(run)])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("environment.json", {"schema": 1, "blocks": None}, "'blocks' is no list of tables"),
        ("environment.json", {"schema": 1, "blocks": [{"host": {}}]}, "entry 1 of 'blocks' has no 'block'"),
        ("plan.json", {"schema": 1, "cells": [{}]}, "entry 1 of 'cells' has no 'cell'"),
    ],
)
def test_a_file_of_another_shape_is_refused_by_name(tmp_path: Path, name: str, content: object, said: str) -> None:
    run = small(tmp_path / "run")
    (run / name).write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"{name}: {said}"):
        write_report([str(run)])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("facts.json", '{"schema": 1, "facts": {"x": {"value": null, "source": "s"}}}', r"x\.value: .*valid number"),
        ("facts.json", '{"schema": 1, "facts": []}', "its content: .*valid dictionary"),
        ("facts.json", '{"schema": 1}', "its content: .*valid dictionary"),
        ("synchrony/trials.jsonl", '{"mode": "static"}\n', r"0\.repeat: Field required"),
        ("synchrony/trials.jsonl", "3\n", "0: .*"),
        ("synchrony/trials.jsonl", "{\n", "cannot be read"),
    ],
)
def test_what_lies_beside_a_run_is_refused_by_name(tmp_path: Path, name: str, text: str, said: str) -> None:
    run = small(tmp_path / "run")
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).write_text(text)
    with pytest.raises(UserError, match=rf"{name}: {said}.*; restore the file"):
        write_report([str(run)])


@pytest.mark.usefixtures("_no_figures")
def test_a_line_beside_a_run_that_was_cut_off_is_not_used(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    whole = {"mode": "static", "repeat": 0, "failed": False, "seconds": 4.0}
    (run / "synchrony").mkdir()
    (run / "synchrony" / "trials.jsonl").write_text(f"{json.dumps(whole)}\n{json.dumps(whole)[:20]}")
    assert [one.seconds for one in facts._LINES.validate_python(facts._lines(run / "synchrony" / "trials.jsonl"))] == [
        4.0
    ]
    report_of(run)


@pytest.mark.usefixtures("_no_figures")
def test_a_time_that_is_no_number_leaves_its_trial_out(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    first = records(run)[0]
    spoilt = {**first["per_image"], "stage_3": float("nan")}
    rewrite(run, lambda one: {**one, "per_image": spoilt} if one["trial"] == first["trial"] else one)
    written = write_report([str(run)])
    assert "4 paired trials" in " ".join(written.answers[0].said)


@pytest.mark.usefixtures("_no_figures")
@pytest.mark.parametrize("text", ["[]", '{"schema": 1', "null"])
def test_a_damaged_summary_is_written_anew(tmp_path: Path, text: str) -> None:
    run = small(tmp_path / "run")
    (run / "summary.json").write_text(text)
    write_report([str(run)])
    assert json.loads((run / "summary.json").read_text())["report"]["trials"] == 25


def test_a_report_leaves_pictures_alone_that_are_not_its_own(tmp_path: Path) -> None:
    run, out = small(tmp_path / "run"), tmp_path / "out"
    (out / "figures").mkdir(parents=True)
    (out / "figures" / "holiday.png").write_bytes(b"sea")
    for _ in range(2):
        write_report([str(run)], out)
    assert (out / "figures" / "holiday.png").read_bytes() == b"sea"
