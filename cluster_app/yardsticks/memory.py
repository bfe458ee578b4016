"""The peak memory of a container while something else runs in it: `python3 -m cluster_app.yardsticks.memory`.

Watches until its stdin is closed. Counted are the anonymous pages of all processes of the control group: page cache
grows with whatever is read, and the kernel takes it back.
"""

from __future__ import annotations

import select
import sys
import time
from pathlib import Path
from typing import Any, Dict

from cluster_app.yardsticks.report import guarded

_EVERY = 0.2
_GROUPS = Path("/sys/fs/cgroup")


def main() -> int:
    return guarded(_watch)


def anonymous_mb(groups: Path = _GROUPS) -> float:
    """Of this container's control group, version 1 or 2, in 10^6 bytes. Raises OSError where there is neither."""
    first = groups / "memory" / "memory.stat"
    stat, name = (first, "total_rss") if first.exists() else (groups / "memory.stat", "anon")
    values = dict(line.split() for line in stat.read_text().splitlines())
    return int(values[name]) / 1e6


def _watch() -> Dict[str, Any]:
    before = peak = anonymous_mb()
    samples, begin = 1, time.monotonic()
    print("watching", flush=True)
    while not select.select([sys.stdin], [], [], _EVERY)[0]:
        peak = max(peak, anonymous_mb())
        samples += 1
    return {"before_mb": before, "peak_mb": peak, "samples": samples, "seconds": time.monotonic() - begin}


if __name__ == "__main__":
    sys.exit(main())
