"""The demo's report as a whole: each section is there, each number comes from the records, nothing is fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import demo_folder
import pytest
from demo_folder import Json
from PIL import Image

from experiments.errors import UserError
from experiments.report.demo import write_report

SECTIONS = ("topologies", "time", "targets", "tasks", "shares", "overlays", "not-ok", "limits", "environment")
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Parses strictly enough to notice what is not closed, and collects texts, ids and references."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
                self.references.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)


def page_of(folder: Path) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(demo_folder.write(tmp_path_factory.mktemp("demo")))


def page_with(tmp_path: Path, change: Callable[[list[Json], Json], None]) -> Page:
    """The report after one change to the records (of the clusters, in order) or the summary."""
    records, summary = demo_folder.made_records(), demo_folder.made_summary()
    change(records, summary)
    return page_of(demo_folder.write(tmp_path, records, summary))


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


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def put(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def edit(change: Callable[[Json], object]) -> Callable[[Path], None]:
    """Changes the first cluster's record."""

    def apply(folder: Path) -> None:
        lines = (folder / "records.jsonl").read_text().splitlines()
        record = json.loads(lines[0])
        change(record)
        (folder / "records.jsonl").write_text("\n".join([json.dumps(record), *lines[1:]]))

    return apply


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("summary.json"), "summary.json: cannot be read (No such file or directory)"),
        (remove("records.jsonl"), "records.jsonl: cannot be read (No such file or directory)"),
        (remove("standalone/overlays/grey.png.png"), "grey.png.png: cannot be read as an image"),
        (put("standalone/overlays/grey.png.png", "no picture"), "grey.png.png: cannot be read as an image"),
        (put("records.jsonl", "\n"), "records.jsonl: holds no record"),
        (put("records.jsonl", "{"), "records.jsonl, line 1: is not JSON"),
        (put("summary.json", "{}"), "summary.json: schema: Field required"),
        (edit(lambda r: r.update(schema=2)), "records.jsonl, line 1: schema: Input should be 1"),
        (edit(lambda r: r.update(rows=[])), "line 1: rows: List should have at least 1 item"),
        (edit(lambda r: r.update(tasks=[])), "line 1: tasks: List should have at least 1 item"),
        (edit(lambda r: r["rows"].pop()), "line 1: 26 rows for 27 input files; a job owes one row for each"),
        (edit(lambda r: r["rows"][0].update(detections=1)), "do not add up to result.counts.detections"),
        (edit(lambda r: r["rows"][0].update(status="good")), "line 1: rows.0.status: Input should be 'ok', 'corrupt'"),
        (edit(lambda r: r.update(submit_seconds=1)), "are more than submit_seconds = 1"),
        (edit(lambda r: r["up"].update(canary_seconds=1.0)), "line 1: up: registered, canary and ready count"),
        (edit(lambda r: r["topology"]["nodes"][0].update(machine="z")), "a node is on machine 'z'"),
        (edit(lambda r: r["result"]["phases"].pop(4)), 'result: phases: "predict" is missing'),
        (edit(lambda r: r["job"].pop("engine")), "line 1: job: job"),
        (edit(lambda r: r.update(cluster="other")), "other is not among the clusters of summary.json"),
        (edit(lambda r: r.update(cluster="yarn")), "yarn has 2 records; one is allowed"),
    ],
)
def test_bad_folder_gives_one_clear_error_and_no_report(tmp_path: Path, spoil: Callable[[Path], None], message: str):
    demo_folder.write(tmp_path)
    spoil(tmp_path)
    with pytest.raises(UserError) as caught:
        write_report(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_counts_that_differ_from_the_summary(tmp_path: Path):
    summary = demo_folder.made_summary() | {"images": 30}
    demo_folder.write(tmp_path, None, summary)
    with pytest.raises(UserError, match=r"standalone: 27 input files, and summary\.json counts 30"):
        write_report(tmp_path)


def test_a_job_of_the_fused_engine_has_its_one_stage(tmp_path: Path):
    """Beside a job of the other engine: each has its own phases, and dashes where it has none."""

    def fuse(records: list[Json], _: Json) -> None:
        record, stages = records[0], ("read", "preprocess", "predict", "postprocess")
        record["job"]["engine"] = record["result"]["engine"] = "fused"
        seconds = {phase["name"]: phase["seconds"] for phase in record["result"]["phases"]}
        seconds["segment"] = sum(seconds.pop(stage) for stage in stages)
        record["result"]["phases"] = [{"name": name, "seconds": value} for name, value in seconds.items()]
        for task in record["tasks"]:
            task["phase"] = "segment" if task["phase"] in stages else task["phase"]

    page = page_with(tmp_path, fuse)
    # 4.2 + 9.8 + 31.6 + 11.9 seconds over 24 images; the other clusters have no such phase.
    assert "segment 57.5 2.396 \N{EN DASH} \N{EN DASH} \N{EN DASH} \N{EN DASH}" in page.text
    assert "predict \N{EN DASH} \N{EN DASH} 52.3 2.179 34.2 1.425" in page.text
    assert "segment on standalone (66 % of 87.1 s)" in page.text
    assert "standalone, segment: 2.40 s per image, 57.5 s in all" in page.text
    assert "standalone, job: its stages: 57.5 s" in page.text
    assert "segment, task 0, attempt 0" in page.text


def test_jobs_of_the_fused_engine_alone_show_no_other_stages(tmp_path: Path):
    def fuse(records: list[Json], _: Json) -> None:
        for record in records:
            record["job"]["engine"] = record["result"]["engine"] = "fused"
            kept = [phase for phase in record["result"]["phases"] if phase["name"] in ("start", "inventory", "commit")]
            record["result"]["phases"] = [*kept, {"name": "segment", "seconds": 9.6}, {"name": "total", "seconds": 40}]
            for task in record["tasks"]:
                task["phase"] = "segment"

    page = page_with(tmp_path, fuse)
    assert "segment 9.6 0.400 9.6 0.400 9.6 0.400" in page.text
    assert "preprocess" not in page.text
    assert "postprocess" not in page.text
