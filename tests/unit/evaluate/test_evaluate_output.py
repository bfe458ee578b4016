"""Accuracy of a job's output: rows joined to annotations by name, and every folder that is no output refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from coco_material import HEIGHT, WIDTH, detection, document, square, write_folder
from pyarrow import parquet

from cluster_app.contract.rows import COLUMNS, SUCCESS_FILE
from cluster_app.evaluate.output import main

DETECTION = pyarrow.struct(
    [
        ("category_id", pyarrow.int32()),
        ("score", pyarrow.float32()),
        ("bbox", pyarrow.list_(pyarrow.float32())),
        ("segmentation", pyarrow.struct([("size", pyarrow.list_(pyarrow.int32())), ("counts", pyarrow.string())])),
    ]
)


def row(name: str, *found: Any, status: str = "ok", width: int | None = WIDTH) -> dict[str, Any]:
    listed = [
        {"category_id": one.category_id, "score": one.score, "bbox": one.bbox, "segmentation": one.segmentation}
        for one in found
    ]
    sizes = {"width": width, "height": HEIGHT}
    return {"image": name, **sizes, "status": status, "error": None, "host": "worker-1", "detections": listed}


PERFECT = [
    row("first.png", detection(square(4, 6, 10), 0.9), detection(square(30, 10, 20), 0.8, 2)),
    row("second.png", detection(square(0, 0, 40), 0.7)),
]


def output(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """As Spark writes it: a Parquet file for each part."""
    folder.mkdir()
    schema = pyarrow.schema(
        [
            (name, {"string": pyarrow.string(), "int": pyarrow.int32()}.get(kind, pyarrow.list_(DETECTION)))
            for name, kind in COLUMNS.items()
        ]
    )
    for index, one in enumerate(rows):
        parquet.write_table(pyarrow.Table.from_pylist([one], schema), folder / f"part-{index:05d}.snappy.parquet")
    (folder / SUCCESS_FILE).touch()
    return folder


def evaluate(tmp_path: Path, folder: Path, *words: str) -> int:
    data = tmp_path / "data"
    if not data.exists():
        write_folder(data)
    return main(["--output", str(folder), "--annotations", str(data / "annotations.json"), *words])


def test_a_perfect_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(tmp_path, output(tmp_path / "out", PERFECT), "--json") == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["mask"]["AP"]["value"] == pytest.approx(1.0)
    assert told["box"]["AP"]["value"] == pytest.approx(1.0)
    assert told["boundary_iou"]["0.02"]["value"] == pytest.approx(1.0)
    assert (told["images"], told["objects"], told["images_without_row"], told["rows_without_image"]) == (2, 3, 0, 0)
    assert told["statuses"] == {"ok": 2}
    assert captured.err == ""


def test_a_table_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(tmp_path, output(tmp_path / "out", PERFECT)) == 0
    assert "| output " in capsys.readouterr().out


def test_an_image_that_failed_counts_as_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [PERFECT[0], row("second.png", status="corrupt", width=None)]
    assert evaluate(tmp_path, output(tmp_path / "out", rows), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["statuses"] == {"ok": 1, "corrupt": 1}
    assert told["matched"]["share_of_objects"]["value"] == pytest.approx(2 / 3)


def test_images_without_a_row_and_rows_without_an_image_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(tmp_path, output(tmp_path / "out", [PERFECT[0], row("other.png")]), "--json") == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert (told["images"], told["images_without_row"], told["rows_without_image"]) == (1, 1, 1)
    assert told["mask"]["AP"]["value"] == pytest.approx(1.0)
    assert len(captured.err.splitlines()) == 2


REFUSED = [
    ([row("elsewhere/first.png")], "none has a row in the output \\(its rows: 'elsewhere/first.png'\\)"),
    ([PERFECT[0], PERFECT[0]], "row of 'first.png': is there twice"),
    ([row("first.png", status="done")], 'status = "done": must be one of ok, corrupt'),
    ([row("first.png", width=61)], "is 61 x 40 pixels, the annotations say 60 x 40"),
]


@pytest.mark.parametrize(("rows", "said"), REFUSED)
def test_rows_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[dict[str, Any]], said: str
) -> None:
    assert evaluate(tmp_path, output(tmp_path / "out", rows)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert re.search(said, line)


def test_annotations_of_other_images_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = document()
    content["annotations"] = content["annotations"][:2]
    write_folder(tmp_path / "data", content)
    assert evaluate(tmp_path, output(tmp_path / "out", [PERFECT[1]])) == 2
    assert "none is of the output's images" in capsys.readouterr().err


def test_folders_that_are_no_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(tmp_path, tmp_path / "none") == 2
    assert f"{tmp_path / 'none'}: there is no such folder" in capsys.readouterr().err
    folder = output(tmp_path / "out", PERFECT)
    (folder / SUCCESS_FILE).unlink()
    assert evaluate(tmp_path, folder) == 2
    assert "holds no _SUCCESS: the job did not finish" in capsys.readouterr().err
    (folder / SUCCESS_FILE).touch()
    (folder / "part-00001.snappy.parquet").write_bytes(b"PAR1 text")
    assert evaluate(tmp_path, folder) == 2
    assert "part-00001.snappy.parquet: is no readable Parquet file" in capsys.readouterr().err
    parquet.write_table(pyarrow.table({"image": ["a"]}), folder / "part-00001.snappy.parquet")
    assert evaluate(tmp_path, folder) == 2
    assert "lacks the columns width, height" in capsys.readouterr().err
    for path in folder.glob("*.parquet"):
        path.unlink()
    assert evaluate(tmp_path, folder) == 2
    assert "holds no Parquet file" in capsys.readouterr().err
