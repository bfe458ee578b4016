"""The Spark session that each engine needs."""

from __future__ import annotations

from typing import Any


def open_session(engine: str) -> Any:
    """Starts Spark's context, from the settings of spark-submit and the engine's own."""
    session = _bigdl() if engine == "bigdl" else _plain()
    session.sparkContext.setLogLevel("WARN")
    return session


def _bigdl() -> Any:
    from bigdl.orca import init_orca_context
    from pyspark.sql import SparkSession

    # An executor gateway keeps the JVM of local mode alive after the job; nothing here needs one.
    return SparkSession(
        init_orca_context(cluster_mode="spark-submit", init_executor_gateway=False, redirect_spark_log=False)
    )


def _plain() -> Any:
    from pyspark.sql import SparkSession

    # A free slot takes the next task at once: waiting for a node that holds the file costs more than sending it.
    return SparkSession.builder.config("spark.locality.wait", "0").getOrCreate()
