"""The output's rows: one for each input file, whatever became of it."""

from __future__ import annotations

import json
from typing import Any, List, Sequence

from cluster_app.contract.rows import COLUMNS
from cluster_app.pipeline.inventory import InputFile
from cluster_app.tasks import Detection

DETECTIONS_DDL = COLUMNS["detections"]
_FILES_DDL = "image string, width int, height int, status string, error string"


def detections_json(detections: Sequence[Detection]) -> str:
    """Detections as Spark's from_json reads them: Spark 3.1 takes no list of structs from pandas."""
    return json.dumps(
        [
            {
                "category_id": found.category_id,
                "score": found.score,
                "bbox": list(found.bbox),
                "segmentation": {
                    "size": list(found.segmentation["size"]),
                    "counts": found.segmentation["counts"],
                },
            }
            for found in detections
        ]
    )


def complete(spark: Any, files: List[InputFile], predicted: Any) -> Any:
    """Joins what was predicted to the inventory: an image without a result is `failed`, never absent."""
    from pyspark.sql import functions as F

    inventory = spark.createDataFrame(
        [(file.image, file.width, file.height, file.status, file.error) for file in files], _FILES_DDL
    )
    joined = inventory.join(predicted.withColumnRenamed("error", "failure"), "image", "left")
    lost = (F.col("status") == "ok") & F.col("host").isNull()
    failed = lost | F.col("failure").isNotNull()
    return joined.select(
        "image",
        "width",
        "height",
        F.when(failed, "failed").otherwise(F.col("status")).alias("status"),
        F.when(lost, "no engine returned a result for this image")
        .otherwise(F.coalesce("failure", "error"))
        .alias("error"),
        "host",
        F.coalesce("detections", F.from_json(F.lit("[]"), DETECTIONS_DDL)).alias("detections"),
    )
