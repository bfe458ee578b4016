"""The images that a build works with: to quantise on, to compare artefacts on, and to find objects in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster_app.network.photos import Photo
from cluster_app.network.quantise import augmented
from cluster_app.network.training import scenes

CHECKED = 3
FOUND = 12


@dataclass(frozen=True)
class Material:
    """kind: what the images are; quantise: to calibrate INT8 on; check: to look for objects in, the first CHECKED of
    which artefacts are compared on; hold_objects: whether every one of `check` is known to hold some.
    """

    kind: str
    quantise: tuple[Photo, ...]
    check: tuple[Photo, ...]
    hold_objects: bool


def photographs(photos: Sequence[Photo], count: int, *, seeded: bool) -> Material:
    """The photographs, and for quantisation crops of them too. Seeded weights are fitted to find something in each."""
    kind = "photographs, and crops of them for quantisation"
    return Material(kind, tuple(augmented(photos, count)), tuple(photos), hold_objects=seeded)


def synthetic_scenes(folder: Path, count: int, seed: int = 0) -> Material:
    """What the shipped network was trained on for quantisation, held-out scenes for the checks.

    Raises ValueError if the folder has too few photographs to make scenes of.
    """
    kind = "synthetic scenes: training ones for quantisation, held-out ones for the checks"
    return Material(kind, _scenes(folder, "train", count, seed), _scenes(folder, "val", FOUND, seed), hold_objects=True)


def _scenes(folder: Path, split: str, count: int, seed: int) -> tuple[Photo, ...]:
    paths = tuple(scenes.photographs(folder, split))
    made = (scenes.make_scene(index, paths, split, seed)[0] for index in range(count))
    return tuple(Photo(f"{split}-{index + 1:06}", scene.image) for index, scene in enumerate(made))
