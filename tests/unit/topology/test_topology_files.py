"""Topology files: each malformed fixture is a valid one with one thing wrong, and gets one message."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from experiments.errors import ClusterbedError, HostError, UserError
from experiments.fit import HostCapacity, require_fit
from experiments.topology import load_topology

FIXTURES = Path(__file__).parents[2] / "fixtures" / "topologies"
ANY_HOST = HostCapacity(cores=64, memory_mb=1_000_000)
NAME_RULE = "small letters, digits and hyphens"
MEMORY_RULE = "a whole number with m (MB) or g (GB) behind it"

# By fixture: the valid file it comes from, and what its one message must hold: key, value, what is allowed or mends it.
MESSAGES = {
    "not-toml": ("standalone", "is not TOML", "line 6", "correct that place"),
    "not-utf8": ("standalone", "is not UTF-8", "byte 192"),
    "schema-missing": ("standalone", "schema is missing", "give 1"),
    "schema-2": ("standalone", "schema = 2", "must be 1"),
    "stack-unknown": ("standalone", 'stack = "next"', "allowed: paper"),
    "manager-missing": ("standalone", "manager is missing", "local, standalone, yarn"),
    "manager-unknown": ("standalone", 'manager = "mesos"', "one of local, standalone, yarn"),
    "unknown-key": ("standalone", 'stacks = "paper"', "unknown key", "did you mean 'stack'", "allowed: machines,"),
    "machines-missing": ("standalone", "machines is missing", "machines = { a = { cores = 2 } }"),
    "machines-empty": ("standalone", "machines = {}", "one a machine"),
    "machine-no-table": ("standalone", "machines.a = 2", "must be tables"),
    "machine-cores-zero": ("standalone", "machines.a.cores = 0", "a whole number of 1 or more"),
    "machine-cores-fraction": ("standalone", "machines.a.cores = 1.5", "a whole number of 1 or more"),
    "machine-unknown-key": ("standalone", 'machines.a.memory = "8g"', "unknown key", "allowed: cores"),
    "machine-name": ("standalone", "machines.A_1", NAME_RULE),
    "machine-unused": ("standalone", "machines.b", "no node is on it", "take it out"),
    "nodes-missing": ("standalone", "nodes is missing", "[[nodes]]"),
    "node-unknown-key": ("standalone", 'nodes.worker.ram = "3g"', "unknown key", "allowed: count, cpus"),
    "node-name-missing": ("standalone", "nodes[1].name is missing", NAME_RULE),
    "node-name-characters": ("standalone", 'name = "Worker_1"', NAME_RULE),
    "node-name-long": ("standalone", 'name = "worker-with-a-name', "32 at most"),
    "node-name-twice": ("standalone", "nodes.master", "2 nodes have the name", "rename one"),
    "node-name-of-count": ("standalone", "nodes.worker-1", "2 nodes have the name", "rename one"),
    "count-zero": ("standalone", "nodes.worker.count = 0", "from 1 to 64"),
    "count-too-many": ("standalone", "nodes.worker.count = 65", "from 1 to 64"),
    "count-true": ("standalone", "nodes.worker.count = true", "a whole number"),
    "roles-missing": ("standalone", "nodes.worker.roles is missing", 'roles = ["spark-worker"]'),
    "roles-empty": ("standalone", "nodes.worker.roles = []", "a list of roles"),
    "roles-text": ("standalone", 'nodes.worker.roles = "spark-worker"', "a list of roles"),
    "role-number": ("standalone", "nodes.worker.roles[1] = 5", "a list of roles"),
    "role-unknown": ("standalone", 'nodes.worker.roles: "datanodes"', "did you mean 'datanode'", "allowed: datanode,"),
    "role-twice": ("standalone", 'nodes.worker.roles: "spark-worker"', "2 times", "once"),
    "node-machine-missing": ("standalone", "nodes.worker.machine is missing", "the name of a machine"),
    "node-machine-unknown": ("standalone", 'nodes.worker.machine = "b"', "allowed: a"),
    "profile-unknown": ("standalone", 'nodes.master.profile = "i7-11370"', "allowed: i7-11370H, i7-3630QM"),
    "profile-and-isa": ("standalone", 'nodes.master.isa = "AVX2"', "gives the instruction set", "leave isa out"),
    "cpus-missing": ("standalone", "nodes.worker.cpus is missing", "cpus = 0.5", "name a profile"),
    "cpus-zero": ("standalone", "nodes.worker.cpus = 0", "a number of 0.01 or more"),
    "cpus-text": ("standalone", 'nodes.worker.cpus = "0.5"', "a number of 0.01 or more"),
    "cpus-nan": ("standalone", "nodes.worker.cpus = nan", "a number of 0.01 or more"),
    "memory-missing": ("standalone", "nodes.worker.memory is missing", 'memory = "4g"'),
    "memory-number": ("standalone", "nodes.worker.memory = 3072", MEMORY_RULE),
    "memory-unit": ("standalone", 'nodes.worker.memory = "3GB"', MEMORY_RULE),
    "memory-zero": ("standalone", 'nodes.worker.memory = "0g"', MEMORY_RULE),
    "isa-unknown": ("standalone", 'nodes.worker.isa = "AVX3"', "one of SSE41, AVX, AVX2"),
    "isa-small-letters": ("standalone", 'nodes.worker.isa = "avx2"', "one of SSE41, AVX, AVX2"),
    "link": ("standalone", 'nodes.worker.link = "26mbit"', "not built yet", "leave link out"),
    "executor-missing": ("standalone", "nodes.worker.executor is missing", 'role "spark-worker"', "executor = {"),
    "executor-text": ("standalone", 'nodes.worker.executor = "2g"', "must be a table", "executor = {"),
    "executor-on-master": ("standalone", "nodes.master.executor", 'only nodes with the role "spark-worker"'),
    "executor-unknown-key": ("standalone", "nodes.worker.executor.instance = 1", "did you mean 'instances'"),
    "executor-cores-missing": ("standalone", "nodes.worker.executor.cores is missing", "1 or more"),
    "executor-cores-zero": ("standalone", "nodes.worker.executor.cores = 0", "1 or more"),
    "executor-memory-missing": ("standalone", "nodes.worker.executor.memory is missing", MEMORY_RULE),
    "executor-overhead": ("standalone", 'nodes.worker.executor.overhead = "0.5g"', MEMORY_RULE),
    "executor-instances-zero": ("standalone", "nodes.worker.executor.instances = 0", "1 or more"),
    "executor-core-share-zero": ("standalone", "nodes.worker.executor.core_share = 0.0", "a number over 0"),
    "ports-role": ("standalone", "nodes.master.ports.spark-worker", "no such role", "allowed: driver, spark-master"),
    "ports-low": ("standalone", "nodes.master.ports.spark-master = 80", "from 1024 to 65535"),
    "ports-with-count": ("standalone", "nodes.worker.ports = { spark-worker = 8081 }", "3 nodes", "leave ports out"),
    "standalone-two-masters": ("standalone", '4 have the role "spark-master"', "exactly 1 is allowed"),
    "standalone-no-driver": ("standalone", 'none has the role "driver"', "add it"),
    "standalone-no-worker": ("standalone", 'none has the role "spark-worker"', "add it"),
    "standalone-namenode": ("standalone", 'nodes.master.roles: "namenode"', "allowed: spark-master, driver,"),
    "history-server-off-driver": ("standalone", 'nodes.worker.roles: "history-server"', 'role "driver"'),
    "local-two-nodes": ("local", "there are 2", "exactly 1 is allowed"),
    "local-role": ("local", 'nodes.driver.roles: "spark-worker"', "allowed: driver"),
    "local-instances": ("local", "nodes.driver.executor.instances = 2", "allowed: 1"),
    "yarn-no-driver": ("yarn", 'none has the role "driver"', "add it"),
    "yarn-no-namenode": ("yarn", 'none has the role "namenode"', "add it"),
    "yarn-two-resourcemanagers": ("yarn", '2 have the role "resourcemanager"', "exactly 1 is allowed"),
    "yarn-executor-missing": ("yarn", "nodes.slave.executor is missing", 'role "nodemanager"'),
    "yarn-spark-worker": ("yarn", 'nodes.slave.roles: "spark-worker"', "allowed: driver, namenode"),
    "executor-sizes-cores": ("yarn", "nodes.slave.executor.cores = 2", "nodes.master has 1", "make them equal"),
    "executor-sizes-memory": ("yarn", 'nodes.slave.executor.memory = "3g"', 'nodes.master has "2g"'),
    "executor-sizes-overhead": ("yarn", 'nodes.slave.executor.overhead = "1g"', 'nodes.master has "640m"'),
    "fit-machine-cores": ("standalone", "machines.a.cores = 2", "add up to 2.3", "set cores to 3", "0.5 on each"),
    "fit-node-cpus": ("standalone", "nodes.worker.cpus = 0.5", "worth 0.75", "set cpus to 0.75, or core_share to 0.5"),
    "fit-node-memory": ("standalone", 'nodes.worker.memory = "2g"', "3008 MB are needed", 'set memory to "3008m"'),
    "fit-master-memory": ("standalone", 'nodes.master.memory = "2047m"', "spark-master, driver", 'memory to "2g"'),
    "fit-yarn-memory": ("yarn", 'nodes.master.memory = "6g"', "ApplicationMaster", 'set memory to "6656m"'),
}


def test_every_fixture_is_in_the_table() -> None:
    assert {path.stem for path in FIXTURES.glob("*.toml")} == set(MESSAGES)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_malformed_topology_gets_one_message(name: str) -> None:
    path = FIXTURES / f"{name}.toml"
    with pytest.raises(ClusterbedError) as caught:
        require_fit(load_topology(str(path)), ANY_HOST)
    assert type(caught.value) is (HostError if name == "link" else UserError)
    (message,) = caught.value.messages
    assert message.startswith(f"{path}: ")
    for part in MESSAGES[name][1:]:
        assert part in message


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_fixture_is_a_valid_file_with_one_thing_wrong(name: str) -> None:
    good = (FIXTURES / "valid" / f"{MESSAGES[name][0]}.toml").read_bytes().splitlines()
    bad = (FIXTURES / f"{name}.toml").read_bytes().splitlines()
    changes = [code for code in difflib.SequenceMatcher(None, good, bad).get_opcodes() if code[0] != "equal"]
    assert len(changes) == 1


@pytest.mark.parametrize("name", ["local", "standalone", "yarn"])
def test_valid_files_pass(name: str) -> None:
    require_fit(load_topology(str(FIXTURES / "valid" / f"{name}.toml")), ANY_HOST)


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = (FIXTURES / "valid" / "standalone.toml").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("cores = 2\n", "cores = 0\n").replace('memory = "3g"', "memory = 3"))
    with pytest.raises(UserError) as caught:
        load_topology(str(path))
    assert len(caught.value.messages) == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.toml: cannot be read"):
        load_topology(str(tmp_path / "absent.toml"))


def test_the_files_name_becomes_the_clusters(tmp_path: Path) -> None:
    path = tmp_path / "My Cluster.toml"
    path.write_text((FIXTURES / "valid" / "standalone.toml").read_text())
    with pytest.raises(UserError, match=f"'My Cluster'.*{NAME_RULE}.*rename the file"):
        load_topology(str(path))
    assert load_topology(str(path.rename(tmp_path / "mine.toml"))).name == "mine"


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(UserError, match=r"'yarn-heterogenous'.*did you mean 'yarn-heterogeneous'.*databricks.*a TOML"):
        load_topology("yarn-heterogenous")
