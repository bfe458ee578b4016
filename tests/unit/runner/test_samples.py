"""Samples from cgroups of both versions, in folders made here."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from experiments.runner.samples import Reader, Sample, Sampler, used

NET = """Inter-|   Receive       |  Transmit
 face |bytes    packets errs drop ... |bytes    packets errs drop ...
    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0
  eth0: 1000 1 0 0 0 0 0 0 500 1 0 0 0 0 0 0
  eth1: 10 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0
"""


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_version_1(tmp_path: Path) -> None:
    proc = tree(
        tmp_path / "proc",
        {"7/cgroup": "5:memory:/d/abc\n4:cpu,cpuacct:/d/abc\n1:name=systemd:/d/abc\n", "7/net/dev": NET},
    )
    root = tree(
        tmp_path / "cgroup",
        {
            "cpu,cpuacct/d/abc/cpuacct.usage": "2500000000\n",
            "cpu,cpuacct/d/abc/cpu.stat": "nr_periods 100\nnr_throttled 40\nthrottled_time 3000000000\n",
            "memory/d/abc/memory.usage_in_bytes": str(300 * 2**20),
            "memory/d/abc/memory.stat": f"cache 5\ntotal_inactive_file {100 * 2**20}\n",
            "memory/d/abc/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        },
    )
    assert Reader(7, root, proc).read("w", 1.5) == Sample(1.5, "w", 2.5, 100, 40, 3.0, 200.0, 1010, 505, 2)


def test_version_1_with_controllers_apart(tmp_path: Path) -> None:
    proc = tree(tmp_path / "proc", {"7/cgroup": "5:memory:/d\n4:cpu:/d\n3:cpuacct:/d\n"})
    root = tree(
        tmp_path / "cgroup",
        {
            "cpuacct/d/cpuacct.usage": "2500000000\n",
            "cpu/d/cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
            "memory/d/memory.usage_in_bytes": str(2**20),
            "memory/d/memory.stat": "cache 5\n",
            "memory/d/memory.oom_control": "oom_kill_disable 0\n",
        },
    )
    assert Reader(7, root, proc).read("w", 1.5) == Sample(1.5, "w", 2.5, 0, 0, 0.0, 1.0, None, None, 0)


def test_version_2(tmp_path: Path) -> None:
    proc = tree(tmp_path / "proc", {"7/cgroup": "0::/system.slice/docker-abc.scope\n"})
    root = tree(
        tmp_path / "cgroup/system.slice/docker-abc.scope",
        {
            "cpu.stat": "usage_usec 2500000\nnr_periods 100\nnr_throttled 40\nthrottled_usec 3000000\n",
            "memory.current": str(300 * 2**20),
            "memory.stat": f"anon 5\ninactive_file {100 * 2**20}\n",
            "memory.events": "low 0\noom 1\noom_kill 1\n",
        },
    ).parents[1]
    assert Reader(7, root, proc).read("w", 0) == Sample(0, "w", 2.5, 100, 40, 3.0, 200.0, None, None, 1)


@pytest.mark.parametrize(
    ("files", "groups", "cores"),
    [
        ({"cpu/d/cpu.cfs_quota_us": "75000\n", "cpu/d/cpu.cfs_period_us": "100000\n"}, 1, 0.75),
        ({"cpu/d/cpu.cfs_quota_us": "-1\n", "cpu/d/cpu.cfs_period_us": "100000\n"}, 1, None),
        ({"d/cpu.max": "150000 100000\n"}, 2, 1.5),
        ({"d/cpu.max": "max 100000\n"}, 2, None),
    ],
)
def test_the_quota_that_a_cgroup_has(tmp_path: Path, files: dict[str, str], groups: int, cores: float | None) -> None:
    told = "0::/d\n" if groups == 2 else "5:memory:/d\n4:cpu:/d\n3:cpuacct:/d\n"
    proc = tree(tmp_path / "proc", {"7/cgroup": told})
    others = {"memory/d/x": "", "cpuacct/d/x": ""} if groups == 1 else {}
    root = tree(tmp_path / "cgroup", {**files, **others})
    assert Reader(7, root, proc).quota() == cores


def test_cgroups_of_another_host_are_reported(tmp_path: Path) -> None:
    proc = tree(tmp_path / "proc", {"7/cgroup": "0::/docker/abc\n"})
    with pytest.raises(OSError, match="not those of this host"):
        Reader(7, tmp_path, proc)


def test_used_is_what_lies_between_first_and_last() -> None:
    first = Sample(0, "w", 10.0, 100, 4, 1.0, 300.0, 1000, None, 1)
    middle = Sample(1, "w", 11.0, 110, 6, 1.5, 900.0, 1500, None, 1)
    last = Sample(2, "w", 12.5, 120, 9, 2.5, 400.0, 3000, None, 2)
    found = used([first, middle, last])
    assert (found.cpu_s, found.periods, found.throttled, found.throttled_s) == (2.5, 20, 5, 1.5)
    assert (found.memory_mb, found.received, found.sent, found.oom_kills, found.samples) == (900.0, 2000, None, 1, 3)


def test_a_node_that_cannot_be_read_is_a_problem_not_an_end(tmp_path: Path) -> None:
    gone = 2**22 + 1
    with Sampler({"gone": gone}) as sampler:
        pass
    assert list(sampler.problems) == ["gone"]
    assert sampler.used() == {}
    sampler.save(tmp_path / "samples" / "t.jsonl")
    assert (tmp_path / "samples" / "t.jsonl").read_text() == ""


def test_sampling_itself_costs_little(tmp_path: Path) -> None:
    try:
        Reader(os.getpid())
    except OSError:
        pytest.skip("this host shows no cgroup of this process")
    with Sampler({"self": os.getpid()}, interval=0.1) as sampler:
        time.sleep(0.5)
    if sampler.problems:
        pytest.skip(f"this process's cgroup has no quota to read: {sampler.problems}")
    assert len(sampler.samples) >= 4
    assert sampler.share < 0.05  # ten times as often as in a run
    sampler.save(tmp_path / "t.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert len(lines) == len(sampler.samples)
