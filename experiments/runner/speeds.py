"""How fast one core of this host is, as plans need it.

The network is measured once for each processor and image of the environment, a start of Python before each run: a host
that shares its processor with others has another speed each hour.
"""

from __future__ import annotations

import json
from pathlib import Path

from experiments.cluster import calibration
from experiments.host import capacity, images
from experiments.host.engine import Engine
from experiments.host.paths import ARTEFACTS, ROOT
from experiments.matrix.costs import REFERENCE_ISA, Calibration
from experiments.profiles import load_profiles
from experiments.store.records import replace

_NETWORKS = ARTEFACTS / "calibration.json"
_STARTS = ARTEFACTS / "calibration-start.json"
# What a job does around its network is interpreters that start, and code that they interpret. The median of starts in
# processes of their own, after one that brings the files into memory; of so many, as a host's speed changes from one
# second to the next too.
_START = """
import statistics, subprocess, sys, time
def once():
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import numpy, pyarrow, pyspark.sql"], check=True)
    return time.perf_counter() - begin
once()
print(statistics.median(once() for _ in range(15)))
"""


def known_calibration() -> Calibration:
    """What has been measured on this host before; nothing where nothing was. Measures nothing."""
    host = _host()
    networks = {
        isa: seconds
        for key, seconds in _kept(_NETWORKS).items()
        for *own, isa in [key.split(" | ")]
        if " | ".join(own) == host
    }
    return Calibration(networks, _kept(_STARTS).get(host))


def calibrate() -> Calibration:
    """Measures one core of this host: the network under the instruction sets of the profiles, where that was not done
    before, and a start of Python.

    Raises HostError where the image that they are measured in is not of this checkout: what it takes would be kept as
    that of the one that is.
    """
    images.require_current(Engine(), {"python"}, packed=False)
    isas = dict.fromkeys([REFERENCE_ISA, *(profile.isa for profile in load_profiles().values())])
    networks = {isa: calibration.seconds_per_image(isa, lambda _: None) for isa in isas}
    return Calibration(networks, _start_seconds())


def _start_seconds() -> float:
    """Seconds in which Python starts and loads what a worker loads, on one core in a container without a quota. Kept
    for plans that measure nothing."""
    options = ["--cpuset-cpus", str(capacity.first_core()), "--entrypoint", "/opt/env/bin/python3"]
    seconds = float(Engine().run_once(images.tag("python"), ["-c", _START], options=options).stdout)
    _STARTS.parent.mkdir(parents=True, exist_ok=True)
    replace(_STARTS, json.dumps({**_kept(_STARTS), _host(): seconds}, indent=2) + "\n")
    return seconds


def _host() -> str:
    return f"{capacity.measure(ROOT).cpu_model} | {images.fingerprints()['python']}"


def _kept(path: Path) -> dict[str, float]:
    """By host. A file that a power cut left half written says nothing."""
    try:
        found: dict[str, float] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found
