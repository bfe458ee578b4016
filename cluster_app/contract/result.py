"""The job result: what a job measured and counted, written beside its output as job-result.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster_app.contract.checks import (
    FLAG,
    TEXT,
    ContractError,
    key,
    many,
    number,
    one_of,
    optional,
    read_document,
    record,
    texts_by_name,
    to_json,
    whole,
)

SCHEMA = 1
# In the order they happen; total is the wall time of the whole job, start to commit.
PHASES = ("start", "inventory", "read", "preprocess", "predict", "postprocess", "commit", "total")
# Those of the fused engine: in `segment` a file is read, decoded, segmented, and its row made.
FUSED_PHASES = ("start", "inventory", "segment", "commit", "total")
PHASES_OF = {"bigdl": PHASES, "fused": FUSED_PHASES}
# How tasks share a slice's images: small ones as slots get free, equal shares, equal shares in step.
SCHEDULINGS = ("dynamic", "static", "barrier")


@dataclass(frozen=True)
class Phase:
    """A timed part of a job, in seconds of wall time on the driver."""

    name: str = key(one_of(*dict.fromkeys((*PHASES, *FUSED_PHASES))))
    seconds: float = key(number(0))


@dataclass(frozen=True)
class Counts:
    """Input files by the status of their row, and all detections in the rows that are ok."""

    images: int = key(whole(0))
    ok: int = key(whole(0))
    corrupt: int = key(whole(0))
    unsupported: int = key(whole(0))
    failed: int = key(whole(0))
    detections: int = key(whole(0))


@dataclass(frozen=True)
class Arithmetic:
    """What the job asked for, what the compiled model says of itself, and how the IR stores its weights.

    The last two are None in the result of a job that failed before it read the model.
    """

    precision_asked: str = key(one_of("f32", "bf16"))
    precision_compiled: str | None = key(optional(one_of("f32", "bf16", "f16")))
    storage: str | None = key(optional(one_of("FP32", "FP16", "INT8")))


@dataclass(frozen=True)
class Partitions:
    """Numbers of Spark partitions, as read and as predicted."""

    read: int = key(whole(0))
    predict: int = key(whole(0))


@dataclass(frozen=True)
class ExecutorShare:
    """How many images a host predicted."""

    host: str = key(TEXT)
    images: int = key(whole(0))


@dataclass(frozen=True)
class CpuShare:
    """What a worker had of its node's processor, and what it used of it.

    cores: those it could run on; quota: of its container in host cores, null without one. threads, streams, pinned: of
    the compiled model, as it says itself; requests: how many inferences it had under way at once.
    """

    cores: int = key(whole(1))
    quota: float | None = key(optional(number(0)))
    threads: int = key(whole(1))
    streams: int = key(whole(1))
    pinned: bool = key(FLAG)
    requests: int = key(whole(1))


@dataclass(frozen=True)
class WorkerShare:
    """What a host's Python workers did, added up over its processes and their tasks; times in seconds.

    seconds: from the beginning of a task to its end; load and compile: of the model, compiles how often;
    peak_memory_mb: the resident set, in MB (10^6 bytes), of the largest process. cpu: null where none compiled a model.
    Around BigDL's predict: input_seconds is what Python waits for rows and unpacks them, after handing over what was
    before; output_seconds what it takes to turn results into text; input_mb and output_mb are what so crosses.
    jvm_peak_memory_mb: of the JVM that the processes work for, null where /proc does not tell.
    """

    host: str = key(TEXT)
    processes: int = key(whole(1))
    images: int = key(whole(0))
    compiles: int = key(whole(0))
    seconds: float = key(number(0))
    load_seconds: float = key(number(0))
    compile_seconds: float = key(number(0))
    decode_seconds: float = key(number(0))
    infer_seconds: float = key(number(0))
    postprocess_seconds: float = key(number(0))
    encode_seconds: float = key(number(0))
    peak_memory_mb: float = key(number(0))
    jvm_peak_memory_mb: float | None = key(optional(number(0)), None)
    input_seconds: float = key(number(0), 0.0)
    input_mb: float = key(number(0), 0.0)
    output_seconds: float = key(number(0), 0.0)
    output_mb: float = key(number(0), 0.0)
    cpu: CpuShare | None = key(optional(record(CpuShare)), None)  # noqa: RUF009 (a field, as below)


@dataclass(frozen=True)
class EngineSettings:
    """What an engine ran with. threads and streams: of one compiled model; images_per_task: null where Spark decided,
    the fused engine's last tasks may hold one; slice_images: images of a slice; slices_in_flight: how many at once;
    scheduling: how its tasks share a slice.
    """

    threads: int = key(whole(1))
    streams: int = key(whole(1))
    slice_images: int = key(whole(1, 64))
    images_per_task: int | None = key(optional(whole(1)))
    slices_in_flight: int = key(whole(1))
    scheduling: str = key(one_of(*SCHEDULINGS), "dynamic")


@dataclass(frozen=True)
class MemoryEstimate:
    """What an executor was expected to take at most, before the job ran, in MB (10^6 bytes): heap, the JVM outside it,
    and of each of its tasks the Python process with the model and the others. To be held against what was measured.
    """

    heap_mb: float = key(number(0))
    beside_mb: float = key(number(0))
    process_mb: float = key(number(0))
    others_mb: float = key(number(0))
    tasks: int = key(whole(1))


@dataclass(frozen=True)
class SparkPhase:
    """What Spark ran in a phase. retried: stages that it ran again after a failure; most_at_once: of the tasks of one
    stage, null where they are too many to be looked at; task_seconds: of the executors' time, added up.
    """

    name: str = key(TEXT)
    stages: int = key(whole(0))
    retried: int = key(whole(0))
    tasks: int = key(whole(0))
    failed_tasks: int = key(whole(0))
    most_at_once: int | None = key(optional(whole(0)))
    task_seconds: float = key(number(0))


@dataclass(frozen=True)
class SliceCounts:
    """Slices of the input, and how many of them were there from a session before this one."""

    total: int = key(whole(0))
    resumed: int = key(whole(0))


@dataclass(frozen=True)
class JobResult:
    """One job's result. versions are by library; deviations and errors are sentences.

    spark: what Spark ran, by phase; preprocessed: how often BigDL's engine preprocessed an image, as often as there are
    images unless something ran twice; verified: rows whose fingerprint was compared, null where none was to be.

    What workers, phases and executors count is of this session; counts are of the whole output.
    """

    engine: str = key(one_of("bigdl", "fused"))
    timing: str = key(one_of("materialised", "paper"))
    phases: tuple[Phase, ...] = key(many(record(Phase)))
    counts: Counts = key(record(Counts))  # noqa: RUF009 (a field, as above)
    arithmetic: Arithmetic = key(record(Arithmetic))  # noqa: RUF009 (a field, as above)
    threads_per_task: int = key(whole(1))
    partitions: Partitions = key(record(Partitions))  # noqa: RUF009 (a field, as above)
    executors: tuple[ExecutorShare, ...] = key(many(record(ExecutorShare)))
    versions: Mapping[str, str] = key(texts_by_name())
    deviations: tuple[str, ...] = key(many(TEXT))
    errors: tuple[str, ...] = key(many(TEXT))
    workers: tuple[WorkerShare, ...] = key(many(record(WorkerShare)), ())
    settings: EngineSettings | None = key(optional(record(EngineSettings)), None)  # noqa: RUF009 (a field, as above)
    slices: SliceCounts | None = key(optional(record(SliceCounts)), None)  # noqa: RUF009 (a field, as above)
    spark: tuple[SparkPhase, ...] = key(many(record(SparkPhase)), ())
    preprocessed: int | None = key(optional(whole(0)), None)
    verified: int | None = key(optional(whole(0)), None)
    estimate: MemoryEstimate | None = key(optional(record(MemoryEstimate)), None)  # noqa: RUF009 (a field, as above)

    def to_json(self) -> str:
        """The text of job-result.json."""
        return to_json(self, SCHEMA)

    def seconds(self, phase: str) -> float | None:
        """The time of a phase; None if the job did not get to it."""
        return next((one.seconds for one in self.phases if one.name == phase), None)


def parse_result(source: str | dict[str, Any], where: str) -> JobResult:
    """The text of job-result.json, or the object it holds. `where` is the file that messages name.

    Raises ContractError with all problems.
    """
    result = read_document(JobResult, source, where, SCHEMA)
    problems = [*_phase_problems(result), *_count_problems(result), *_completeness_problems(result)]
    if problems:
        raise ContractError([f"{where}: {problem}" for problem in problems])
    return result


def _phase_problems(result: JobResult) -> list[str]:
    names = [phase.name for phase in result.phases]
    own = PHASES_OF[result.engine]
    return [
        f'phases: "{name}" is given {names.count(name)} times; give each phase once'
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ] + [
        f'phases: "{name}" is no phase of the engine "{result.engine}"; its phases: {", ".join(own)}'
        for name in dict.fromkeys(names)
        if name not in own
    ]


def _count_problems(result: JobResult) -> list[str]:
    counts = result.counts
    total = counts.ok + counts.corrupt + counts.unsupported + counts.failed
    if total == counts.images:
        return []
    return [
        f"counts.images = {counts.images}: ok, corrupt, unsupported and failed add up to {total}; "
        "exactly one status belongs to each image"
    ]


def _completeness_problems(result: JobResult) -> list[str]:
    """A job without errors ran to its end, so nothing may be missing from its result."""
    if result.errors:
        return []
    missing = [f'phases: "{name}" is missing' for name in PHASES_OF[result.engine] if result.seconds(name) is None]
    if result.arithmetic.precision_compiled is None:
        missing.append("arithmetic.precision_compiled = null")
    if result.arithmetic.storage is None:
        missing.append("arithmetic.storage = null")
    return [f"{problem}: allowed only where errors says why the job failed; give it" for problem in missing]
