"""What the demo must reach on 2 cores with the images built, by the keys of its summary.json."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Seconds, and MB (10^6 bytes; images uncompressed). "image_mb.spark" is the entry "spark" of the summary's image_mb.
_ALWAYS: Mapping[str, float] = MappingProxyType(
    {
        "standalone_registered_seconds": 12,
        "standalone_canary_seconds": 30,
        "yarn_registered_seconds": 30,
        "yarn_canary_seconds": 60,
        "down_seconds": 10,
        "image_mb.spark": 2300,
        "image_mb.yarn-slave": 800,
        "environment_mb": 750,
    }
)
_FROM_A_BARE_MACHINE = 25 * 60
_AGAIN = 9 * 60


def targets(*, bare: bool) -> dict[str, float]:
    """The targets by key. bare: whether this demo had to set up the machine and build the images."""
    return {**_ALWAYS, "demo_seconds": _FROM_A_BARE_MACHINE if bare else _AGAIN}
