"""What a block was made on: host, engine, images, locks, code. And what a plan needs to know of a host."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from experiments.bench.provenance import provenance
from experiments.errors import HostError, RunFailed
from experiments.host import capacity, images
from experiments.host.command import run
from experiments.host.engine import DOCKER, Engine
from experiments.host.paths import ARTEFACTS, ROOT
from experiments.matrix.plan import Host
from experiments.profiles import load_profiles
from experiments.runner import speeds
from experiments.store.records import replace

_OPENVINO = ARTEFACTS / "openvino-properties.json"
_PROPERTIES = """
import json
from openvino.runtime import Core
core = Core()
found = {}
for name in sorted(map(str, core.get_property("CPU", "SUPPORTED_PROPERTIES"))):
    try:
        found[name] = str(core.get_property("CPU", name))
    except RuntimeError as error:
        found[name] = "not told: " + str(error)
print(json.dumps(found))
"""
# With less than this a trial's evidence can no longer be kept.
_LEAST_FREE_MB = 256


def host() -> Host:
    """This host, for a plan; one can be made without the engine too."""
    found = capacity.measure(ROOT)
    try:
        engines = _engines_folder()
    except HostError:
        engines = None
    apart = engines is not None and engines.stat().st_dev != ROOT.stat().st_dev
    return Host(
        found.cores,
        found.memory_mb,
        found.disk_free_mb,
        found.cpu_model,
        frozenset(found.cpu_flags),
        capacity.measure(engines).disk_free_mb if engines is not None and apart else None,
    )


def _engines_folder() -> Path | None:
    """Where the engine keeps containers; None where this user does not see it. Raises HostError without an engine."""
    folder = Path(str(Engine().info().get("DockerRootDir", "")))
    return folder if folder.is_absolute() and folder.is_dir() else None


def able() -> None:
    """Raises HostError where the engine is gone, or a disk is full: this checkout's, or the engine's own."""
    engines = _engines_folder()
    for folder in (ROOT, *([engines] if engines is not None else [])):
        free = capacity.measure(folder).disk_free_mb
        if free < _LEAST_FREE_MB:
            raise HostError(f"{folder}: {free} MB of disk are free; make room, and go on with --resume")


def beside(own: Collection[str], say: Callable[[str], None]) -> list[str]:
    """Clusters of the project that are up and are none of a run's own; what they do is measured with it."""
    others = [name for name in Engine().clusters() if name not in own]
    if others:
        say(f"up beside this run: {', '.join(others)}; `clusterbed down NAME` keeps what they do out of its figures")
    return others


def describe() -> dict[str, Any]:
    """One block's entry of environment.json, but for its number and date."""
    engine, found, code, speed = Engine(), capacity.measure(ROOT), provenance(), speeds.known_calibration()
    return {
        "host": {
            "cpu_model": found.cpu_model,
            "cpu_flags": sorted(found.cpu_flags),
            "cores": found.cores,
            "memory_mb": found.memory_mb,
            "kernel": found.kernel,
            "cgroup": found.cgroup,
            "boot": code.boot,
            "python": platform.python_version(),
        },
        "engine": engine.info()["ServerVersion"],
        "images": {image.name: _image_id(images.tag(image.name)) for image in (*images.IMAGES, *images.OPTIONAL)},
        "locks": {str(path.relative_to(ROOT)): _digest(path) for path in _locks()},
        "packed": images.packed(),
        "openvino": _openvino(),
        "isa_caps": {name: profile.isa for name, profile in load_profiles().items()},
        "commit": code.commit,
        "code": code.code,
        "calibration": dict(speed.seconds),
        "start_seconds": speed.start,
    }


def _openvino() -> Mapping[str, str] | None:
    """The properties of OpenVINO's CPU plug-in, in the image that the nodes' environment is of: asked once for each
    processor and image. None where it does not say them, which is no reason to measure nothing.
    """
    key = f"{capacity.measure(ROOT).cpu_model} | {images.fingerprints()['python']}"
    kept: dict[str, dict[str, str]] = json.loads(_OPENVINO.read_text()) if _OPENVINO.exists() else {}
    if key not in kept:
        try:
            options = ["--entrypoint", "/opt/env/bin/python3"]
            done = Engine().run_once(images.tag("python"), ["-c", _PROPERTIES], options=options)
            kept[key] = json.loads(done.stdout)
        except (RunFailed, ValueError):
            return None
        _OPENVINO.parent.mkdir(parents=True, exist_ok=True)
        replace(_OPENVINO, json.dumps(kept, indent=2) + "\n")
    return kept[key]


def _image_id(tag: str) -> str | None:
    done = run([DOCKER, "image", "inspect", "--format", "{{.Id}}", tag], check=False)
    return done.stdout.strip() if done.status == 0 else None


def _locks() -> list[Path]:
    return sorted([*ROOT.glob("*.lock"), *(ROOT / "docker").rglob("*.lock")])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
