"""How much slower than the fastest profile an imitated processor already is by its instruction set, on this host."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from experiments.host import capacity, images
from experiments.host.engine import Engine
from experiments.host.models import Model
from experiments.host.paths import ARTEFACTS, ROOT
from experiments.isa import environment
from experiments.profiles import load_profiles, quota_factor
from experiments.types import ClusterSpec

_CACHE = ARTEFACTS / "calibration.json"


@dataclass(frozen=True)
class Factor:
    """What a node's quota is multiplied with, and why."""

    node: str
    profile: str | None
    factor: float
    note: str
    measured_ratio: float | None = None


def factors(spec: ClusterSpec, say: Callable[[str], None]) -> dict[str, Factor]:
    """By node. Measures one-core speeds only where a topology has profiles of different speed.

    The measurement runs in a container of its own on one core without a quota, before the cluster starts.
    """
    named = {node.profile for node in spec.nodes if node.profile is not None}
    if len(named) < 2:
        return {
            node.name: Factor(node.name, node.profile, 1.0, "one processor in the cluster: nothing to calibrate")
            for node in spec.nodes
        }
    known = {name: one for name, one in load_profiles().items() if name in named}
    fastest = max(known.values(), key=lambda one: one.single_thread)
    speeds = {name: seconds_per_image(one.isa, say) for name, one in known.items()}
    result = {}
    for node in spec.nodes:
        if node.profile is None or node.profile == fastest.name:
            result[node.name] = Factor(node.name, node.profile, 1.0, "the fastest processor of the cluster")
            continue
        ratio = speeds[fastest.name] / speeds[node.profile]
        found = quota_factor(known[node.profile], fastest, ratio)
        result[node.name] = Factor(node.name, node.profile, round(found.factor, 4), found.note, round(ratio, 4))
    return result


def seconds_per_image(isa: str, say: Callable[[str], None]) -> float:
    """Seconds of a convolution network for one image, one thread, FP32, under an instruction-set cap on this host.

    Kept for each processor and image of the environment, so that a host is measured once.
    """
    host = capacity.measure(ROOT)
    key = f"{host.cpu_model} | {images.fingerprints()['python']} | {isa}"
    kept: dict[str, float] = json.loads(_CACHE.read_text()) if _CACHE.exists() else {}
    if key not in kept:
        say(f"calibrating one core with instructions up to {isa}")
        kept[key] = _measure(isa)
        _CACHE.parent.mkdir(parents=True, exist_ok=True)
        partial = _CACHE.with_suffix(".partial")
        partial.write_text(json.dumps(kept, indent=2) + "\n")
        partial.rename(_CACHE)
    return kept[key]


def host_seconds_per_image(model: Model) -> float:
    """The host calibration: seconds per image of YOLACT R50 550, FP32, on one thread without quota and cap."""
    options = ["-v", f"{model.folder}:/model:ro"]
    return _one_core(options, ["/model/fp32.xml"])


def _measure(isa: str) -> float:
    return _one_core([word for pair in environment(isa).items() for word in ("-e", "=".join(pair))], [])


def _one_core(options: list[str], arguments: list[str]) -> float:
    """Seconds per image that the environment's own script measures, on one core in a container without a quota."""
    fixed = ["--cpuset-cpus", str(capacity.first_core()), "--entrypoint", "/opt/env/bin/python3"]
    command = ["/opt/clusterbed/one_core.py", *arguments]
    done = Engine().run_once(images.tag("python"), command, options=[*fixed, *options])
    return float(json.loads(done.stdout)["seconds_per_image"])
