"""The demo's report: results/demo -> results/demo/report.html, one file that opens offline."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from experiments.known_objects import FOLDER
from experiments.report import charts, facts, topology_drawing
from experiments.report.pictures import Picture, image_of, load_pictures
from experiments.report.reading import Demo, read_demo
from experiments.report.records import Record
from experiments.report.text import cores_text, count_text, joined, memory_text, number_text, seconds_text

REPORT = "report.html"
# The demo's pictures of what is known to be in its scenes, and what they may add to the page, in bytes.
KNOWN = "known"
KNOWN_BUDGET = 500_000
TEMPLATES = Path(__file__).with_name("templates")


def write_report(folder: Path) -> Path:
    """Writes folder/report.html from folder/summary.json, folder/records.jsonl and the overlays that the records name.

    Raises UserError, one message a problem, if any of them is missing, malformed or empty.
    """
    demo = read_demo(folder)
    page = _environment().get_template("demo.html.j2").render(_content(demo))
    report = folder / REPORT
    partial = report.with_name(f".{REPORT}.partial")
    partial.write_text(page, encoding="utf-8")
    os.replace(partial, report)
    return report


def _content(demo: Demo) -> Mapping[str, Any]:
    """All that the template shows."""
    summary, records = demo.summary, demo.records
    return {
        "summary": summary,
        "records": records,
        "answer": facts.answer(summary, records),
        "missing": facts.missing_clusters(summary, records),
        "seeded": _seeded(records),
        "topologies": [_topology(record) for record in records],
        "stage_chart": charts.stages(records),
        "turn_chart": charts.turns(records),
        "phase_rows": facts.phase_table(records),
        "stages": facts.stages(records),
        "task_charts": [charts.tasks(record) for record in records],
        "failures": [charts.failures(record) for record in records],
        "share_charts": [charts.shares(record) for record in records],
        "settings": [facts.setting(record) for record in records],
        "conditions": facts.conditions(summary, records),
        "lazy": [record.cluster for record in records if record.job.timing == "paper"],
        **_gallery(demo),
        "agreement": facts.agreement(records),
        "scenes": facts.scenes(records),
        "not_ok": facts.not_ok(records),
        "limits": [facts.limit_rows(record) for record in records],
        "calibrations": [facts.calibrations(record) for record in records],
        "figures": facts.figures(summary),
        "jobs": facts.jobs(records),
        "models": facts.models(records),
        "versions": _versions(records),
        "deviations": list(dict.fromkeys(one for record in records for one in record.result.deviations)),
    }


def _gallery(demo: Demo) -> Mapping[str, Any]:
    """The overlays of the first cluster that has any: those of the others show the same photographs."""
    record = next((record for record in demo.records if record.overlays), None)
    if record is None:
        return {"pictures": [], "drawn": 0, "drawn_by": "", "detections": {}, "credits": [], "known": {}}
    pictures = load_pictures(demo.folder, record.overlays)
    known = sorted((demo.folder / KNOWN).glob("*.png"))
    truth = load_pictures(demo.folder, [str(path.relative_to(demo.folder)) for path in known], KNOWN_BUDGET)
    return {
        "pictures": pictures,
        "drawn": len(record.overlays),
        "drawn_by": record.cluster,
        "detections": _detections(record, pictures),
        "known": {f"{FOLDER}/{picture.image}.jpg": picture for picture in truth},
        "credits": [
            (image, demo.summary.credits[image])
            for image in sorted({image_of(Path(path)) for path in record.overlays})
            if image in demo.summary.credits
        ],
    }


def _detections(record: Record, pictures: Sequence[Picture]) -> dict[str, str]:
    rows = {row.image: row.detections for row in record.rows}
    return {
        picture.image: count_text(rows[picture.image], "detection") if picture.image in rows else "no row"
        for picture in pictures
    }


def _seeded(records: Sequence[Record]) -> list[str]:
    """What the manifests of seeded models say about them, each once."""
    return list(dict.fromkeys(one.model_manifest.note for one in records if one.model_manifest.seeded))


def _topology(record: Record) -> Mapping[str, Any]:
    label = f"The nodes of {record.cluster} on its {count_text(len(record.topology.machines), 'machine')}"
    return {
        "wide": topology_drawing.draw(record.topology, topology_drawing.WIDE, label),
        "narrow": topology_drawing.draw(record.topology, topology_drawing.NARROW, label),
    }


def _versions(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Each library's version; where clusters differ, all of them."""
    names = sorted({name for record in records for name in record.result.versions})
    return [
        (name, ", ".join(dict.fromkeys(record.result.versions.get(name, "absent") for record in records)))
        for name in names
    ]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        cores=cores_text, count=count_text, joined=joined, memory=memory_text, number=number_text, seconds=seconds_text
    )
    return environment
