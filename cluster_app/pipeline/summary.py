"""The job's result: what is in the output, as it was written, and how it came there."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from cluster_app.contract.job import Job
from cluster_app.contract.memory import SETTING
from cluster_app.contract.result import (
    Arithmetic,
    Counts,
    ExecutorShare,
    JobResult,
    MemoryEstimate,
    Partitions,
    Phase,
    SliceCounts,
)
from cluster_app.contract.rows import STATUSES
from cluster_app.pipeline.engine import Outcome
from cluster_app.pipeline.phases import Phases
from cluster_app.pipeline.slices import Slice
from cluster_app.pipeline.spark_phases import by_phase, ran

# Messages of failed images that go into the result; the rows hold all of them.
_MAX_ERRORS = 20


@dataclass(frozen=True)
class Written:
    """counts: of the output's rows; hosts: images by the host that segmented them; failures: first of them, by name;
    to_draw: the rows, as in the output, whose best detections are the surest, by name.
    """

    counts: Counts
    hosts: Mapping[str, int]
    failures: Tuple[str, ...]
    to_draw: Tuple[Mapping[str, Any], ...]


def read(slices: Iterable[Tuple[Slice, Any]], overlays: int) -> Written:
    """Counts the rows as they were written: each slice with its pyarrow Table. overlays: how many rows to draw.

    Raises RuntimeError unless each file has exactly one row.
    """
    from pyarrow import compute

    images, found = 0, 0
    statuses, hosts = Counter[str](), Counter[str]()
    failures: List[str] = []
    to_draw: List[Mapping[str, Any]] = []
    for one, table in slices:
        if table.column("image").to_pylist() != [file.image for file in one.files]:
            raise RuntimeError(f"{one.file_name}: does not hold one row for each of its {len(one.files)} files")
        images += len(table)
        statuses.update(table.column("status").to_pylist())
        hosts.update(host for host in table.column("host").to_pylist() if host)
        sizes = compute.list_value_length(table.column("detections"))
        found += sum(sizes.to_pylist())
        failed = table.filter(compute.equal(table.column("status"), "failed"))
        failures += [f"{row['image']}: {row['error']}" for row in failed.select(["image", "error"]).to_pylist()]
        with_detections = table.filter(compute.greater(sizes, 0))
        to_draw = heapq.nlargest(overlays, [*to_draw, *_surest(with_detections, overlays)], key=_best_score)
    counts = Counts(images=images, detections=found, **{status: statuses[status] for status in STATUSES})
    drawn = sorted(to_draw, key=lambda row: str(row["image"]))
    return Written(counts, hosts, tuple(failures[:_MAX_ERRORS]), tuple(drawn))


def _surest(table: Any, count: int) -> List[Mapping[str, Any]]:
    """The rows with the highest best scores; only these leave Arrow. Detections are there by falling score."""
    scores = [row[0]["score"].as_py() for row in table.column("detections")] if count else []
    chosen = heapq.nlargest(count, range(len(scores)), key=scores.__getitem__)
    rows: List[Mapping[str, Any]] = table.take(chosen).to_pylist() if chosen else []
    return rows


def _best_score(row: Mapping[str, Any]) -> float:
    return float(row["detections"][0]["score"])


def result(
    spark: Any,
    job: Job,
    written: Written,
    outcome: Outcome,
    storage_kind: str,
    phases: Phases,
    slices: Tuple[int, int],
) -> JobResult:
    """The result of a job that ended. storage_kind: of the weights; slices: how many, and how many were left to do."""
    total, left = slices
    return JobResult(
        engine=job.engine,
        timing=job.timing,
        phases=tuple(Phase(name, seconds) for name, seconds in phases.seconds.items()),
        counts=written.counts,
        arithmetic=Arithmetic(job.precision, outcome.precision, storage_kind),
        threads_per_task=job.threads_per_task,
        partitions=Partitions(**outcome.partitions),
        executors=tuple(ExecutorShare(host, images) for host, images in sorted(written.hosts.items())),
        versions=_versions(spark),
        deviations=outcome.deviations,
        errors=written.failures,
        workers=outcome.workers,
        settings=outcome.settings,
        slices=SliceCounts(total=total, resumed=total - left),
        spark=by_phase(ran(spark, task_by_task=job.engine == "bigdl")),
        preprocessed=outcome.preprocessed,
        verified=outcome.verified,
        estimate=_estimate(spark),
    )


def _estimate(spark: Any) -> Optional[MemoryEstimate]:
    """The estimate that was made before the job was submitted, where one was."""
    said = spark.conf.get(SETTING, None)
    return MemoryEstimate(**json.loads(said)) if said else None


def _versions(spark: Any) -> Dict[str, str]:
    import platform
    from importlib.metadata import version

    names: List[str] = ["bigdl-orca-spark3", "openvino", "numpy", "pandas", "pyarrow", "opencv-python-headless"]
    return {
        "python": platform.python_version(),
        "spark": spark.version,
        "java": spark._jvm.java.lang.System.getProperty("java.version"),
        "hadoop": spark._jvm.org.apache.hadoop.util.VersionInfo.getVersion(),
        **{name: version(name) for name in names},
    }
