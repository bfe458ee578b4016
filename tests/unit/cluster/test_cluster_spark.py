"""Arguments of spark-submit for each manager."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.cluster import spark
from experiments.topology import load_topology

LOCAL, STANDALONE, YARN = (load_topology(name) for name in ("local", "standalone", "yarn"))


@pytest.mark.parametrize(
    ("spec", "expected"), [(LOCAL, "local[2]"), (STANDALONE, "spark://master:7077"), (YARN, "yarn")]
)
def test_the_master(spec: object, expected: str) -> None:
    assert spark.master(spec) == expected  # type: ignore[arg-type]


def test_resources_of_local_mode_are_the_drivers() -> None:
    found = spark.resources(LOCAL)
    assert (found["spark.driver.memory"], found["spark.driver.host"]) == ("4096m", "driver")
    assert not any(key.startswith("spark.executor") for key in found)


def test_resources_of_standalone() -> None:
    found = spark.resources(STANDALONE)
    assert (found["spark.driver.memory"], found["spark.driver.host"]) == ("1g", "master")
    assert (found["spark.executor.cores"], found["spark.executor.memory"]) == ("1", "2048m")
    assert found["spark.cores.max"] == "3"
    assert not any(key.startswith("spark.yarn") for key in found)


def test_light_executors_are_the_jvms_that_run_tasks() -> None:
    collections = {"spark.cleaner.periodicGC.interval": "15s"}
    arenas = {"spark.executorEnv.MALLOC_ARENA_MAX": "0"}
    assert spark.light_executors(LOCAL) == {"spark.driver.extraJavaOptions": spark.LIGHT_JVM, **collections, **arenas}
    for spec in (STANDALONE, YARN):
        assert spark.light_executors(spec) == {"spark.executor.extraJavaOptions": spark.LIGHT_JVM, **collections}


def test_resources_of_yarn() -> None:
    found = spark.resources(YARN)
    assert found["spark.executor.instances"] == "3"
    assert (found["spark.executor.memory"], found["spark.executor.memoryOverhead"]) == ("2048m", "1024m")
    assert found["spark.yarn.am.resource.am-slot.amount"] == "1"
    assert found["spark.yarn.archive"].startswith("hdfs:")
    assert "spark.cores.max" not in found


def test_executors_with_more_cores() -> None:
    nodes = [
        replace(node, executor=replace(node.executor, cores=2, instances=2)) if node.executor else node
        for node in STANDALONE.nodes
    ]
    spec = replace(STANDALONE, nodes=tuple(nodes))
    found = spark.resources(spec)
    assert (found["spark.executor.cores"], found["spark.cores.max"]) == ("2", "12")
    assert spark.bigdl(spec, 2)["spark.sql.shuffle.partitions"] == "12"


def test_a_task_holds_the_cores_of_its_threads() -> None:
    found = spark.bigdl(STANDALONE, 2)
    assert found["spark.task.cpus"] == "2"
    assert found["spark.executorEnv.OMP_NUM_THREADS"] == "2"
    assert spark.bigdl(STANDALONE, 1)["spark.task.cpus"] == "1"


def test_only_yarn_ships_the_environment() -> None:
    assert spark.bigdl(YARN, 1)["spark.yarn.dist.archives"] == f"{spark.PACKED}#python_env"
    assert "spark.yarn.dist.archives" not in spark.bigdl(STANDALONE, 1) | spark.bigdl(LOCAL, 1)


def test_python_and_jars_are_where_each_side_has_them() -> None:
    standalone, yarn = spark.bigdl(STANDALONE, 1), spark.bigdl(YARN, 1)
    assert standalone["spark.pyspark.python"] == "/opt/env/bin/python3"
    assert yarn["spark.pyspark.python"] == "python_env/bin/python3"
    for found in (standalone, yarn):
        assert found["spark.pyspark.driver.python"] == "/opt/env/bin/python3"
        assert found["spark.driver.extraClassPath"].split(":") == standalone["spark.driver.extraClassPath"].split(":")
        assert found["spark.eventLog.enabled"] == "true"
    for part, path in zip(("core", "dllib", "orca"), yarn["spark.executor.extraClassPath"].split(":"), strict=True):
        assert path == f"python_env/lib/python3.9/site-packages/bigdl/share/{part}/lib/*"


def test_waiting_is_for_all_executors() -> None:
    assert spark.waiting(120) == {
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s",
    }


def test_the_whole_command_line() -> None:
    line = spark.arguments(STANDALONE, {"b": "2", "a": "1"}, "main.py", "job.json", options=("--name", "clusterbed"))
    assert line == [
        spark.SPARK_SUBMIT,
        *("--master", "spark://master:7077", "--deploy-mode", "client", "--name", "clusterbed"),
        *("--conf", "a=1", "--conf", "b=2"),
        *("main.py", "job.json"),
    ]
