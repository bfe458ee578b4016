"""Table 1 from raw times: `python -m cluster_app.evaluate.table_1 --records FILE.jsonl ... --out FILE.json`.

FILE.json holds, for each video and node: seconds per frame of every side and their ratio to Torch, the median over
rounds with a 95 % interval by round; what FP16 and FP32 weigh; and a verdict on each of the paper's claims. The same is
printed as Markdown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from cluster_app.evaluate.errors import BadInput, guarded
from cluster_app.evaluate.intervals import Samples, median_of_rounds
from cluster_app.evaluate.verdicts import CANNOT_SHOW, verdicts
from cluster_app.evaluate.writing import finished_file

SCHEMA = 1
REFERENCE = "torch"
PARTS = ("decode", "preprocess", "inference", "postprocess")
END_TO_END = "end_to_end"
_LOADED = ("load_seconds", "rss_mb", "peak_mb", "private_mb", "mapped_mb", "bytes")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One video on one node: seconds per frame by part and side, an array of one mean for each round."""

    seconds: int
    node: str
    header: Record
    frames: int
    rounds: Dict[str, Dict[str, Samples]]
    detections: Dict[str, float]

    @property
    def sides(self) -> List[str]:
        return list(self.rounds[END_TO_END])


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="cluster_app.evaluate.table_1", description=__doc__)
    parser.add_argument("--records", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    return guarded(lambda: _run(options.records, options.out))


def _run(files: Sequence[Path], out: Path) -> None:
    cells, loads = [], []
    for file in files:
        records = read_records(file)
        cells += cells_of(records, file)
        loads += [record for record in records if record["kind"] == "load"]
    content = summary(cells, loads)
    with finished_file(out) as path:
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    print(markdown(content), end="")


def read_records(file: Path) -> List[Record]:
    """Raises BadInput unless the file is what the benchmark wrote, to its end."""
    try:
        records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"{file}: a line is not JSON: {error}; measure again") from None
    if not records or records[0].get("kind") != "header" or records[0].get("schema") != SCHEMA:
        raise BadInput(f"{file}: does not begin with the benchmark's header of schema {SCHEMA}; measure again")
    return records


def cells_of(records: Sequence[Record], file: Path) -> List[Cell]:
    """The cells of one file. Raises BadInput if a round lacks a side or a frame of another one."""
    header = records[0]
    by_length: Dict[int, List[Record]] = defaultdict(list)
    for record in records:
        if record["kind"] == "frame":
            by_length[record["seconds"]].append(record)
    if not by_length:
        raise BadInput(f"{file}: holds no frame; measure again")
    return [_cell(frames, seconds, header, file) for seconds, frames in sorted(by_length.items())]


def _cell(frames: Sequence[Record], seconds: int, header: Record, file: Path) -> Cell:
    taken: Dict[Tuple[str, int], List[Record]] = defaultdict(list)
    for record in frames:
        taken[record["side"], record["round"]].append(record)
    sides, rounds = list(header["sides"]), range(header["rounds"])
    for number in rounds:
        indices = {side: sorted(record["frame"] for record in taken[side, number]) for side in sides}
        if not all(found and found == indices[sides[0]] for found in indices.values()):
            raise BadInput(f"{file}: round {number} of the {seconds} s video is not whole; measure again")
    parts: Dict[str, Dict[str, Samples]] = {}
    for part in (*PARTS, END_TO_END):
        parts[part] = {
            side: np.array([np.mean([_time(record, part) for record in taken[side, number]]) for number in rounds])
            for side in sides
        }
    first = [record for number in rounds for record in taken[sides[0], number]]
    detections = {
        side: float(np.mean([record["detections"] for number in rounds for record in taken[side, number]]))
        for side in sides
    }
    return Cell(seconds, header["node"], header, len(first), parts, detections)


def _time(record: Record, part: str) -> float:
    return sum(record[one] for one in PARTS) if part == END_TO_END else float(record[part])


def summary(cells: Sequence[Cell], loads: Sequence[Record]) -> Dict[str, Any]:
    """All that is said about the measurements, as plain data."""
    resources = _resources(loads)
    return {
        "schema": SCHEMA,
        "cells": [_described(cell) for cell in cells],
        "resources": resources,
        "claims": {key: asdict(one) for key, one in verdicts(cells, loads).items()},
        "cannot_show": list(CANNOT_SHOW),
    }


def _described(cell: Cell) -> Dict[str, Any]:
    header = cell.header
    return {
        "video_seconds": cell.seconds,
        "node": cell.node,
        "cpus": header["cpus"],
        "model": header["model"],
        "seeded": header["seeded"],
        "threads": header["threads"],
        "frames": cell.frames,
        "rounds": header["rounds"],
        "footage": header["footage"],
        "sides": {side: _side(cell, side) for side in cell.sides},
    }


def _side(cell: Cell, side: str) -> Dict[str, Any]:
    about = cell.header["sides"][side]
    described: Dict[str, Any] = {
        "library": about["library"],
        "arithmetic": about["arithmetic"],
        "threads": about["threads"],
        "detections_per_frame": round(cell.detections[side], 1),
        "seconds": {part: asdict(median_of_rounds(times[side])) for part, times in cell.rounds.items()},
    }
    if REFERENCE in cell.sides:
        described["over_torch"] = {
            part: asdict(median_of_rounds(cell.rounds[part][side] / cell.rounds[part][REFERENCE]))
            for part in ("inference", END_TO_END)
        }
    return described


def _resources(loads: Sequence[Record]) -> Dict[str, Dict[str, float]]:
    """Medians over the loads of one side: seconds to load, bytes on disk, memory in MB after the first image."""
    by_side: Dict[str, List[Record]] = defaultdict(list)
    for record in loads:
        by_side[record["side"]].append({**record, **record["memory"]["ran"]})
    return {
        side: {key: float(np.median([record[key] for record in records])) for key in _LOADED}
        for side, records in sorted(by_side.items())
    }


def markdown(content: Mapping[str, Any]) -> str:
    """The table as people read it."""
    lines = []
    for cell in content["cells"]:
        quota = f", {cell['cpus']:g} cores" if cell["cpus"] else ""
        lines += [
            f"{cell['video_seconds']} s video, {cell['node']}{quota}, {cell['model']}: {cell['frames']} frames in "
            f"{cell['rounds']} rounds, {cell['threads']} threads",
            "",
            "| backend | arithmetic | s a frame | inference | over Torch, end to end | over Torch, inference |",
            "|---|---|---|---|---|---|",
        ]
        for side, found in cell["sides"].items():
            beside = found.get("over_torch", {})
            shown = [_shown(beside.get(part)) for part in (END_TO_END, "inference")]
            times = [_shown(found["seconds"][part]) for part in (END_TO_END, "inference")]
            lines.append(f"| {side} | {'+'.join(found['arithmetic'])} | {' | '.join(times)} | {' | '.join(shown)} |")
        lines.append("")
    for side, found in content["resources"].items():
        lines.append(
            f"{side}: {found['bytes'] / 1e6:.1f} MB on disk, loads in {found['load_seconds']:.2f} s, "
            f"{found['rss_mb']:.0f} MB in memory ({found['private_mb']:.0f} private, peak {found['peak_mb']:.0f})"
        )
    lines += ["", "| claim | direction | size | |", "|---|---|---|---|"]
    for key, one in content["claims"].items():
        lines.append(f"| {key} | {one['direction']} | {one['size']} | {one['note']} |")
    return "\n".join(lines) + "\n"


def _shown(figure: Optional[Mapping[str, Any]]) -> str:
    if figure is None or figure["value"] is None:
        return "none"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


if __name__ == "__main__":
    sys.exit(main())
