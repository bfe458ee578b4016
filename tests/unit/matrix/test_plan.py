"""Plans: scales, what fits and what does not, time and disk, on hosts of several sizes."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import UserError
from experiments.fit import check_fit
from experiments.matrix import clusters, costs
from experiments.matrix.costs import REFERENCE_ISA, REFERENCE_SECONDS, REFERENCE_START, Calibration
from experiments.matrix.plan import Host, Plan, as_json, make_plan
from experiments.matrix.preset import load_preset, parse_preset, shipped_presets
from experiments.topology import TOPOLOGIES, load_topology
from experiments.types import MachineSpec

SMALL = Host(cores=2, memory_mb=24_000, disk_free_mb=50_000, cpu_model="small")
LARGE = Host(cores=16, memory_mb=128_000, disk_free_mb=500_000, cpu_model="large")
MEASURED = Calibration({REFERENCE_ISA: 0.0222, "AVX": 0.063})
UNKNOWN = Calibration({})


def planned(content: dict[str, Any], host: Host = SMALL, calibration: Calibration = MEASURED) -> Plan:
    made = {"schema": 1, "title": "t", **content}
    return make_plan(parse_preset(made, "made", "made.toml"), host, calibration)


@pytest.mark.parametrize("name", [name for name in shipped_presets() if name != "table-1"])
def test_every_shipped_preset_runs_on_two_cores(name: str) -> None:
    plan = make_plan(load_preset(name), SMALL, MEASURED)
    assert plan.runnable
    reasons = {reason for one in plan.cells for reason in one.skipped}
    # Cells that only a larger host can run are there to be run on one.
    assert all("not built yet" in reason or "needs more cores" in reason for reason in reasons), reasons
    for one in plan.runnable:
        assert one.cluster is not None
        assert check_fit(one.cluster, SMALL.capacity) == []
        for node, executor in one.cluster.executors:
            assert executor.core_share == pytest.approx(plan.scales[one.cell.comparison])
            assert node.cpus >= executor.host_cores - 1e-9


def test_six_workers_run_on_two_cores() -> None:
    plan = planned({"settings": {"topology": "databricks"}, "axes": {"workers": [1, 6]}})
    one, six = plan.cells
    assert one.cluster is not None
    assert six.cluster is not None
    assert len(six.cluster.executor_nodes) == 6
    assert one.share == six.share == 0.25  # what six workers leave, and then for one worker too
    assert [node.cpus for node in one.cluster.executor_nodes] == [0.25]
    assert one.cluster.driver.cpus == six.cluster.driver.cpus == 0.5


def test_a_larger_host_is_used_by_the_same_preset() -> None:
    content = {"settings": {"topology": "databricks"}, "axes": {"workers": [1, 6]}}
    small, large = planned(content), planned(content, LARGE)
    assert small.scales["made"] == 0.25
    assert large.scales["made"] == 1.0  # a paper core is never worth more than one of the host's
    assert large.cells[0].cluster is not None
    assert sum(machine.cores for machine in large.cells[0].cluster.machines) == 16


def test_comparisons_have_scales_of_their_own() -> None:
    content = {
        "compare_by": ["topology"],
        "cells": [
            {"name": "one", "set": {"topology": "standalone", "workers": 1}},
            {"name": "three", "set": {"topology": "standalone", "workers": 3}},
            {"name": "local", "set": {"topology": "local"}},
        ],
    }
    assert planned(content).scales == {"topology standalone": 0.5, "topology local": 1.0}


def test_twice_the_cores_get_twice_the_quota_at_one_scale() -> None:
    two, four = planned({"settings": {"topology": "local"}, "axes": {"cores": [2, 4]}}).cells
    assert two.share == four.share == 0.5
    assert two.cluster is not None
    assert four.cluster is not None
    assert (two.cluster.driver.cpus, four.cluster.driver.cpus) == (1.0, 2.0)


def test_cpuset_takes_no_more_cores_than_the_quota_needs() -> None:
    quota, cpuset = planned(
        {"settings": {"topology": "local", "cores": 1}, "axes": {"limit": ["quota", "cpuset"]}}
    ).cells
    assert quota.cluster is not None
    assert cpuset.cluster is not None
    assert (quota.cluster.machines[0].cores, cpuset.cluster.machines[0].cores) == (2, 1)
    assert quota.cluster.driver.cpus == cpuset.cluster.driver.cpus == 1.0
    assert quota.cluster_name != cpuset.cluster_name


SKIPPED = {
    "machines need a host core each": ({"settings": {"topology": "heterogeneous"}}, {"cores": 1}),
    "of memory at least": ({"settings": {"topology": "databricks", "workers": 6}}, {"memory_mb": 8000}),
    "of disk are needed": ({"settings": {"topology": "local"}}, {"disk_free_mb": 4000}),
    "where the Docker engine keeps containers": ({"settings": {"topology": "local"}}, {"engine_free_mb": 4000}),
    "would get 0.02 of a host core; at least 0.05": (
        {"settings": {"topology": "standalone"}, "scale": {"services": 0.01}},
        {},
    ),
    "scale.core = 0.9 needs more cores": ({"settings": {"topology": "standalone"}, "scale": {"core": 0.9}}, {}),
    "at least 0.05 is needed": ({"settings": {"topology": "databricks", "workers": 6, "cores": 8}}, {}),
    'link = "26mbit": shaping a link is not built yet': ({"settings": {"link": "26mbit"}}, {}),
    "may take": ({"settings": {"topology": "standalone", "model": "r50"}}, {}),
    "allowed: 1 to 1": ({"settings": {"topology": "standalone", "threads_per_task": 2}}, {}),
}


@pytest.mark.parametrize("reason", SKIPPED)
def test_what_does_not_fit_is_skipped_with_its_reason(reason: str) -> None:
    content, changes = SKIPPED[reason]
    host = Host(**{**vars(SMALL), **changes})
    (one,) = planned({**content, "cells": [{"name": "only"}]}, host).cells
    assert reason in " ".join(one.skipped)
    assert one.cluster is None


def test_a_skipped_cell_does_not_lower_the_scale_of_the_others() -> None:
    content = {"settings": {"topology": "databricks", "workers": 2}, "axes": {"cores": [1, 40]}}
    first, second = planned(content).cells
    assert second.skipped
    assert first.share == 0.75


def test_disk_is_looked_at_where_each_thing_lies() -> None:
    content = {"settings": {"topology": "local"}, "cells": [{"name": "only"}]}
    roomy, tight = (planned(content, replace(SMALL, disk_free_mb=4000, engine_free_mb=mb)) for mb in (9000, 7000))
    assert roomy.runnable  # the cluster's disk is the engine's; the checkout's holds the evidence alone
    assert not tight.runnable
    assert [one.lacks_disk for one in tight.cells] == [True]


def test_a_cell_that_lacks_disk_leaves_the_others() -> None:
    content = {"settings": {"topology": "yarn"}, "axes": {"workers": [2, 8]}}
    plan = planned(content, replace(LARGE, disk_free_mb=12_000))
    few, many = plan.cells
    assert (few.lacks_disk, many.lacks_disk) == (False, True)
    assert few.share == planned({**content, "axes": {"workers": [2]}}, LARGE).cells[0].share
    assert plan.disk_mb < 12_000


def test_a_topology_that_is_not_built_yet_skips_its_cell_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text((TOPOLOGIES / "local.toml").read_text().replace("cpus =", 'link = "26mbit"\ncpus ='))
    content = {
        "settings": {"topology": "local"},
        "cells": [{"name": "a"}, {"name": "b", "set": {"topology": str(path)}}],
    }
    local, mine = planned(content).cells
    assert local.cluster is not None
    assert "not built yet" in mine.skipped[0]


@pytest.mark.parametrize("seed", range(50))
def test_machines_share_out_all_of_the_hosts_cores(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"m{n}" for n in range(chance.randint(1, 6))]
    machines = tuple(MachineSpec(name, chance.randint(1, 40)) for name in names)
    spec = replace(load_topology("local"), machines=machines)
    cores = chance.randint(len(names), 64)
    shares = clusters.machine_cores(spec, cores)
    assert sum(shares.values()) == cores
    assert min(shares.values()) >= 1
    sizes = {one.name: one.cores for one in machines}
    assert all(shares[a] >= shares[b] - 1 for a in names for b in names if sizes[a] >= sizes[b])


@pytest.mark.parametrize("seed", range(40))
def test_at_whatever_scale_a_cluster_survives_its_topology_file(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    topology, cores = chance.choice(["local", "standalone", "yarn", "databricks"]), chance.randint(1, 4)
    content = {
        "settings": {"topology": topology, "cores": cores, "threads_per_task": cores, "engine": "fused"},
        "scale": {"core": chance.randint(500, 10_000) / 10_000, "services": chance.choice([0.0371, 0.1, 0.3333])},
        "cells": [{"name": "only"}],
    }
    (one,) = planned(content, replace(LARGE, cores=64)).cells
    assert one.cluster is not None, one.skipped
    path = tmp_path / f"{one.cluster_name}.toml"
    path.write_text(clusters.to_toml(one.cluster, "as run"))
    assert check_fit(load_topology(str(path)), replace(LARGE, cores=64).capacity) == []


def test_nodes_get_what_they_need_where_the_topologys_memory_does_not_fit() -> None:
    content = {"settings": {"topology": "databricks", "workers": 2}, "cells": [{"name": "only"}]}
    roomy = planned(content).cells[0].cluster
    assert roomy is not None
    least, most = (clusters.memory_needed(roomy, compact=compact) for compact in (True, False))
    assert least < most
    between = Host(2, (least + most) // 2 + clusters.HOST_RESERVE_MB, 50_000, "x")
    tight = planned(content, between).cells[0].cluster
    assert tight is not None
    assert sum(node.memory_mb for node in roomy.nodes) == most
    assert sum(node.memory_mb for node in tight.nodes) == least


def test_a_planned_cluster_survives_its_topology_file(tmp_path: Any) -> None:
    for name in ("table-5", "table-6", "table-2", "table-8"):
        for one in make_plan(load_preset(name), SMALL, MEASURED).runnable:
            assert one.cluster is not None
            path = tmp_path / f"{one.cluster_name}.toml"
            path.write_text(clusters.to_toml(one.cluster, "as run"))
            read = load_topology(str(path))
            for node in one.cluster.nodes:
                again = read.node(node.name)
                for key in ("roles", "machine", "cpus", "memory_mb", "isa", "profile", "executor"):
                    assert getattr(again, key) == getattr(node, key), key
            assert read.machines == one.cluster.machines


def test_without_a_calibration_times_are_rougher() -> None:
    content = {"cells": [{"name": "only"}]}
    sure, unsure = planned(content).seconds, planned(content, SMALL, UNKNOWN).seconds
    assert sure.high - sure.low < unsure.high - unsure.low
    assert sure.low < sure.seconds < sure.high


def test_a_slower_host_takes_longer() -> None:
    content = {"settings": {"model": "r50", "engine": "fused"}, "cells": [{"name": "only"}]}
    slow = Calibration({REFERENCE_ISA: 0.0444, "AVX": 0.126})
    assert planned(content, SMALL, slow).cells[0].estimate.seconds > 1.8 * planned(content).cells[0].estimate.seconds  # type: ignore[union-attr]


def test_a_host_that_is_faster_at_networks_alone_is_no_faster_at_the_rest() -> None:
    content = {"settings": {"model": "small", "engine": "bigdl"}, "cells": [{"name": "only"}]}
    reference = Calibration({REFERENCE_ISA: REFERENCE_SECONDS}, REFERENCE_START)
    networks_alone = Calibration({REFERENCE_ISA: REFERENCE_SECONDS / 2}, REFERENCE_START)
    slow_interpreters = Calibration({REFERENCE_ISA: REFERENCE_SECONDS}, 2 * REFERENCE_START)
    base, faster, slower = (
        one.seconds
        for given in (reference, networks_alone, slow_interpreters)
        if (one := planned(content, SMALL, given).cells[0].estimate)
    )
    assert 0.9 * base < faster < base  # starting Java and Python is most of it
    assert 1.8 * base < slower < 2 * base


def test_without_a_measured_start_the_network_stands_for_it() -> None:
    content = {"cells": [{"name": "only"}]}
    alone = Calibration({REFERENCE_ISA: 2 * REFERENCE_SECONDS})
    both = Calibration({REFERENCE_ISA: 2 * REFERENCE_SECONDS}, 2 * REFERENCE_START)
    assert planned(content, SMALL, alone).seconds == planned(content, SMALL, both).seconds


def seconds(host: Host = SMALL, **settings: Any) -> float:
    (one,) = planned({"settings": settings, "cells": [{"name": "a"}]}, host).cells
    assert one.estimate is not None, one.skipped
    return one.estimate.seconds


def test_fewer_partitions_than_slots_leave_nodes_idle() -> None:
    given = {"topology": "databricks", "workers": 6, "engine": "bigdl", "images": 480}
    one, six, twelve = (seconds(**given, read_partitions=number) for number in (1, 6, 12))
    assert one > 3 * six
    assert twelve == pytest.approx(six, rel=0.1)


def test_a_driver_of_many_cores_starts_no_faster_than_one_of_a_few() -> None:
    # Beyond 16 cores only the driver's share grows: the workers have a whole core for each of theirs.
    given = {"topology": "standalone", "workers": 2, "engine": "fused", "images": 1}
    assert seconds(replace(LARGE, cores=64), **given) == pytest.approx(seconds(LARGE, **given), abs=0.2)
    assert seconds(**given) > seconds(LARGE, **given) + 1


def test_each_yarn_node_needs_room_for_the_environment_that_it_is_sent() -> None:
    def disk(**settings: Any) -> int:
        return planned({"settings": settings, "cells": [{"name": "a"}]}, LARGE).disk_mb

    few, many = (disk(topology="yarn", workers=n) for n in (2, 8))
    local = disk(topology="standalone", workers=8)
    assert few <= 8000 + 100
    assert local <= 8000 + 100
    assert many >= 8 * 2600


def test_a_cap_of_instruction_sets_slows_the_network_and_nothing_else() -> None:
    content = {"settings": {"topology": "heterogeneous", "engine": "bigdl"}, "cells": [{"name": "only"}]}
    estimates = [
        planned(content, SMALL, Calibration({REFERENCE_ISA: 0.0222, "AVX": seconds})).cells[0].estimate
        for seconds in (0.063, 0.126)
    ]
    one, other = (estimate.seconds for estimate in estimates if estimate)
    assert one < other < 1.15 * one  # starting Java and Python is most of it


@pytest.mark.parametrize("seed", range(50))
def test_whatever_is_planned_fits_its_host(seed: int) -> None:
    chance = random.Random(seed)
    host = Host(chance.randint(1, 32), chance.choice([6000, 16_000, 64_000, 256_000]), 50_000, "made")
    content = {
        "settings": {"topology": chance.choice(["local", "standalone", "heterogeneous", "yarn", "databricks"])},
        "axes": {"cores": chance.sample([1, 2, 3, 4], 2), "images": [12, 24]},
        "scale": {"core": chance.choice(["fit", 0.1, 0.5]), "services": chance.choice([0.01, 0.1, 0.4])},
    }
    plan = planned(content, host)
    assert plan.cells
    for one in plan.cells:
        assert bool(one.skipped) != bool(one.cluster)
        if one.cluster:
            assert check_fit(one.cluster, host.capacity) == []
            assert one.estimate is not None
            assert one.timeout > one.estimate.high


def test_plan_json_holds_every_cell() -> None:
    plan = make_plan(load_preset("table-8"), SMALL, MEASURED)
    content = json.loads(json.dumps(as_json(plan)))
    assert [one["cell"] for one in content["cells"]] == ["link-26mbit", "no-link"]
    assert content["cells"][0]["skipped"]
    assert content["cells"][1]["nodes"][0]["name"] == "master"
    assert content["seconds"]["low"] < content["seconds"]["seconds"]


def test_table_10_is_a_small_fraction() -> None:
    plan = make_plan(load_preset("table-10"), SMALL, MEASURED)
    names = [one.cell.comparison for one in plan.cells]
    assert 0 < sum(name.startswith("model small") for name in names) <= 12
    assert 0 < sum(name.startswith("model r50") for name in names) <= 3
    assert plan.seconds.seconds <= 75 * 60


def test_bf16_is_only_tried_where_it_is_computed_by_instructions_for_it() -> None:
    content = {"settings": {"engine": "fused", "precision": "bf16"}, "cells": [{"name": "a"}]}
    (capped,) = planned(content).cells
    assert "capped at AVX512_CORE_VNNI" in capped.skipped[0]
    free = {**content, "settings": {**content["settings"], "isa": "host"}}  # type: ignore[dict-item]
    (without,) = planned(free, replace(SMALL, cpu_flags=frozenset({"avx2"}))).cells
    assert "this processor has none" in without.skipped[0]
    (able,) = planned(free, replace(SMALL, cpu_flags=frozenset({"avx512_bf16"}))).cells
    assert able.skipped == ()
    assert able.cluster is not None
    assert {node.isa for node in able.cluster.nodes} == {None}
    assert planned(free).cells[0].skipped == ()


def test_of_ten_thousand_cells_each_cluster_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = {"workers": [1, 2, 3, 4, 5], "images": list(range(1, 201)), "read_partitions": list(range(1, 11))}
    content = {"settings": {"topology": "databricks"}, "axes": axes}
    loaded = list[str]()
    monkeypatch.setattr(clusters, "load_topology", lambda name: loaded.append(name) or load_topology(name))
    clusters.shaped.cache_clear()
    plan = planned(content)
    assert len(plan.cells) == 10_000
    assert loaded == ["databricks"] * 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"topology": "standalon"}, "cell 'odd'.*there is no such topology"),
        ({"topology": "local", "workers": 3}, "cell 'odd'"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused_with_its_cell(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=rf"made\.toml: {said}"):
        planned({"cells": [{"name": "good"}, {"name": "odd", "set": settings}]})


def test_a_cell_that_is_skipped_lowers_no_scale() -> None:
    one = {"name": "one", "set": {"topology": "databricks", "workers": 1, "engine": "fused"}}
    alone = planned({"cells": [one]})
    six = {"name": "six", "set": {"topology": "databricks", "workers": 6, "engine": "fused", "threads_per_task": 2}}
    both = planned({"cells": [one, six]})
    assert [bool(cell.skipped) for cell in both.cells] == [False, True]
    assert both.scales == alone.scales


def test_a_new_yarn_cluster_takes_longer_the_slower_its_nodes_unpack() -> None:
    def boot(core: float) -> float:
        content = {"settings": {"topology": "yarn", "workers": 1}, "cells": [{"name": "a"}], "scale": {"core": core}}
        (one,) = planned(content).cells
        assert one.cluster is not None
        return costs.boot_seconds(one.cluster)

    # 30 core-seconds on half of a core, and on a quarter.
    assert boot(0.25) - boot(0.5) == pytest.approx(60)
