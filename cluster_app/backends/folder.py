"""A model folder as `make model` writes it: what is read of its manifest, and where its files are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Tuple

import numpy as np

from cluster_app.tasks import Floats

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ModelFolder:
    """configuration: the network's name ("r50", "small"); image_size: input side in pixels; num_classes: with the
    background; categories: (id, name) in the order of the classes, empty where the manifest has none.
    """

    path: Path
    name: str
    configuration: str
    image_size: int
    num_classes: int
    seeded: bool
    categories: Tuple[Tuple[int, str], ...]

    @staticmethod
    def read(path: Path) -> ModelFolder:
        """Raises ValueError, naming the file and the key, for a folder that is no model folder."""
        file = path / MANIFEST
        if not file.is_file():
            raise ValueError(f"{path}: holds no {MANIFEST}; give a model folder that `make model` made")
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{file}: is not JSON: {error}; build the model again with `make model`") from None
        if not isinstance(content, dict):
            raise ValueError(f"{file}: must be one JSON object; build the model again with `make model`")
        classes = _value(content, file, "num_classes", int)
        categories = _categories(content, file)
        if categories and len(categories) != classes - 1:
            raise ValueError(
                f"{file}: categories: there are {len(categories)}, num_classes = {classes} wants {classes - 1}"
            )
        return ModelFolder(
            path=path,
            name=_value(content, file, "name", str),
            configuration=_value(content, file, "backbone", str),
            image_size=_value(content, file, "image_size", int),
            num_classes=classes,
            seeded=_value(content, file, "seeded", bool),
            categories=categories,
        )

    def file(self, name: str) -> Path:
        """A file of the folder. Raises ValueError if it is not there."""
        path = self.path / name
        if not path.is_file():
            raise ValueError(f"{path}: is missing; `make model` builds the whole folder")
        return path

    def priors(self) -> Floats:
        """The priors (N, 4) float32: cx, cy, w, h as fractions of the image."""
        priors: Floats = np.load(self.file("priors.npy"), allow_pickle=False)
        return priors


def _value(content: Mapping[str, Any], file: Path, key: str, kind: type[Any]) -> Any:
    value = content.get(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{file}: {key} = {value!r}: must be {_WORDS[kind]}; build the model again with `make model`")
    return value


_WORDS = {int: "a whole number", str: "a text", bool: "true or false"}


def _categories(content: Mapping[str, Any], file: Path) -> Tuple[Tuple[int, str], ...]:
    given = content.get("categories", [])
    try:
        return tuple((int(one["id"]), str(one["name"])) for one in given)
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"{file}: categories: must be a list of objects with id and name") from None
