"""What BigDL's predict costs inside a Python worker, measured from outside: its code runs as it is.

predict creates its inference core in each task, under the name IECore of its module. `installed` puts a core there that
does the same and keeps the time. From one inference's end to the next one's begin, without the time of turning results
into text, predict does nothing but take in rows: the JVM reads them from memory and pickles them, Python unpickles them
and makes arrays of them.
"""

from __future__ import annotations

import os
import pickle
import socket
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List

from cluster_app.pipeline.arithmetic import Compiled, compiled_of, old_execution_graph
from cluster_app.pipeline.memory_use import jvm_peak_memory_mb, peak_memory_mb
from cluster_app.pipeline.worker_report import Place, Tally

Report = Callable[[Dict[Place, Tally]], None]
# Of this process: what its model computes in, and what a row of each size weighs.
_compiled_here: List[Compiled] = []
_row_mb: Dict[int, float] = {}


@contextmanager
def installed(report: Report) -> Iterator[None]:
    """While this lasts, predict's tasks are made with cores that report to `report`."""
    from bigdl.orca.learn.openvino import estimator

    plain = estimator.IECore
    estimator.IECore = MeteredCores(report)
    try:
        yield
    finally:
        estimator.IECore = plain


class MeteredCores:
    """Makes cores as the class IECore does when it is called. It is sent to the workers with predict's function."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __call__(self) -> MeteredCore:
        return MeteredCore(self._report)


class MeteredCore:
    """An inference core of which predict uses three methods."""

    def __init__(self, report: Report) -> None:
        from openvino.inference_engine import IECore

        self._core = IECore()
        self._meter = Meter(report)

    def set_config(self, config: Dict[str, str], device: str) -> None:
        self._core.set_config(config, device)

    def read_network(self, **arguments: Any) -> Any:
        start = time.perf_counter()
        network = self._core.read_network(**arguments)
        self._meter.tell(load_seconds=time.perf_counter() - start)
        return network

    def load_network(self, **arguments: Any) -> MeteredNetwork:
        start = time.perf_counter()
        compiled = self._core.load_network(**arguments)
        seconds = time.perf_counter() - start
        if not _compiled_here:
            # Each task of a process compiles the same; looking once leaves predict its time.
            _compiled_here.append(compiled_of(self._meter.host, old_execution_graph(compiled)))
        self._meter.tell(compile_seconds=seconds, compiled=list(_compiled_here))
        self._meter.begin()
        return MeteredNetwork(compiled, self._meter)


class MeteredNetwork:
    """A compiled network of which predict uses the first request."""

    def __init__(self, compiled: Any, meter: Meter) -> None:
        self._compiled = compiled
        self.requests = [MeteredRequest(compiled.requests[0], meter)]


class MeteredRequest:
    """An inference request of which predict uses `infer` and the outputs."""

    def __init__(self, request: Any, meter: Meter) -> None:
        self._request, self._meter = request, meter

    @property
    def output_blobs(self) -> Any:
        return self._request.output_blobs

    def infer(self, inputs: Dict[str, Any]) -> None:
        self._meter.taken_in(inputs)
        start = time.perf_counter()
        self._request.infer(inputs)
        self._meter.inferred(time.perf_counter() - start)


class Meter:
    """The clock of one task of predict."""

    def __init__(self, report: Report) -> None:
        self.host = socket.gethostname()
        self._report, self._place = report, (self.host, os.getpid())
        self._idle_since = self._told = time.perf_counter()
        self._row_size = 0

    def tell(self, **values: Any) -> None:
        """Adds to what this process has reported. Spark sends it with the task's end."""
        now = time.perf_counter()
        tally = Tally(peak_memory_mb=peak_memory_mb(), jvm_peak_memory_mb=jvm_peak_memory_mb(), **values)
        tally.seconds, self._told = now - self._told, now
        self._report({self._place: tally})

    def begin(self) -> None:
        """The model is ready: predict turns to its rows now, and to its results through the text that is timed."""
        # What the text is made with: its first import is no serialisation.
        import pyarrow  # noqa: F401
        from bigdl.orca.learn import utils

        # The plain function, whichever task of this process put its own over it.
        plain = getattr(utils.get_arrow_hex_str, "plain", utils.get_arrow_hex_str)
        utils.get_arrow_hex_str = self._timed_text(plain)
        self._idle_since = time.perf_counter()

    def taken_in(self, inputs: Dict[str, Any]) -> None:
        seconds = time.perf_counter() - self._idle_since
        one = next(iter(inputs.values()))[0]
        self._row_size = one.size
        if one.size not in _row_mb:
            # As it crosses: lists of Python's floats, pickled. Rows are of one size, so one stands for all.
            _row_mb[one.size] = len(pickle.dumps(one.tolist(), protocol=2)) / 1e6
        self.tell(input_seconds=seconds)

    def inferred(self, seconds: float) -> None:
        self.tell(infer_seconds=seconds)
        self._idle_since = time.perf_counter()

    def _timed_text(self, plain: Callable[..., str]) -> Callable[..., str]:
        def text_of(batched_data: Any, names: Any) -> str:
            start = time.perf_counter()
            text = plain(batched_data, names)
            seconds = time.perf_counter() - start
            self.tell(images=1, output_seconds=seconds, output_mb=len(text) / 1e6, input_mb=_row_mb[self._row_size])
            # What follows is the row's way out, until predict asks for the next.
            self._idle_since = time.perf_counter()
            return text

        text_of.plain = plain  # type: ignore[attr-defined]
        return text_of
