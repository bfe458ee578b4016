"""Rows: packed on a worker, put together on the driver, one for each file; and what is counted in them."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from cluster_app.contract.rows import COLUMNS
from cluster_app.pipeline import summary
from cluster_app.pipeline.images import CORRUPT, OK, UNSUPPORTED, Inspection
from cluster_app.pipeline.inventory import MAX_FILE_BYTES, InputFile, unread
from cluster_app.pipeline.rows import SCHEMA, ImageRow, assemble, pack
from cluster_app.pipeline.slices import Slice
from cluster_app.tasks import Detection

FOUND = Detection(18, 0.5, (1.0, 2.0, 3.0, 4.0), {"size": [23, 37], "counts": "0a`"})
A = ImageRow("a.jpg", 37, 23, OK, None, "worker-1", (FOUND, replace(FOUND, category_id=90)))
B = ImageRow("b.jpg", 37, 23, "failed", "inference: RuntimeError: out of memory", "worker-2")
FILES = [InputFile(name, 100, 5) for name in ("a.jpg", "b.jpg", "c.txt")]
KNOWN = {"c.txt": Inspection(UNSUPPORTED, "not an image"), "a.jpg": Inspection(OK, None, 37, 23)}
PACKED = [("b.jpg", pack(B)), ("a.jpg", pack(A))]


def spark_type(kind: pa.DataType) -> str:
    """An Arrow type in Spark's SQL notation."""
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{one.name}:{spark_type(one.type)}' for one in kind)}>"
    if pa.types.is_list(kind):
        return f"array<{spark_type(kind.value_type)}>"
    return {pa.string(): "string", pa.int32(): "int", pa.float32(): "float"}[kind]


def test_the_schema_is_the_contracts() -> None:
    assert {one.name: spark_type(one.type) for one in SCHEMA} == dict(COLUMNS)


def test_rows_come_in_the_order_of_the_files_whatever_order_they_ended_in() -> None:
    table = assemble(FILES, PACKED, KNOWN)
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert [row["image"] for row in rows] == ["a.jpg", "b.jpg", "c.txt"]
    assert [row["status"] for row in rows] == ["ok", "failed", "unsupported"]
    assert [row["host"] for row in rows] == ["worker-1", "worker-2", None]
    assert rows[0]["detections"] == [
        {
            "category_id": category,
            "score": 0.5,
            "bbox": [1.0, 2.0, 3.0, 4.0],
            "segmentation": {"size": [23, 37], "counts": "0a`"},
        }
        for category in (18, 90)
    ]
    assert rows[1]["detections"] == []
    assert rows[2]["error"] == "not an image"


def test_an_image_without_a_result_has_failed() -> None:
    (row,) = assemble(FILES[:1], [], KNOWN).to_pylist()
    assert (row["status"], row["width"], row["height"]) == ("failed", 37, 23)
    assert "no engine returned a result" in row["error"]


def test_a_second_row_and_a_foreign_one_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"a\.jpg: a second row"):
        assemble(FILES, [*PACKED, PACKED[1]], KNOWN)
    with pytest.raises(RuntimeError, match=r"b\.jpg: a row of no input file"):
        assemble(FILES[:1], PACKED, KNOWN)


def test_empty_and_large_files_are_not_read() -> None:
    files = [InputFile("empty", 0, 0), InputFile("large", MAX_FILE_BYTES + 1, 1), InputFile("most", MAX_FILE_BYTES, 1)]
    seen = unread(files)
    assert set(seen) == {"empty", "large"}
    assert seen["empty"].status == CORRUPT
    assert seen["large"] == Inspection(UNSUPPORTED, "the file has 100 MB; files of at most 100 MB are read")


def test_what_was_written_is_counted() -> None:
    table = assemble(FILES, PACKED, KNOWN)
    written = summary.read([(Slice(0, tuple(FILES), "0" * 16), table)], overlays=5)
    counts = written.counts
    assert (counts.images, counts.ok, counts.failed, counts.unsupported, counts.corrupt) == (3, 1, 1, 1, 0)
    assert counts.detections == 2
    assert written.hosts == {"worker-1": 1, "worker-2": 1}
    assert written.failures == ("b.jpg: inference: RuntimeError: out of memory",)
    assert [row["image"] for row in written.to_draw] == ["a.jpg"]


def test_the_images_with_the_surest_detections_are_drawn_by_name() -> None:
    files = [InputFile(f"{number}.jpg", 1, 1) for number in range(6)]
    scores = (0.3, 0.9, 0.1, 0.8, 0.7, 0.2)
    found = [replace(A.detections[0], score=score) for score in scores]
    rows = [
        (file.image, pack(replace(A, image=file.image, detections=(one,))))
        for file, one in zip(files, found, strict=True)
    ]
    slices = [
        (Slice(number, tuple(files[number::2]), "0" * 16), assemble(files[number::2], rows[number::2], {}))
        for number in (0, 1)
    ]
    assert [row["image"] for row in summary.read(slices, 4).to_draw] == ["0.jpg", "1.jpg", "3.jpg", "4.jpg"]
    assert summary.read(slices, 0).to_draw == ()


def test_a_slice_that_lacks_a_row_is_noticed() -> None:
    table = assemble(FILES, PACKED, KNOWN)
    for wrong in (table.slice(1), pa.concat_tables([table, table.slice(2)])):
        with pytest.raises(RuntimeError, match="one row for each of its 3 files"):
            summary.read([(Slice(0, tuple(FILES), "0" * 16), wrong)], 0)
