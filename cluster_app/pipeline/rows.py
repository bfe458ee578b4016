"""The output's rows, one for each input file, whatever became of it; in Arrow's form.

A worker packs a row as it is finished: bytes that go to the driver and into Parquet without being read on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import pyarrow as pa

from cluster_app.pipeline.images import Inspection
from cluster_app.pipeline.inventory import InputFile
from cluster_app.tasks import Detection

# As cluster_app.contract.rows.COLUMNS has it.
SCHEMA = pa.schema(
    [
        ("image", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("status", pa.string()),
        ("error", pa.string()),
        ("host", pa.string()),
        (
            "detections",
            pa.list_(
                pa.struct(
                    [
                        ("category_id", pa.int32()),
                        ("score", pa.float32()),
                        ("bbox", pa.list_(pa.float32())),
                        ("segmentation", pa.struct([("size", pa.list_(pa.int32())), ("counts", pa.string())])),
                    ]
                )
            ),
        ),
    ]
)


@dataclass(frozen=True)
class ImageRow:
    """One row of the output; the fields are its columns."""

    image: str
    width: Optional[int]
    height: Optional[int]
    status: str
    error: Optional[str] = None
    host: Optional[str] = None
    detections: Sequence[Detection] = ()


def of_inspection(image: str, seen: Inspection) -> ImageRow:
    """The row of a file that is no image to segment."""
    return ImageRow(image, seen.width, seen.height, seen.status, seen.error)


def pack(row: ImageRow) -> bytes:
    """A row as one Arrow record batch, without its schema."""
    packed: bytes = _batch([row]).serialize().to_pybytes()
    return packed


def assemble(
    files: Sequence[InputFile], packed: Iterable[Tuple[str, bytes]], known: Mapping[str, Inspection]
) -> pa.Table:
    """The rows of these files, in their order: those that were packed, and the inspected ones that need no engine.

    An image without either has a row that says so: `failed`, never absent. Raises RuntimeError for an image with two
    rows, and for a row of no such file.
    """
    batches: Dict[str, Any] = {}
    names = {file.image for file in files}
    for image, content in packed:
        if image in batches or image not in names:
            raise RuntimeError(f"{image}: {'a second row' if image in batches else 'a row of no input file'} came back")
        batches[image] = pa.ipc.read_record_batch(pa.py_buffer(content), SCHEMA)
    for file in files:
        if file.image not in batches:
            batches[file.image] = _batch([_without_result(file, known.get(file.image))])
    return pa.Table.from_batches([batches[file.image] for file in files], SCHEMA).combine_chunks()


def _without_result(file: InputFile, seen: Optional[Inspection]) -> ImageRow:
    if seen is not None and seen.status != "ok":
        return of_inspection(file.image, seen)
    width, height = (seen.width, seen.height) if seen else (None, None)
    return ImageRow(file.image, width, height, "failed", "no engine returned a result for this image")


def _batch(rows: List[ImageRow]) -> Any:
    return pa.RecordBatch.from_pylist([_plain(row) for row in rows], SCHEMA)


def _plain(row: ImageRow) -> Dict[str, Any]:
    return {**vars(row), "detections": [_plain_detection(found) for found in row.detections]}


def _plain_detection(found: Detection) -> Dict[str, Any]:
    return {
        "category_id": found.category_id,
        "score": found.score,
        "bbox": list(found.bbox),
        "segmentation": {"size": list(found.segmentation["size"]), "counts": found.segmentation["counts"]},
    }
