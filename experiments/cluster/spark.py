"""Arguments of spark-submit for a cluster: pure, from the topology."""

from __future__ import annotations

from experiments.types import ClusterSpec

SPARK_SUBMIT = "/opt/env/lib/python3.9/site-packages/pyspark/bin/spark-submit"
EVENTS = "/srv/data/spark-events"
LIBRARIES = "hdfs:///clusterbed/spark-libraries.zip"
PACKED = "hdfs:///clusterbed/environment.tar.gz"
# Room for the JVM of a driver; its Python stands beside it.
DRIVER_MEMORY = "1g"
# For a JVM that schedules and hands files on: it computes nothing that would repay a second compiler, or a collector
# with threads of its own, and both would take the cores from those that do. Rows wait there for their slice, for some
# seconds: with room for the survivors of several collections they die young.
LIGHT_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmn64m -XX:SurvivorRatio=2"
# What does not die young is let go of this often, and not only when the heap is full.
_FULL_COLLECTION = "15s"
# The C library gives threads memory from up to eight arenas a core, each of which keeps what it once got. Two do for a
# JVM whose threads mostly wait (docs/profiles/memory-growth.txt). In local mode it is the parent of the Python
# workers, whose threads compute: they get the C library's own number back, which is what 0 asks for.
_ARENAS = "MALLOC_ARENA_MAX"
_BIGDL = "/opt/env/lib/python3.9/site-packages/bigdl/share"
_BIGDL_JARS = "lib/python3.9/site-packages/bigdl/share/{part}/lib/*"
_BIGDL_PARTS = ("core", "dllib", "orca")


def _bigdl_jars(environment: str) -> str:
    return ":".join(f"{environment}/{_BIGDL_JARS.format(part=part)}" for part in _BIGDL_PARTS)


def master(spec: ClusterSpec) -> str:
    """The value of --master."""
    if spec.manager == "local":
        return f"local[{spec.executor.total_cores}]"
    if spec.manager == "standalone":
        return f"spark://{spec.nodes_with('spark-master')[0].name}:7077"
    return "yarn"


def resources(spec: ClusterSpec) -> dict[str, str]:
    """Spark's settings that make its executors those of the topology."""
    executor, conf = spec.executor, {"spark.driver.memory": DRIVER_MEMORY, "spark.driver.host": spec.driver.name}
    if spec.manager == "local":
        return conf | {"spark.driver.memory": f"{executor.memory_mb}m"}
    conf |= {"spark.driver.extraJavaOptions": LIGHT_JVM}
    conf |= {"spark.executor.cores": str(executor.cores), "spark.executor.memory": f"{executor.memory_mb}m"}
    if spec.manager == "standalone":
        return conf | {"spark.cores.max": str(spec.total_executor_cores)}
    return conf | {
        "spark.executor.instances": str(spec.total_executors),
        "spark.executor.memoryOverhead": f"{executor.overhead_mb}m",
        "spark.yarn.archive": LIBRARIES,
        # The resource that only the driver's node has: the ApplicationMaster runs beside the driver.
        "spark.yarn.am.resource.am-slot.amount": "1",
        "spark.yarn.submit.waitAppCompletion": "true",
    }


def light_executors(spec: ClusterSpec) -> dict[str, str]:
    """Settings for an application whose work is done in Python; in local mode the driver's JVM is the executor's."""
    where = "driver" if spec.manager == "local" else "executor"
    conf = {f"spark.{where}.extraJavaOptions": LIGHT_JVM, "spark.cleaner.periodicGC.interval": _FULL_COLLECTION}
    return conf | {f"spark.executorEnv.{_ARENAS}": "0"} if spec.manager == "local" else conf


def light_driver() -> dict[str, str]:
    """Environment of spark-submit for such an application."""
    return {_ARENAS: "2"}


def waiting(seconds: int) -> dict[str, str]:
    """Start only with all executors, and give up on them after that long (BigDL's own file says one hour)."""
    return {
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime": f"{seconds}s",
    }


def arguments(spec: ClusterSpec, conf: dict[str, str], *application: str, options: tuple[str, ...] = ()) -> list[str]:
    """The whole command line; `application` is the program with its arguments."""
    pairs = [word for key, value in sorted(conf.items()) for word in ("--conf", f"{key}={value}")]
    return [SPARK_SUBMIT, "--master", master(spec), "--deploy-mode", "client", *options, *pairs, *application]


def bigdl(spec: ClusterSpec, threads_per_task: int) -> dict[str, str]:
    """Settings for a BigDL job: its jars on every class path, the Python environment, threads, the event log.

    Everything is installed on standalone nodes (claim S4); on YARN the packed environment brings Python and jars.
    """
    executors = "python_env" if spec.manager == "yarn" else "/opt/env"
    conf = {
        "spark.driver.extraClassPath": _bigdl_jars("/opt/env"),
        "spark.executor.extraClassPath": _bigdl_jars(executors),
        "spark.pyspark.driver.python": "/opt/env/bin/python3",
        "spark.pyspark.python": f"{executors}/bin/python3",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": f"file:{EVENTS}",
        # A task holds as many of its executor's cores as it uses threads.
        "spark.task.cpus": str(threads_per_task),
        "spark.sql.shuffle.partitions": str(spec.total_executor_cores),
        # Rows hold whole images and tensors: Spark's default of 10,000 a batch would not fit any memory.
        "spark.sql.execution.arrow.maxRecordsPerBatch": "4",
        "spark.executorEnv.OMP_NUM_THREADS": str(threads_per_task),
        "spark.executorEnv.OPENBLAS_NUM_THREADS": str(threads_per_task),
    }
    if spec.manager == "yarn":
        conf["spark.yarn.dist.archives"] = f"{PACKED}#python_env"
    return conf


def bigdl_properties() -> tuple[str, str]:
    """BigDL's own settings, without which its jobs hang."""
    return ("--properties-file", f"{_BIGDL}/dllib/conf/spark-bigdl.conf")
