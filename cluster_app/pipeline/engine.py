"""The seam between the job and its engines: slices of the input go in, each slice's rows come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Tuple

from cluster_app.contract.job import Job
from cluster_app.contract.result import EngineSettings, WorkerShare
from cluster_app.pipeline.phases import Phases
from cluster_app.pipeline.progress import Progress
from cluster_app.pipeline.slices import Slice
from cluster_app.tasks import Floats, Task

# Takes a slice's rows, a pyarrow Table with one for each of its files, and keeps them for good.
Commit = Callable[[Slice, Any], None]


@dataclass(frozen=True)
class Context:
    """What an engine works with.

    root: the input's qualified URI; priors: (N, 4); folder: a local one of the driver, for copies of the model;
    images: how many the input holds; slots: how many tasks the cluster runs at once.
    """

    spark: Any
    job: Job
    task: Task
    root: str
    priors: Floats
    local_model: str
    images: int
    slots: int
    phases: Phases
    progress: Progress


@dataclass(frozen=True)
class Outcome:
    """What an engine says of its run.

    precision: the arithmetic that was compiled, None where every slice was there already; partitions: their number
    after reading and in inference; workers: shares of the hosts, where the engine knows them; preprocessed: how often
    an image was, where that is a stage; verified: rows whose fingerprint was compared, None where none was to be.
    """

    precision: str
    partitions: Mapping[str, int]
    settings: EngineSettings
    deviations: Tuple[str, ...] = ()
    workers: Tuple[WorkerShare, ...] = ()
    preprocessed: Optional[int] = None
    verified: Optional[int] = None
