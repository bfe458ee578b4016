"""How much of its node's processor a worker has: the cores it may run on, and the quota of its cgroup.

A quota hides no cores, so whatever counts cores itself starts more threads than the quota feeds; they then wait for
each other while the kernel holds one of them back.
"""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path
from typing import Optional

_CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """The cores that this process may run on, by its affinity (cpuset)."""
    return len(os.sched_getaffinity(0))


def quota(cgroup: Path = _CGROUP) -> Optional[float]:
    """Host cores that the cgroup's quota is worth; None without one. Versions 1 and 2 of cgroups."""
    if (cgroup / "cpu.max").is_file():
        limit, period = (cgroup / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    first = cgroup / "cpu"
    if not (first / "cpu.cfs_quota_us").is_file():
        return None
    limit, period = (first / "cpu.cfs_quota_us").read_text(), (first / "cpu.cfs_period_us").read_text()
    return None if int(limit) < 0 else int(limit) / int(period)


def threads(asked: int, cores: int, quota: Optional[float]) -> int:
    """How many of the threads that a task may use are fed: at most its cores, and its quota rounded up."""
    return max(1, min(asked, cores, ceil(quota) if quota is not None else cores))
