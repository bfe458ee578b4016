"""A container's memory while it runs: its limit, and what the kernel killed for it."""

from __future__ import annotations

from experiments.errors import HostError
from experiments.host.command import run
from experiments.host.engine import DOCKER, Engine

# Version 1 of cgroups, and version 2.
_COUNTERS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")


def set_memory(container: str, megabytes: int) -> None:
    """Puts a limit of that many MB (2^20 bytes) in force at once, without swap."""
    limit = f"{megabytes}m"
    run([DOCKER, "update", "--memory", limit, "--memory-swap", limit, container], where=container)


def oom_kills(engine: Engine, container: str) -> int:
    """How many processes the kernel has killed in a container because its limit was reached.

    Raises HostError where it does not count them.
    """
    shown = engine.exec(container, ["sh", "-c", f"cat {' '.join(_COUNTERS)} 2>/dev/null"], check=False).stdout
    counts = dict(line.split() for line in shown.splitlines() if len(line.split()) == 2)
    if "oom_kill" not in counts:
        raise HostError(f"{container}: its cgroup counts no kills; a kernel of 4.13 or later does")
    return int(counts["oom_kill"])
