"""How many tasks a second the driver gets through when they do nothing: `spark-submit ... empty_tasks.py N REPEATS`.

The tasks run in the executors' JVMs; no Python, no data, no result.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Dict

from cluster_app.yardsticks.report import guarded


def main() -> int:
    return guarded(lambda: _measure(int(sys.argv[1]), int(sys.argv[2])))


def _measure(tasks: int, repeats: int) -> Dict[str, Any]:
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    # The first one is not counted: it waits for the executors and compiles the scheduler's own code.
    seconds = [_run(spark, tasks) for _ in range(repeats + 1)][1:]
    slots = int(spark.sparkContext.defaultParallelism)
    spark.stop()
    return {"tasks": tasks, "seconds": seconds, "slots": slots}


def _run(spark: Any, tasks: int) -> float:
    begin = time.perf_counter()
    spark.range(0, tasks, 1, tasks).write.format("noop").mode("overwrite").save()
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(main())
