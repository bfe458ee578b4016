"""The demo's report as a whole: each section is there, each number comes from the records, nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import demo_folder
import pytest
from demo_folder import Json
from demo_page import Page, page_of, page_with
from PIL import Image

from experiments.report.demo import write_report

SECTIONS = ("topologies", "time", "targets", "tasks", "shares", "overlays", "not-ok", "limits", "environment")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(demo_folder.write(tmp_path_factory.mktemp("demo")))


def test_report_lies_in_the_folder_and_nothing_partial_does(tmp_path: Path):
    assert write_report(demo_folder.write(tmp_path)) == tmp_path / "report.html"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_every_section_is_there_and_linked(page: Page):
    assert [name for name in page.ids if name in SECTIONS] == [*SECTIONS]
    assert [one for one in page.references if one.startswith("#")] == [f"#{name}" for name in SECTIONS]


def test_nothing_is_fetched(page: Page):
    assert page.references != []
    assert [one for one in page.references if not one.startswith(("#", "data:"))] == []
    assert {"script", "iframe", "object", "embed", "base"}.isdisjoint(page.tags)


def test_style_fetches_nothing(tmp_path: Path):
    html = write_report(demo_folder.write(tmp_path)).read_text(encoding="utf-8")
    style = html[html.index("<style>") : html.index("</style>")]
    assert "prefers-color-scheme: dark" in style
    assert "url(" not in style
    assert "@import" not in style
    assert re.findall(r"https?://", html) == []


def test_answer_comes_first(page: Page):
    answer = (
        "27 input files on 3 Spark clusters (standalone, heterogeneous and yarn): on each of them 24 ok, 2 corrupt, "
        "1 unsupported and 0 failed, with 1,445 detections."
    )
    assert answer in page.text
    assert page.text.index(answer) < page.text.index("The clusters")
    assert "predict on standalone (36 % of 87.1 s)" in page.text
    assert "start on yarn (49 % of 146 s)" in page.text


def test_answer_names_the_clusters_where_they_differ(tmp_path: Path):
    def change(records: list[Json], _: Json) -> None:
        row = next(row for row in records[2]["rows"] if row["image"] == "grey.png")
        records[2]["result"]["counts"]["detections"] -= row["detections"]
        row["detections"] = 0

    page = page_with(tmp_path, change)
    assert "27 input files on 3 Spark clusters, with different results." in page.text


def test_agreement_counts_the_pairs(page: Page, tmp_path: Path):
    total = sum(row["detections"] for row in demo_folder.made_records()[1]["rows"])
    assert f"heterogeneous against standalone: every image has the same status; {total:,} of {total:,} det" in page.text
    assert "least IoU 0.9987, scores at most 2e-06 apart" in page.text

    def change(records: list[Json], _: Json) -> None:
        records[2]["agreement"] |= {"statuses": 2, "pairs": 0, "least_iou": None, "largest_score_difference": None}

    assert f"2 images differ in status; 0 of {total:,} detections match one to one." in page_with(tmp_path, change).text


def test_known_objects_are_counted_and_shown(tmp_path: Path):
    def change(records: list[Json], _: Json) -> None:
        for record, found in zip(records, (37, 37, 36), strict=True):
            record["scenes"] = {"scenes": 8, "objects": 41, "found": found, "wrong": 3, "mean_iou": 0.8612}
            record["overlays"] = [f"{record['cluster']}/overlays/scenes%2F000001.jpg.png"]

    (tmp_path / "known").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "known" / "000001.png")
    page = page_with(tmp_path, change)
    assert "standalone and heterogeneous: 37 of the 41 objects in 8 synthetic scenes found" in page.text
    assert "with a mean mask IoU of 0.86; 3 further detections with a score of 0.3 or more matched none" in page.text
    assert "yarn: 36 of the 41 objects" in page.text
    assert "scenes/000001.jpg: what is there" in page.text


def test_seeded_weights_are_said_to_mean_nothing(page: Page, tmp_path: Path):
    assert "seeded" in page.ids
    assert "The weights are random: these masks mean nothing." in page.text
    assert demo_folder.NOTE in page.text

    def trained(records: list[Json], _: Json) -> None:
        for record in records:
            record["model_manifest"] |= {"seeded": False, "note": "Weights from a file."}

    other = page_with(tmp_path, trained)
    assert "seeded" not in other.ids
    assert "random" not in other.text


def test_a_cluster_without_record_is_named(page: Page, tmp_path: Path):
    assert "missing" not in page.ids
    other = page_with(tmp_path, lambda records, _: records.pop())
    assert "No record of yarn." in other.text
    assert "on 2 Spark clusters (standalone and heterogeneous)" in other.text


def test_topologies_show_roles_quotas_memory_caps_and_executors(page: Page):
    for words in (
        "machine b",
        "0.3 of 1 core",
        "driver · namenode",
        "7.25 GB memory",
        "ISA up to AVX",
        "as i7-3630QM",
        "1 executor of 1 Spark core",
        "2 GB heap + 1 GB",
        "3 executors with 3 Spark cores in all, worth 1.5 host cores",
    ):
        assert words in page.text


def _phase(record: Json, name: str, seconds: float) -> None:
    for phase in record["result"]["phases"]:
        if phase["name"] == name:
            phase["seconds"] = seconds


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (lambda r, _: _phase(r[0], "predict", 48.0), "1.317", "2.000"),
        (lambda r, _: r[0]["up"].update(registered_seconds=8.25), "9.60 s", "8.25 s"),
        (lambda r, _: r[1].update(down_seconds=7.77), "(none)", "7.77 s"),
        (lambda r, _: r[2].update(submit_seconds=222.2), "152 s", "222 s"),
        (lambda r, _: r[1]["limits"]["measured"]["old-worker"].update(cpus=0.271), "(none)", "0.271"),
        (lambda r, _: r[1]["calibration"][3].update(factor=0.777), "quota factor 0.905", "quota factor 0.777"),
        (lambda r, _: r[2].update(ship_environment_seconds=33.3), "41.0 s", "33.3 s"),
        (lambda r, _: r[0]["limits"]["measured"]["master"].update(memory_mb=0), "(none)", "no limit"),
        (lambda r, _: r[0]["limits"]["measured"].pop("master"), "(none)", "not recorded"),
        (lambda r, _: r[0]["topology"]["nodes"][0].update(cpus=0.45), "2 of 2 cores", "1.95 of 2 cores"),
        (lambda r, _: r[0]["tasks"].pop(), "36 tasks", "35 tasks"),
        (lambda r, _: r[0]["tasks"][7].update(reason="the disk is full"), "(none)", "the disk is full"),
        (lambda r, _: r[0]["job"].update(image_size=224), "(none)", "input 224 x 224"),
        (lambda r, _: r[0]["result"]["versions"].update(spark="3.1.9"), "(none)", "3.1.9, 3.1.3"),
        (lambda _, s: s.update(yarn_registered_seconds=29.0), "missed by 3.70 s", "met, 3 % below"),
        (lambda _, s: s.update(down_seconds=10.0), "met, 38 % below", "met, 0 % below"),
        (lambda _, s: s.update(environment_mb=700.0), "not measured", "met, 7 % below"),
        (lambda _, s: s["image_mb"].pop("yarn-slave"), "655 MB", "not measured"),
        (lambda _, s: s.update(host_calibration_seconds=1.31), "1.17 s", "1.31 s"),
        (lambda _, s: s["host"].update(cpu_model="Other CPU"), "Example CPU 9000", "Other CPU"),
        (lambda _, s: s.update(date="2027-01-01"), "2026-11-22", "2027-01-01"),
    ],
)
def test_numbers_come_from_the_records(
    page: Page, tmp_path: Path, change: Callable[[list[Json], Json], None], before: str, after: str
):
    other = page_with(tmp_path, change)
    assert after in other.text
    assert page.text.count(after) < other.text.count(after)
    if before != "(none)":
        assert page.text.count(before) > other.text.count(before)


def test_nodes_with_the_same_calibration_stand_together(page: Page):
    assert "master, worker-1 and worker-2: quota factor 1; the fastest processor of the cluster." in page.text
    assert page.text.count("old-worker: quota factor 0.905;") == 1


def test_share_of_images_by_node(page: Page, tmp_path: Path):
    def move_all(records: list[Json], _: Json) -> None:
        for row in records[0]["rows"]:
            row["host"] = row["host"] and "worker-1"

    other = page_with(tmp_path, move_all)
    assert "33 %" in page.text
    assert "100 %" not in page.text
    assert "100 %" in other.text


def test_a_host_that_is_no_node_is_shown_as_such(tmp_path: Path):
    page = page_with(tmp_path, lambda records, _: records[0]["tasks"][0].update(host="192.0.2.9"))
    assert "192.0.2.9 (no node)" in page.text


def test_files_that_are_not_ok_with_status_reason_and_clusters(page: Page, tmp_path: Path):
    for image, (status, reason) in demo_folder.NOT_OK.items():
        assert f"{image} {status} {reason} all" in page.text

    def fails_on_yarn(records: list[Json], _: Json) -> None:
        row = next(row for row in records[2]["rows"] if row["image"] == "grey.png")
        counts = records[2]["result"]["counts"]
        counts |= {"ok": 23, "failed": 1, "detections": counts["detections"] - row["detections"]}
        row |= {"status": "failed", "error": "no engine returned a result", "host": None, "detections": 0}

    assert "grey.png failed no engine returned a result yarn" in page_with(tmp_path, fails_on_yarn).text


def test_all_files_ok(tmp_path: Path):
    def drop(records: list[Json], summary: Json) -> None:
        summary["images"] = 24
        for record in records:
            record["rows"] = [row for row in record["rows"] if row["status"] == "ok"]
            record["result"]["counts"] |= {"images": 24, "corrupt": 0, "unsupported": 0}

    assert "Every file is ok on every cluster." in page_with(tmp_path, drop).text


def test_no_file_ok(tmp_path: Path):
    def drop(records: list[Json], summary: Json) -> None:
        summary["images"] = 3
        for record in records:
            record["rows"] = [row for row in record["rows"] if row["status"] != "ok"]
            record["result"]["counts"] |= {"images": 3, "ok": 0, "detections": 0}
            record["overlays"] = []

    page = page_with(tmp_path, drop)
    assert "No image is ok, so there is no time per image." in page.text
    assert "The job was asked for no overlay, or no image had a detection." in page.text


def test_lazy_timing_is_explained(page: Page, tmp_path: Path):
    assert "timing: paper" not in page.text

    def lazy(records: list[Json], _: Json) -> None:
        records[1]["job"]["timing"] = records[1]["result"]["timing"] = "paper"

    assert "On heterogeneous the job was timed as lazy Spark stages see it" in page_with(tmp_path, lazy).text


def test_tasks_without_phase_are_named_by_their_stage(page: Page, tmp_path: Path):
    assert "stage 0: collect" not in page.text

    def forget(records: list[Json], _: Json) -> None:
        for task in records[0]["tasks"]:
            task["phase"] = None

    assert "stage 0: collect at inventory.py:38" in page_with(tmp_path, forget).text


def test_overlays_of_the_first_cluster_are_shown_once_with_their_counts(page: Page):
    pictures = [one for one in page.references if one.startswith("data:image/jpeg;base64,")]
    assert len(pictures) == 6
    rows = {row["image"]: row["detections"] for row in demo_folder.made_records()[0]["rows"]}
    assert f"cats/chelsea.png: {rows['cats/chelsea.png']} detections" in page.text
    assert "photograph by Stefan van der Walt; CC0; as shipped; masks drawn on it" in page.text


def test_values_are_escaped(tmp_path: Path):
    def inject(records: list[Json], _: Json) -> None:
        records[0]["rows"][-1] |= {"image": "<script>alert(1)</script>.jpg", "error": "a & b"}
        records[0]["tasks"][7]["reason"] = "</svg><script>"
        records[0]["topology"]["nodes"][0]["profile"] = '"><script>'

    page = page_with(tmp_path, inject)
    assert "script" not in page.tags
    assert "<script>alert(1)</script>.jpg" in page.text


def test_large_demo_stays_under_6_mb(tmp_path: Path):
    records = demo_folder.made_records()
    records[0]["overlays"] = [f"standalone/overlays/{number}.png" for number in range(90)]
    report = write_report(demo_folder.write(tmp_path, records, picture_side=400))
    assert 4_000_000 < report.stat().st_size < 6_000_000
    assert "of 90 are shown, to keep this file small" in Page(report.read_text(encoding="utf-8")).text
