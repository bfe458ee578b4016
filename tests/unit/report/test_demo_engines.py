"""The demo's report where jobs ran with the fused engine, whose stages are other ones."""

from __future__ import annotations

from pathlib import Path

from demo_folder import Json
from demo_page import page_with


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
