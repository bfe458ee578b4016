"""What a trial computes with: the model of a cell, the code that goes with a job, and what tells them from others."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from experiments.cluster.submit import application
from experiments.host import models
from experiments.host.paths import ROOT
from experiments.matrix.settings import TRAINED

Say = Callable[[str], None]

# Weights as the IR stores them, by the file of the model's folder.
FILES: Mapping[str, str] = MappingProxyType({"FP32": "fp32.xml", "FP16": "fp16.xml", "INT8": "int8.xml"})


def model(name: str, size: int, full: bool, say: Say) -> models.Model:
    """The model of that name and input size, built unless it is there; full: with INT8.

    Raises UserError for a trained one of which this checkout has no weights.
    """
    if name not in TRAINED:
        return models.build(None, [size], say, configuration=name, full=full)[size]
    trained = models.trained(say, full=full)
    if size == models.SMALL_SIZE:
        return trained
    return models.build(models.SHIPPED, [size], say, configuration=name, full=full)[size]


def made_from(built: models.Model) -> str:
    """Of the builder, the code and the weights that a model was built from.

    Not of the built files: another processor rounds otherwise when seeded weights are fitted or ranges of INT8 are
    measured, and a run is to go on on another host.
    """
    return built.folder.parent.name


@cache
def code_digest(*parts: str) -> str:
    """Of these parts of cluster_app."""
    return _digest_of(path for part in parts for path in (ROOT / "cluster_app" / part).rglob("*.py"))


@cache
def submission_digest() -> str:
    """Of what starts nodes and submits jobs: their roles and services, Spark's properties and environment, memory."""
    files = [ROOT / "experiments" / "render.py", *(ROOT / "compose" / "roles").glob("*.yml")]
    files += [ROOT / "experiments" / "cluster" / name for name in ("spark.py", "submit.py")]
    return _digest_of([*files, *(ROOT / "experiments" / "memory").rglob("*.py")])


def _digest_of(files: Iterable[Path]) -> str:
    """Over the names and bytes of files of this checkout, in whatever order they come."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def application_digest() -> str:
    """Of the files that go with every job, not of their times."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(io.BytesIO(application())) as archive:
        for name in sorted(archive.namelist()):
            digest.update(name.encode() + b"\0" + archive.read(name))
    return digest.hexdigest()[:16]
