"""What nodes use while a trial runs, read from this host's cgroups: processor time, throttling, memory, network.

One thread reads a few small files a node and second; nothing runs inside the nodes. cgroup v1 and v2.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

INTERVAL = 1.0
_V1 = Path("/sys/fs/cgroup")
_MB = 2**20


@dataclass(frozen=True)
class Sample:
    """One node at one moment. t: seconds since sampling began; cpu_s: processor time used since the node started;
    throttled: periods in which its quota was used up, of `periods`; memory_mb: what it holds without idle page cache
    (2^20 bytes); received, sent: bytes since it started, None where the kernel does not show them; oom_kills.
    """

    t: float
    node: str
    cpu_s: float
    periods: int
    throttled: int
    throttled_s: float
    memory_mb: float
    received: int | None
    sent: int | None
    oom_kills: int


@dataclass(frozen=True)
class Used:
    """What a node used between its first and its last sample; memory_mb is the most that was seen."""

    cpu_s: float
    periods: int
    throttled: int
    throttled_s: float
    memory_mb: float
    received: int | None
    sent: int | None
    oom_kills: int
    samples: int


class Sampler:
    """Samples nodes from `with` to its end. pids: of each node's first process, by node.

    problems says for which nodes nothing could be read, and why. share: of one core that sampling took.
    """

    def __init__(self, pids: Mapping[str, int], interval: float = INTERVAL) -> None:
        self._interval, self._stop = interval, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples: list[Sample] = []
        self.problems: dict[str, str] = {}
        self._cost = self._lasted = 0.0
        self._readers = {}
        for node, pid in pids.items():
            try:
                self._readers[node] = Reader(pid)
            except OSError as error:
                self.problems[node] = str(error)

    def __enter__(self) -> Self:
        self._begin = time.monotonic()
        self._read()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._read()
        self._lasted = time.monotonic() - self._begin

    @property
    def share(self) -> float:
        return self._cost / self._lasted if self._lasted else 0.0

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            begin = time.thread_time()
            self._read()
            self._cost += time.thread_time() - begin

    def _read(self) -> None:
        for node, reader in list(self._readers.items()):
            try:
                self.samples.append(reader.read(node, round(time.monotonic() - self._begin, 2)))
            except (OSError, ValueError, KeyError) as error:
                self.problems.setdefault(node, str(error))

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(asdict(one)) + "\n" for one in self.samples))

    def used(self) -> dict[str, Used]:
        by_node: dict[str, list[Sample]] = {}
        for one in self.samples:
            by_node.setdefault(one.node, []).append(one)
        return {node: used(samples) for node, samples in by_node.items()}


def used(samples: list[Sample]) -> Used:
    """What lies between the first and the last of a node's samples, one at least."""
    first, last = samples[0], samples[-1]
    return Used(
        cpu_s=round(last.cpu_s - first.cpu_s, 3),
        periods=last.periods - first.periods,
        throttled=last.throttled - first.throttled,
        throttled_s=round(last.throttled_s - first.throttled_s, 3),
        memory_mb=max(one.memory_mb for one in samples),
        received=_between(first.received, last.received),
        sent=_between(first.sent, last.sent),
        oom_kills=last.oom_kills - first.oom_kills,
        samples=len(samples),
    )


def _between(first: int | None, last: int | None) -> int | None:
    return None if first is None or last is None else last - first


class Reader:
    """Reads the cgroups of one process. Raises OSError where they are not to be seen from here."""

    def __init__(self, pid: int, root: Path = _V1, proc: Path = Path("/proc")) -> None:
        groups = dict(pair for line in (proc / str(pid) / "cgroup").read_text().splitlines() for pair in _groups(line))
        self._net = proc / str(pid) / "net" / "dev"
        self._v2 = "cpu" not in groups
        if self._v2:
            self._cpu = self._used = self._memory = root / groups[""].lstrip("/")
        else:
            names = ("cpu", "cpuacct", "memory")
            self._cpu, self._used, self._memory = (_mounted(root, name, groups[name]) for name in names)
        for folder in (self._cpu, self._used, self._memory):
            if not folder.is_dir():
                raise OSError(f"{folder} is not there: the engine's cgroups are not those of this host")

    def quota(self) -> float | None:
        """Cores that its cgroup's quota comes to; None where it has none."""
        if self._v2:
            most, period = (self._cpu / "cpu.max").read_text().split()
            return None if most == "max" else int(most) / int(period)
        most, period = ((self._cpu / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        return None if int(most) < 0 else int(most) / int(period)

    def read(self, node: str, t: float) -> Sample:
        cpu, memory = _numbers(self._cpu / "cpu.stat"), _numbers(self._memory / "memory.stat")
        received, sent = self._network()
        if self._v2:
            seconds, slowed = cpu["usage_usec"] / 1e6, cpu.get("throttled_usec", 0) / 1e6
            held = int((self._memory / "memory.current").read_text()) - memory.get("inactive_file", 0)
            kills = _numbers(self._memory / "memory.events").get("oom_kill", 0)
        else:
            seconds, slowed = int((self._used / "cpuacct.usage").read_text()) / 1e9, cpu["throttled_time"] / 1e9
            held = int((self._memory / "memory.usage_in_bytes").read_text()) - memory.get("total_inactive_file", 0)
            kills = _numbers(self._memory / "memory.oom_control").get("oom_kill", 0)
        return Sample(
            t=t,
            node=node,
            cpu_s=round(seconds, 4),
            periods=cpu.get("nr_periods", 0),
            throttled=cpu.get("nr_throttled", 0),
            throttled_s=round(slowed, 4),
            memory_mb=round(held / _MB, 1),
            received=received,
            sent=sent,
            oom_kills=kills,
        )

    def _network(self) -> tuple[int | None, int | None]:
        try:
            lines = self._net.read_text().splitlines()[2:]
        except OSError:
            return None, None
        fields = [line.split(":", 1)[1].split() for line in lines if not line.strip().startswith("lo:")]
        return sum(int(one[0]) for one in fields), sum(int(one[8]) for one in fields)


def _groups(line: str) -> list[tuple[str, str]]:
    """(controller, path) pairs of a line of /proc/PID/cgroup; the v2 hierarchy's controller has no name."""
    _, controllers, path = line.split(":", 2)
    return [(name, path) for name in controllers.split(",")]


def _mounted(root: Path, controller: str, path: str) -> Path:
    """The folder of a v1 controller, which may be mounted with another: cpu,cpuacct."""
    for folder in sorted(root.iterdir()):
        if controller in folder.name.split(","):
            return folder / path.lstrip("/")
    raise OSError(f"no cgroup controller {controller} below {root}")


def _numbers(path: Path) -> dict[str, int]:
    return {words[0]: int(words[1]) for line in path.read_text().splitlines() if len(words := line.split()) == 2}
