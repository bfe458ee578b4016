"""Peaks of memory of a Python worker and of the JVM that it works for, from /proc; in MB (10^6 bytes)."""

from __future__ import annotations

import os
import resource

_KIB = 1024 / 1e6


def peak_memory_mb() -> float:
    """The largest resident set of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def jvm_peak_memory_mb() -> float:
    """The largest resident set so far of this worker's executor: the parent of the daemon that forked the worker.

    0 where /proc does not tell.
    """
    try:
        with open(f"/proc/{os.getppid()}/stat") as file:
            # Behind the name, which may hold anything: state, then the parent.
            parent = file.read().rsplit(")", 1)[1].split()[1]
        with open(f"/proc/{parent}/status") as file:
            kib = [line.split()[1] for line in file if line.startswith("VmHWM:")]
    except OSError:
        return 0.0
    return int(kib[0]) * _KIB if kib else 0.0
