"""Accuracy of a job's output: `python -m cluster_app.evaluate.output --output DIR --annotations FILE [--json]`.

The rows' `image` is looked up among the annotation file's `file_name`. Images without a row are not measured, and said;
a row that is not `ok` counts as an image in which nothing was found.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import pyarrow
from pyarrow import parquet

from cluster_app.contract.rows import COLUMNS, STATUSES, SUCCESS_FILE
from cluster_app.evaluate import tables
from cluster_app.evaluate.accuracy import SCHEMA, measure
from cluster_app.evaluate.coco import Annotations, read_annotations
from cluster_app.evaluate.coco_checks import Problems
from cluster_app.evaluate.errors import BadInput, guarded
from cluster_app.evaluate.progress import say
from cluster_app.tasks import Detection

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Joined:
    """annotations of the images that have a row; detections by image id; how many rows of each status these are;
    annotated images without a row; names of rows that the annotations do not know.
    """

    annotations: Annotations
    found: Dict[int, List[Detection]]
    statuses: Mapping[str, int]
    without_row: int
    unknown: Sequence[str]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="cluster_app.evaluate.output", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="a job's output folder")
    parser.add_argument("--annotations", type=Path, required=True, help="a COCO annotation file")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    options = parser.parse_args(arguments)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    rows = read_rows(options.output)
    joined = join(rows, read_annotations(options.annotations))
    if joined.without_row:
        say(f"{joined.without_row} images of {options.annotations} have no row: not measured")
    if joined.unknown:
        say(f"{len(joined.unknown)} rows are of images that {options.annotations} does not know: not measured")
    figures = {"output": measure(joined.annotations, joined.found).as_json()}
    if options.json:
        content = {
            "schema": SCHEMA,
            "images": len(joined.annotations.images),
            "objects": len(joined.annotations.objects),
            "statuses": dict(joined.statuses),
            "images_without_row": joined.without_row,
            "rows_without_image": len(joined.unknown),
            **figures["output"],
        }
        print(json.dumps(content, indent=2, allow_nan=False))
    else:
        print(tables.markdown(figures), end="")


def read_rows(folder: Path) -> List[Row]:
    """The rows of a job's output. Raises BadInput if the folder is none, is not complete, or has other columns."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: there is no such folder; give the output of a job")
    if not (folder / SUCCESS_FILE).is_file():
        raise BadInput(f"{folder}: holds no {SUCCESS_FILE}: the job did not finish, or this is not its output folder")
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise BadInput(f"{folder}: holds no Parquet file; give the output of a job")
    rows: List[Row] = []
    for file in files:
        try:
            table = parquet.read_table(file)
        except (pyarrow.ArrowException, OSError) as error:
            raise BadInput(f"{file}: is no readable Parquet file: {str(error).splitlines()[0]}") from None
        lacking = [name for name in COLUMNS if name not in table.column_names]
        if lacking:
            raise BadInput(f"{file}: lacks the columns {', '.join(lacking)}; give the output of a job")
        rows += table.to_pylist()
    return rows


def join(rows: Sequence[Row], annotations: Annotations) -> Joined:
    """Raises BadInput for a name that two rows have, a status that is none, a size that is not the annotations'."""
    problems = Problems(annotations.file)
    by_name = {image.file_name: image for image in annotations.images}
    found: Dict[int, List[Detection]] = {}
    statuses: Counter[str] = Counter()
    unknown = []
    for row in rows:
        image = by_name.get(row["image"])
        if image is None:
            unknown.append(row["image"])
            continue
        place = f"the output's row of {row['image']!r}"
        if image.id in found:
            problems.add(f"{place}: is there twice")
        if row["status"] not in STATUSES:
            problems.wrong(f"{place}: status", row["status"], f"one of {', '.join(STATUSES)}")
        if row["status"] == "ok" and (row["width"], row["height"]) != (image.width, image.height):
            problems.add(
                f"{place}: is {row['width']} x {row['height']} pixels, the annotations say {image.width} x "
                f"{image.height}: give the annotations of the same images"
            )
        statuses[row["status"]] += 1
        found[image.id] = [_detection(one) for one in row["detections"]]
    problems.refuse()
    if not found:
        names = ", ".join(repr(name) for name in unknown[:3])
        raise BadInput(
            f"{annotations.file}: images: none has a row in the output (its rows: {names}); the names must be the same "
            "as the job's, relative to its input"
        )
    kept = annotations.only(found)
    if not any(not one["iscrowd"] for one in kept.objects):
        raise BadInput(f"{annotations.file}: annotations: none is of the output's images: nothing could be measured")
    return Joined(kept, found, statuses, len(by_name) - len(found), unknown)


def _detection(one: Row) -> Detection:
    mask = one["segmentation"]
    x, y, width, height = one["bbox"]
    size = {"size": list(mask["size"]), "counts": mask["counts"]}
    return Detection(one["category_id"], one["score"], (x, y, width, height), size)


if __name__ == "__main__":
    sys.exit(main())
