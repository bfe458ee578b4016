"""What this host has: cores, memory, disk, processor."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Host:
    """cores that this process may use; memory and free disk in MB (2^20 bytes); flags as in /proc/cpuinfo."""

    cores: int
    memory_mb: int
    disk_free_mb: int
    cpu_model: str
    cpu_flags: frozenset[str]
    kernel: str
    cgroup: str


def measure(folder: Path) -> Host:
    """Reads them from the kernel; the disk is the one that `folder` is on."""
    cpu = _cpuinfo()
    return Host(
        cores=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        disk_free_mb=shutil.disk_usage(folder).free // 2**20,
        cpu_model=cpu.get("model name", "unknown"),
        cpu_flags=frozenset(cpu.get("flags", "").split()),
        kernel=platform.release(),
        cgroup="v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "v1",
    )


def _cpuinfo() -> dict[str, str]:
    first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def first_core() -> int:
    """The number of the first core that this process may use."""
    return min(os.sched_getaffinity(0))
