"""The same work by a pandas_udf that keeps its model in the worker process: `spark-submit ... spark_udf.py JOB.json`.

What a Spark user would write first: binaryFile, one function over a column, collect, write. No slices, no commits, no
resuming, no progress. How it is tuned: experiments/peers/settings.toml, which spark-submit's settings come from.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Dict, Iterator, Tuple

from cluster_app.yardsticks.report import finishes, guarded
from cluster_app.yardsticks.work import Work, files_of, read_work, write

_KIND = "image string, packed binary, process string, at double"


def main() -> int:
    return guarded(lambda: _measure(sys.argv[1]))


def _measure(path: str) -> Dict[str, Any]:
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    begin = time.time()
    work = read_work(path)
    spark = SparkSession.builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    ready = time.time()

    files = files_of(work.job)
    source = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(work.job.input)
    if work.job.repartition is not None:
        source = source.repartition(work.job.repartition)
    segmented = source.select(_function(F, work)("path", "content").alias("row")).select("row.*")
    done = [row.asDict() for row in segmented.collect()]
    rows = write(work.job, files, done)
    end = time.time()
    spark.stop()
    stamps = [(row["process"], row["at"]) for row in done]
    return {"images": rows, "begin": begin, "ready": ready, "end": end, "finishes": finishes(stamps)}


def _function(functions: Any, work: Work) -> Any:
    import pandas

    def segment(batches: Iterator[Tuple[Any, Any]]) -> Iterator[Any]:
        for paths, contents in batches:
            yield pandas.DataFrame(work.segment(list(paths), list(contents)))

    # Spark tells the kind of function by these: an iterator of tuples of columns to one of frames.
    segment.__annotations__ = {
        "batches": Iterator[Tuple[pandas.Series, pandas.Series]],
        "return": Iterator[pandas.DataFrame],
    }
    return functions.pandas_udf(segment, _KIND)


if __name__ == "__main__":
    sys.exit(main())
