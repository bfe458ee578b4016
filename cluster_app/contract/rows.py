"""The output's rows, one for each input file, as plain data."""

from __future__ import annotations

from collections.abc import Mapping

# ok: segmented. corrupt: an image that cannot be read whole. unsupported: no image by its bytes. failed: our fault.
STATUSES = ("ok", "corrupt", "unsupported", "failed")

# Types by the columns' names, in order, in Spark's SQL notation. `image` is the path relative to the input URI; bbox is
# x, y, width, height in pixels of the original; segmentation is COCO's compressed run-length encoding.
COLUMNS: Mapping[str, str] = {
    "image": "string",
    "width": "int",
    "height": "int",
    "status": "string",
    "error": "string",
    "host": "string",
    "detections": (
        "array<struct<category_id:int,score:float,bbox:array<float>,segmentation:struct<size:array<int>,counts:string>>>"
    ),
}

RESULT_FILE = "job-result.json"
SUCCESS_FILE = "_SUCCESS"


def ddl() -> str:
    """The rows' schema as Spark's SQL writes it."""
    return ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
