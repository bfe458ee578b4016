"""When a cluster is ready, by what its services answer."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from experiments.cluster.readiness import (
    NAMENODE_PORT,
    RESOURCEMANAGER_PORT,
    SPARK_MASTER_PORT,
    Fetch,
    guilty,
    http_fetch,
    missing,
)
from experiments.topology import load_topology

STANDALONE, YARN, LOCAL = (load_topology(name) for name in ("standalone", "yarn", "local"))


def spark_worker(host: str, **changed: Any) -> dict[str, Any]:
    """An entry of the Spark master's /json/."""
    return {
        "id": f"worker-20261122180000-{host}-40000",
        "host": host,
        "port": 40000,
        "webuiaddress": f"http://{host}:8081",
        "cores": 1,
        "coresused": 0,
        "coresfree": 1,
        "memory": 2048,
        "memoryused": 0,
        "memoryfree": 2048,
        "state": "ALIVE",
        "lastheartbeat": 1795370000000,
    } | changed


def spark_master(*workers: dict[str, Any]) -> Fetch:
    def fetch(node: str, port: int, path: str) -> Any:
        assert (node, port, path) == ("master", SPARK_MASTER_PORT, "/json/")
        return {"url": "spark://master:7077", "workers": list(workers), "aliveworkers": 9, "status": "ALIVE"}

    return fetch


ALL_WORKERS = [spark_worker(f"worker-{number}") for number in (1, 2, 3)]


def silent(node: str, port: int, path: str) -> Any:
    raise OSError(f"{node}:{port}{path}: Connection refused")


def test_all_workers_are_there() -> None:
    assert missing(STANDALONE, spark_master(*ALL_WORKERS)) is None


def test_more_memory_than_asked_for_is_enough() -> None:
    assert missing(STANDALONE, spark_master(*(one | {"memory": 2100} for one in ALL_WORKERS))) is None


def test_the_master_does_not_answer() -> None:
    assert missing(STANDALONE, silent) == "the Spark master on master"


def test_no_worker_yet() -> None:
    lacking = "the worker on worker-1, the worker on worker-2, the worker on worker-3"
    assert missing(STANDALONE, spark_master()) == lacking


def test_the_worker_that_is_missing_is_named() -> None:
    assert missing(STANDALONE, spark_master(ALL_WORKERS[0], ALL_WORKERS[2])) == "the worker on worker-2"


def test_a_dead_worker_is_missing_and_its_successor_is_not() -> None:
    dead = spark_worker("worker-2", state="DEAD")
    assert missing(STANDALONE, spark_master(ALL_WORKERS[0], dead, ALL_WORKERS[2])) == "the worker on worker-2"
    assert missing(STANDALONE, spark_master(*ALL_WORKERS, dead)) is None


@pytest.mark.parametrize(
    ("changed", "offer"), [({"cores": 2}, "2 cores and 2048 MB"), ({"memory": 1024}, "1 cores and 1024 MB")]
)
def test_a_worker_of_the_wrong_size(changed: dict[str, int], offer: str) -> None:
    lacking = missing(STANDALONE, spark_master(*ALL_WORKERS[:2], ALL_WORKERS[2] | changed))
    assert lacking == f"worker-3 offers {offer} instead of 1 and 2048"


def yarn_node(host: str, **changed: Any) -> dict[str, Any]:
    """An entry of the ResourceManager's /ws/v1/cluster/nodes."""
    return {
        "rack": "/default-rack",
        "state": "RUNNING",
        "id": f"{host}:45454",
        "nodeHostName": host,
        "nodeHTTPAddress": f"{host}:8042",
        "healthReport": "",
        "numContainers": 0,
        "usedMemoryMB": 0,
        "availMemoryMB": 3968 if host == "master" else 3072,
        "usedVirtualCores": 0,
        "availableVirtualCores": 2 if host == "master" else 1,
    } | changed


HADOOP: dict[str, Any] = {
    "state": {"name": "Hadoop:service=NameNode,name=FSNamesystemState", "NumLiveDataNodes": 3, "NumDeadDataNodes": 0},
    "info": {"name": "Hadoop:service=NameNode,name=NameNodeInfo", "Safemode": "", "Threads": 40},
    "nodes": [yarn_node(name) for name in ("master", "slave-1", "slave-2")],
}


def hadoop(mute: int = 0, **changed: Any) -> Fetch:
    """The pages of a YARN cluster; `mute` is a port that does not answer."""
    pages = copy.deepcopy(HADOOP)
    for name, value in changed.items():
        pages[name] = pages[name] | value if isinstance(value, dict) else value

    def fetch(node: str, port: int, path: str) -> Any:
        assert node == "master"
        if port == mute:
            raise OSError("Connection refused")
        if port == NAMENODE_PORT:
            bean = "state" if path.endswith("name=FSNamesystemState") else "info"
            assert path.startswith("/jmx?qry=Hadoop:service=NameNode,name=")
            return {"beans": [pages[bean]] if pages[bean] else []}
        assert (port, path) == (RESOURCEMANAGER_PORT, "/ws/v1/cluster/nodes")
        return {"nodes": {"node": pages["nodes"]} if pages["nodes"] else pages["nodes"]}

    return fetch


def test_all_of_yarn_is_there() -> None:
    assert missing(YARN, hadoop()) is None


@pytest.mark.parametrize(
    ("mute", "lacking"),
    [(NAMENODE_PORT, "the NameNode on master"), (RESOURCEMANAGER_PORT, "the ResourceManager on master")],
)
def test_a_master_of_hadoop_does_not_answer(mute: int, lacking: str) -> None:
    assert missing(YARN, hadoop(mute=mute)) == lacking


@pytest.mark.parametrize(("live", "lacking"), [(0, "3 of 3 DataNodes"), (2, "1 of 3 DataNodes")])
def test_datanodes_that_are_missing(live: int, lacking: str) -> None:
    assert missing(YARN, hadoop(state={"NumLiveDataNodes": live})) == lacking


def test_a_namenode_that_has_not_counted_yet() -> None:
    assert missing(YARN, hadoop(state=None)) == "3 of 3 DataNodes"


def test_safe_mode_is_not_ready_and_its_reason_is_given() -> None:
    lacking = missing(YARN, hadoop(info={"Safemode": "Safe mode is ON. The reported blocks 0 has reached" + "." * 99}))
    assert lacking is not None
    assert lacking.startswith("the NameNode's leave of safe mode (Safe mode is ON. The reported blocks 0")
    assert len(lacking) < 130


@pytest.mark.parametrize("nodes", [None, []])
def test_no_nodemanager_yet(nodes: list[Any] | None) -> None:
    lacking = missing(YARN, hadoop(nodes=nodes))
    assert lacking == "the NodeManager on master, the NodeManager on slave-1, the NodeManager on slave-2"


@pytest.mark.parametrize(
    ("changed", "lacking"),
    [
        ({"state": "LOST"}, "the NodeManager on slave-2"),
        ({"availableVirtualCores": 0}, "slave-2 offers 0 of 1 cores"),
        ({"availMemoryMB": 3071}, "slave-2 offers 3071 of 3072 MB"),
    ],
)
def test_a_nodemanager_that_is_lost_or_small(changed: dict[str, Any], lacking: str) -> None:
    assert missing(YARN, hadoop(nodes=[*HADOOP["nodes"][:2], yarn_node("slave-2", **changed)])) == lacking


def test_hdfs_comes_before_yarn() -> None:
    assert missing(YARN, hadoop(state={"NumLiveDataNodes": 2}, nodes=None)) == "1 of 3 DataNodes"


def test_local_mode_waits_for_nothing() -> None:
    assert missing(LOCAL, silent) is None


@pytest.mark.parametrize(
    ("lacking", "expected"),
    [
        ("the Spark master on master", [("master", "spark-master")]),
        ("the worker on worker-2", [("worker-2", "spark-worker")]),
        (
            "the worker on worker-1, the worker on worker-3",
            [("worker-1", "spark-worker"), ("worker-3", "spark-worker")],
        ),
    ],
)
def test_whose_log_explains_it_in_standalone(lacking: str, expected: list[tuple[str, str]]) -> None:
    assert guilty(STANDALONE, lacking) == expected


@pytest.mark.parametrize(
    ("lacking", "expected"),
    [
        ("the NameNode on master", [("master", "namenode")]),
        ("the NameNode's leave of safe mode (Safe mode is ON)", [("master", "namenode")]),
        ("the ResourceManager on master", [("master", "resourcemanager")]),
        ("the NodeManager on slave-2", [("slave-2", "nodemanager")]),
        ("slave-1 offers 0 of 1 cores", [("slave-1", "nodemanager")]),
        ("1 of 3 DataNodes", [("master", "datanode"), ("slave-1", "datanode"), ("slave-2", "datanode")]),
    ],
)
def test_whose_log_explains_it_on_yarn(lacking: str, expected: list[tuple[str, str]]) -> None:
    assert guilty(YARN, lacking) == expected


def test_at_most_three_logs_are_shown() -> None:
    spec = load_topology("databricks")
    lacking = missing(spec, lambda *_: {"workers": []})
    assert lacking is not None
    assert lacking.count("the worker on") == 6
    assert len(guilty(spec, lacking)) == 3


def test_a_port_that_is_not_published_is_no_answer() -> None:
    with pytest.raises(OSError, match="port 8080 of master is not published"):
        http_fetch({"master": {9870: 1}})("master", 8080, "/json/")
