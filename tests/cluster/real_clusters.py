"""What the cluster tests share: their input, clusters under names of their own, and what is left of them.

The names begin with test-, so that a person's cluster beside them is left alone.
"""

from __future__ import annotations

from experiments.host.engine import Engine
from experiments.profiles import load_profiles
from experiments.shapes import read_toml
from experiments.topology import TOPOLOGIES, parse_topology, scale
from experiments.types import ClusterSpec

# One of each kind: colour, grey, palette, alpha, a folder, a space in the name, and the three malformed ones.
CHOSEN = (
    "rocket-tower.jpg",
    "camera-tall.jpg",
    "china-palette.png",
    "coffee-cut-out.png",
    "cats/chelsea-eyes.png",
    "coffee cup.png",
    "coins-small.jpg",
    "truncated.jpg",
    "header-only.jpg",
    "text.jpg",
)
STATUSES = {"truncated.jpg": "corrupt", "header-only.jpg": "corrupt", "text.jpg": "unsupported"}


def shipped(topology: str, workers: int | None = None) -> ClusterSpec:
    """A shipped topology under a test's name."""
    path = TOPOLOGIES / f"{topology}.toml"
    spec = parse_topology(read_toml(path), name=f"test-{topology}", where=str(path), profiles=load_profiles())
    return spec if workers is None else scale(spec, workers)


def leftovers(cluster: str) -> list[str]:
    """Containers and networks of a cluster that are still there."""
    engine = Engine()
    containers = [one.name for one in engine.containers(cluster)]
    return containers + [name for name in engine.networks() if name == f"clusterbed-{cluster}"]
