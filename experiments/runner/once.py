"""Watches a container that runs one program and goes: its quota, and what it uses while it is there."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from experiments.errors import ClusterbedError
from experiments.host.command import run
from experiments.host.engine import DOCKER
from experiments.runner.samples import INTERVAL, Reader, Sample, Used, used

_LOOK = 0.05
_INSPECTED = "{{.State.Pid}}"


class Watched:
    """From `with`, before the container is started, to its end. cidfile: where the engine writes its id (--cidfile).

    cpus: host cores of its quota, as its cgroup has it in force; None for one without, and before it was seen.
    problem: why nothing could be read of it, else empty. share: of one core that watching took.
    """

    def __init__(self, cidfile: Path, node: str) -> None:
        self.cidfile, self._node = cidfile, node
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._run, daemon=True)
        self.samples: list[Sample] = []
        self.cpus: float | None = None
        self.problem = "it was not seen"
        self._cost = self._lasted = 0.0

    def __enter__(self) -> Self:
        self._begin = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._lasted = time.monotonic() - self._begin

    @property
    def used(self) -> Used | None:
        return used(self.samples) if self.samples else None

    @property
    def share(self) -> float:
        return self._cost / self._lasted if self._lasted else 0.0

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(asdict(one)) + "\n" for one in self.samples))

    def _run(self) -> None:
        try:
            reader = self._found()
            while reader is not None:
                begin = time.thread_time()
                self.samples.append(reader.read(self._node, round(time.monotonic() - self._begin, 2)))
                self._cost += time.thread_time() - begin
                self.problem = ""
                if self._stop.wait(INTERVAL):
                    return
        except (OSError, ValueError, KeyError, ClusterbedError) as error:
            # Once it was read it is simply gone.
            self.problem = "" if self.samples else str(error)

    def _found(self) -> Reader | None:
        """Its cgroups, once it runs; None where the watch ends before."""
        while not self._stop.wait(_LOOK):
            name = self.cidfile.read_text() if self.cidfile.exists() else ""
            pid = run([DOCKER, "inspect", "--format", _INSPECTED, name], check=False).stdout.strip() if name else ""
            if pid.isdigit() and int(pid) > 0:
                reader = Reader(int(pid))
                self.cpus = reader.quota()
                return reader
        return None
