"""What a cluster's file system tells of a job before it runs."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from cluster_app.contract.job import Job
from experiments.cluster import staging, state
from experiments.cluster.hdfs import Hdfs
from experiments.errors import RunFailed
from experiments.host.engine import Engine
from experiments.memory.check import Facts
from experiments.types import ClusterSpec


def facts(spec: ClusterSpec, job: Job) -> Facts | None:
    """The number of the input's files and the size of the weights; None if there is no input or no such model.

    The job says what is missing, in words of its own.
    """
    try:
        if job.model.startswith("file:"):
            model, count = _shared(spec, job.model).read_text(), _count(_shared(spec, job.input))
        else:
            files = staging.hdfs_of(Engine(), spec)
            model, count = _fetched(files, job.model), files.count(staging.local_path(job.input))
        return Facts(count, weights_mb(model)) if count else None
    except (OSError, RunFailed, ElementTree.ParseError):
        return None


def weights_mb(model: str) -> float:
    """Size of a model's weights as it computes with them, in 10^6 bytes, from the text of its IR's .xml.

    What is stored in 16 bits is computed in 32.
    """
    size = 0
    for layer in ElementTree.fromstring(model).iter("layer"):
        data = layer.find("data")
        if layer.get("type") == "Const" and data is not None:
            size += int(data.get("size", "0")) * (2 if data.get("element_type") == "f16" else 1)
    return size / 1e6


def _fetched(files: Hdfs, uri: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        files.get(staging.local_path(uri), Path(folder) / "model.xml")
        return (Path(folder) / "model.xml").read_text()


def _shared(spec: ClusterSpec, uri: str) -> Path:
    """Where a place in the folder that the nodes share lies on this host."""
    path = Path(staging.local_path(uri))
    for inside, name in ((staging.SHARED_IN, "in"), (staging.SHARED_OUT, "out")):
        if path.is_relative_to(inside):
            return state.share(spec.name) / name / path.relative_to(inside)
    raise FileNotFoundError(uri)


def _count(folder: Path) -> int:
    return sum(path.is_file() and not path.name.startswith((".", "_")) for path in folder.rglob("*"))
