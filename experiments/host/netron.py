"""A model's graph in the browser: netron in the builder's container, reached from this host only."""

from __future__ import annotations

import socket
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

from experiments.cluster.interrupts import uninterrupted
from experiments.errors import HostError, RunFailed, UserError
from experiments.host import images
from experiments.host.command import run, stop
from experiments.host.engine import DOCKER, ONCE, Engine
from experiments.render import LABEL_CLUSTER
from experiments.waiting import wait_until

DEFAULT_PORT = 8090
SUFFIXES = (".onnx", ".xml", ".pth")
_INSIDE = 8080  # the container's own port
_PATIENCE = 60.0  # seconds until the page must answer


def serve(model: Path, port: int, say: Callable[[str], None]) -> None:
    """Shows the graph on 127.0.0.1 until it is interrupted; then nothing of it stays.

    Raises UserError for a file that is not there or is no model, HostError for a port in use.
    """
    if not model.is_file():
        raise UserError(f"MODEL={model}: there is no such file; give one of {', '.join(SUFFIXES)}")
    if model.suffix not in SUFFIXES:
        raise UserError(f"MODEL={model}: is no model file; allowed: {', '.join(SUFFIXES)}")
    _refuse_busy(port)
    images.require(Engine(), {images.tag("builder")})
    name = f"clusterbed-once-{uuid.uuid4().hex[:12]}"
    process = subprocess.Popen(
        _command(name, model, port), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        wait_until(lambda: _missing(process, address), what=f"netron on {address}", timeout=_PATIENCE)
        say(f"{model.name}: {address} (Ctrl-C ends it)")
        process.wait()
        raise RunFailed(f"netron ended by itself: {_last_line(process)}")
    finally:
        with uninterrupted():
            stop(process)
            run([DOCKER, "rm", "-f", "-v", name], check=False)


def _command(name: str, model: Path, port: int) -> list[str]:
    # The folder, not the file: an .xml is shown with the sizes of the .bin beside it.
    return [
        *(DOCKER, "run", "--rm", "--name", name, "--label", f"{LABEL_CLUSTER}={ONCE}"),
        *("-p", f"127.0.0.1:{port}:{_INSIDE}", "-v", f"{model.resolve().parent}:/model:ro", images.tag("builder")),
        *("netron", "--host", "0.0.0.0", "--port", str(_INSIDE), f"/model/{model.name}"),
    ]


def _refuse_busy(port: int) -> None:
    """Before anything starts: what answers on a busy port would be taken for netron."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return
    except OSError as error:
        raise HostError(f"127.0.0.1:{port} cannot be had ({error.strerror}); choose another with PORT=number") from None


def _missing(process: subprocess.Popen[bytes], address: str) -> str | None:
    """What still lacks until the page is there. Raises HostError if the container has ended."""
    if process.poll() is not None:
        raise HostError(f"netron did not start: {_last_line(process)}")
    try:
        with urllib.request.urlopen(address, timeout=5):
            return None
    except (urllib.error.URLError, OSError) as error:
        return f"an answer from {address} ({getattr(error, 'reason', error)})"


def _last_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    lines = [line for line in process.stderr.read().decode(errors="replace").splitlines() if line.strip()]
    return next((line for line in lines if "Error" in line), lines[-1] if lines else "it said nothing")
