"""The report of stored runs: its answer where the answer is known, its sources, its bytes, and damaged runs."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from pathlib import Path

import pytest
from run_material import Page, records, rewrite, small

from experiments.analysis.advice import Wish
from experiments.claims.ledger import load_claims
from experiments.errors import UserError
from experiments.run_report import facts, made
from experiments.run_report.reading import read_runs
from experiments.run_report.sources import Lines
from experiments.run_report.write import Written, write_report
from experiments.store import packing


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("runs") / "made-1")


@pytest.fixture(scope="module")
def written(run: Path) -> Written:
    return write_report([str(run)], wish=Wish(24, deadline=20))


@pytest.fixture(scope="module")
def html(written: Written) -> str:
    return written.report.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_a_wish_without_a_law_gets_its_reason(tmp_path: Path) -> None:
    folder = small(tmp_path / "made-1")
    rewrite(folder, lambda record: record if record["settings"]["workers"] == 1 else None)
    told = write_report([str(folder)], wish=Wish(2000, deadline=600)).answers[2]
    assert told.said[0].startswith("No advice for 2000 images: no cells differ in the number of workers alone")


def digests(folder: Path) -> dict[str, str]:
    kept = [folder / "report.html", folder / "summary.json", *(folder / "figures").iterdir()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(kept)}


def test_the_answer_is_the_one_that_was_made(written: Written) -> None:
    scales, stops, advice = written.answers
    # Amdahl, a serial tenth: 6 workers are 1 / (0.1 + 0.9 / 6) = 4 times as fast.
    found = re.search(r"do the stage of an image ([\d.]+) \(([\d.]+) to ([\d.]+)\) times as fast as 1", scales.said[0])
    assert found, scales.said
    value, low, high = map(float, found.groups())
    assert low <= value <= high
    assert 3.8 < value < 4.2
    assert scales.said[0].startswith("Yes, with losses")
    assert any("Amdahl: serial" in text for text in scales.said)
    # Half of the workers' time is throttled, whatever they do; what grows is what they do, and what all wait for.
    assert stops.said[0].startswith("Above all start-up (which all workers wait for), ")
    assert "throttled" not in stops.said[0]
    assert any(re.search(r"What grew .*: start-up \+[\d.]+ \(.* compute \+[\d.]+ \(", text) for text in stops.said)
    assert any("quotas stopped the nodes" in text for text in stops.said)
    assert advice.said[0].startswith("3 workers for 24 images within 20 s")
    assert len(scales.trials) == 25


def test_the_page_fetches_nothing_and_its_links_lead_somewhere(page: Page) -> None:
    assert "script" not in page.tags
    assert "link" in page.tags, "the icon that keeps browsers from asking for one"
    outside = [one for one in page.addresses if not one.startswith(("data:", "#"))]
    assert outside == []
    anchors = [one[1:] for one in page.addresses if one.startswith("#")]
    assert len(anchors) > 5
    assert set(anchors) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_figures_are_files_and_in_the_page(run: Path, written: Written, page: Page) -> None:
    names = {path.stem for path in (run / "figures").glob("*.svg")}
    assert names == {path.stem for path in (run / "figures").glob("*.png")}
    assert len(names) == written.figures
    wanted = {"time-per-image", "time-per-worker", "fig-17", "fig-17-readable", "speed-up", "worker-seconds"}
    wanted |= {"where-time-goes", "tasks", "share-of-work", "memory", "throttling", "cells"}
    assert {f"made-{one}" for one in wanted} == names
    assert {f"figure-{name}" for name in names} <= set(page.ids)


def test_every_caption_says_units_repeats_interval_host_and_scale(html: str) -> None:
    captions = re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", html, re.DOTALL)
    assert len(captions) == 12
    for text in captions:
        assert "n = " in text
        assert "2 cores of a made processor" in text
        assert "a paper core is 0.25 of a host core" in text
        assert "Records: made-1/records.jsonl, line" in text


def test_the_tables_behind_are_the_files_to_download(page: Page, run: Path) -> None:
    uri = page.downloads["made-time-per-image.csv"]
    text = base64.b64decode(uri.partition("base64,")[2]).decode()
    head, *rows = csv.reader(io.StringIO(text))
    assert head[:3] == ["curve", "workers", "cell"]
    assert [row[1] for row in rows] == ["1.0", "2.0", "3.0", "4.0", "6.0"]
    seen = sorted(one["per_image"]["stage_3"] for one in records(run) if one["executors"] == 6)
    assert float(rows[-1][3]) == seen[2]
    trials = base64.b64decode(page.downloads["trials.csv"].partition("base64,")[2]).decode()
    assert len(trials.splitlines()) == 26


def test_every_claim_has_a_verdict_and_deviations_stand_before(html: str, page: Page, run: Path) -> None:
    ids = [one.removeprefix("claim-") for one in page.ids if one.startswith("claim-")]
    claims = json.loads((run / "summary.json").read_text())["report"]["claims"]
    assert set(claims) <= set(ids)
    assert set(claims) == set(load_claims())
    assert all(one["direction"] for one in claims.values())
    assert html.index('id="deviations"') < html.index('id="claims"') < html.index('id="questions"')
    assert "OpenVINO" in html
    assert "2023.3.0" in html


@pytest.mark.usefixtures("written")
def test_built_twice_it_is_the_same(run: Path) -> None:
    before = digests(run)
    write_report([str(run)], wish=Wish(24, deadline=20))
    assert digests(run) == before


OLD_WORKER = """
[[nodes]]
name = "old-worker"
roles = ["spark-worker"]
machine = "a"
cpus = 0.25
memory = "3g"
isa = "AVX2"
executor = { cores = 1, memory = "1536m", core_share = 0.25 }
"""


def test_on_unequal_nodes_it_says_how_well_they_were_used(html: str, tmp_path: Path) -> None:
    heading = "How well unequal nodes were used"
    assert heading not in html
    run = small(tmp_path / "made-1")
    for path in (run / "topologies").glob("*.toml"):
        path.write_text(path.read_text() + OLD_WORKER)
    text = write_report([str(run)]).report.read_text(encoding="utf-8")
    assert heading in text
    said = re.findall(r"<li>workers-(\d)-images-24: ([0-9.]+) % \(.*?5 trials\) of what its nodes would", text)
    assert {workers for workers, _ in said} == {"1", "2", "3", "4", "6"}
    assert all(50 < float(share) <= 100 for _, share in said)


def test_a_packed_run_has_the_same_report(tmp_path: Path) -> None:
    run = small(tmp_path / "made-1")
    write_report([str(run)])
    before = digests(run)
    packing.pack(run)
    assert not (run / "tasks").exists()
    write_report([str(run)])
    assert digests(run) == before


def test_no_path_of_this_machine_is_in_it(html: str, tmp_path: Path) -> None:
    assert str(tmp_path.parents[1]) not in html


def test_lines_are_those_of_the_records(run: Path) -> None:
    runs = read_runs([str(run)])
    names = [record["trial"] for record in runs.folders[0].records]
    lines = Lines.of(runs)
    assert lines.text([names[4], names[0], names[1], "elsewhere"]) == "made-1/records.jsonl, lines 1-2, 5; elsewhere"
    assert lines.text([names[2]]) == "made-1/records.jsonl, line 3"


# Several runs


def test_a_folder_of_runs_is_one_report(tmp_path: Path) -> None:
    for name in ("a", "b"):
        small(tmp_path / name)
    # The same preset twice: two host blocks of the same cells.
    written = write_report([str(tmp_path)])
    assert written.report == tmp_path / "report.html"
    text = written.report.read_text()
    assert "2 runs, one report" in text
    assert "a/records.jsonl, lines 1-25; b/records.jsonl, lines 1-25" in text
    assert not (tmp_path / "a" / "report.html").exists()


@pytest.mark.usefixtures("_no_figures")
def test_several_names_need_a_place(tmp_path: Path) -> None:
    names = [str(small(tmp_path / name)) for name in ("a", "b")]
    with pytest.raises(UserError, match="--out"):
        write_report(names)
    assert write_report(names, tmp_path / "both").report == tmp_path / "both" / "report.html"


def test_two_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    names = [str(small(tmp_path / place / "same")) for place in ("a", "b")]
    with pytest.raises(UserError, match="two runs are called 'same'"):
        write_report(names, tmp_path / "both")


@pytest.mark.usefixtures("_no_figures")
def test_facts_kept_with_runs_stand_for_the_latest(tmp_path: Path) -> None:
    run, bench = small(tmp_path / "run"), tmp_path / "none"
    assert facts.evidence_of(read_runs([str(run)]), run, bench).facts == {}
    kept = facts.Fact(11.0, "a manifest", n=1)
    facts.write_facts({"model_opset": kept}, run)
    assert facts.evidence_of(read_runs([str(run)]), run, bench).facts == {"model_opset": kept}
    write_report([str(run)])
    assert json.loads((run / "summary.json").read_text())["report"]["claims"]["M1"]["direction"] == "holds"


def test_figures_of_an_earlier_report_go(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    write_report([str(run)])
    rewrite(run, lambda one: one if one["executors"] == 6 else None)
    written = write_report([str(run)])
    assert len(list((run / "figures").glob("*.svg"))) == written.figures < 12


@pytest.mark.usefixtures("_no_figures")
def test_the_runners_summary_stays(tmp_path: Path) -> None:
    run = small(tmp_path / "run")
    (run / "summary.json").write_text('{"schema": 1, "cells": {"a": {"measured": 5}}}')
    write_report([str(run)])
    content = json.loads((run / "summary.json").read_text())
    assert content["cells"] == {"a": {"measured": 5}}
    assert content["report"]["trials"] == 25


def test_made_runs_follow_amdahls_law() -> None:
    assert made.seconds_per_image(1, 0.1) == 0.5
    assert made.seconds_per_image(6, 0.1) == pytest.approx(0.125)
