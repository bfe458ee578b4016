"""Whether a job fits the executors of a cluster, from an estimate of their peak, before it is submitted. Pure.

An executor of a topology is its heap and what stands beside it (`memory` and `overhead`) together; how the two share
that is the job's business: the fused engine keeps little in the JVM and much in Python.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cluster_app.contract.job import Job
from cluster_app.contract.memory import DEFAULT_ROWS, ExecutorMemory, Workload, executor_memory, rows_of_a_partition
from cluster_app.contract.result import JobResult, MemoryEstimate
from experiments.errors import UserError
from experiments.types import ClusterSpec
from experiments.units import memory_text

# Bytes of a topology's MB over those of the estimate's.
_MB = 2**20 / 1e6
# Spark refuses smaller heaps.
LEAST_HEAP_MB = 512
_STEP_MB = 64


@dataclass(frozen=True)
class Facts:
    """What is known of a job before it runs. images: files of its input; weights_mb: of its model, in 10^6 bytes."""

    images: int
    weights_mb: float


@dataclass(frozen=True)
class Plan:
    """need: the estimate of an executor's peak; heap_mb, overhead_mb: how its memory is shared out, in MB (2^20)."""

    need: ExecutorMemory
    heap_mb: int
    overhead_mb: int

    @property
    def estimate(self) -> MemoryEstimate:
        """As the job's result has it. A JVM may fill the heap that it gets, whether it needs it or not."""
        need = self.need
        heap, process, others = (round(size, 1) for size in (self.heap_mb * _MB, need.process_mb, need.others_mb))
        return MemoryEstimate(heap, need.beside_mb, process, others, need.tasks)

    def conf(self, spec: ClusterSpec) -> dict[str, str]:
        """Spark's settings that share an executor's memory out in this way."""
        if spec.manager == "local":
            return {"spark.driver.memory": f"{self.heap_mb}m"}
        heap = {"spark.executor.memory": f"{self.heap_mb}m"}
        return heap | ({"spark.executor.memoryOverhead": f"{self.overhead_mb}m"} if spec.manager == "yarn" else {})


def plan(spec: ClusterSpec, job: Job, facts: Facts, conf: Mapping[str, str]) -> Plan:
    """How much an executor may need, and how its memory is shared out. conf: Spark's settings of this submission.

    The bigdl engine keeps the topology's heap as far as Python leaves it, the fused one takes what it needs. Raises
    UserError, with the number to change, if an executor needs more than the topology gives it.
    """
    load = workload(spec, job, facts, conf)
    need = executor_memory(load)
    memory, overhead = spec.executor.memory_mb, spec.executor.overhead_mb
    heap, beside = max(LEAST_HEAP_MB, _whole(need.heap_mb)), _whole(need.overhead_mb)
    if heap > memory or heap + beside > memory + overhead:
        # The heap first: what stands beside it can also take what the heap leaves.
        wanted_memory = max(memory, heap)
        wanted_overhead = max(overhead, heap + beside - wanted_memory)
        raise UserError(_message(spec, load, need, wanted_memory, wanted_overhead))
    wished = heap if job.engine == "fused" else memory
    shared = min(wished, memory + overhead - beside)
    return Plan(need, shared, memory + overhead - shared)


def fitted(spec: ClusterSpec, job: Job, known: Facts) -> Job:
    """The job, with as many partitions to read in as it takes to fit; as it is where it fits, or nothing helps."""
    fewer = [replace(job, read_partitions=math.ceil(known.images / rows)) for rows in range(DEFAULT_ROWS, 0, -1)]
    return next((one for one in (job, *fewer) if _fits(spec, one, known)), job)


def _fits(spec: ClusterSpec, job: Job, known: Facts) -> bool:
    try:
        plan(spec, job, known, {})
    except UserError:
        return False
    return True


def workload(spec: ClusterSpec, job: Job, facts: Facts, conf: Mapping[str, str]) -> Workload:
    """What the estimate depends on."""
    cores_of_a_task = int(conf.get("spark.task.cpus", job.threads_per_task))
    # Spark packs files for all cores, whatever a task holds of them.
    rows = rows_of_a_partition(facts.images, job.repartition or job.read_partitions, spec.total_executor_cores)
    tasks = max(1, spec.executor.cores // cores_of_a_task)
    return Workload(job.engine, job.image_size, facts.weights_mb, tasks, rows, job.batch_size)


def beyond_estimate(result: JobResult) -> list[str]:
    """What took more than was estimated, a message a host: the estimate's constants are then to be measured anew."""
    if result.estimate is None:
        return []
    python, jvm = result.estimate.process_mb, result.estimate.heap_mb + result.estimate.beside_mb
    measured = [("a Python process", one.host, one.peak_memory_mb, python) for one in result.workers]
    measured += [("the executor's JVM", one.host, one.jvm_peak_memory_mb or 0.0, jvm) for one in result.workers]
    return [
        f"memory: {what} on {host} took {took:.0f} MB, estimated were at most {most:.0f}"
        for what, host, took, most in measured
        if took > most
    ]


def _message(spec: ClusterSpec, load: Workload, need: ExecutorMemory, memory: int, overhead: int) -> str:
    node, executor = spec.executors[0]
    changes = [
        f'{key} to "{memory_text(wanted)}"'
        for key, wanted, has in (("memory", memory, executor.memory_mb), ("overhead", overhead, executor.overhead_mb))
        if wanted != has
    ]
    if load.tasks > 1:
        changes.append(f"threads_per_task to {executor.cores}, for one task at a time instead of {load.tasks}")
    if load.engine == "bigdl" and load.rows > 1:
        changes.append(f"read_partitions to more, for less than {load.rows} images a partition")
    return (
        f'nodes.{node.entry}.executor: memory = "{memory_text(executor.memory_mb)}" and overhead = '
        f'"{memory_text(executor.overhead_mb)}": the engine "{load.engine}" at image_size = {load.image_size} may take '
        f"{_whole(need.total_mb)} MB, {_whole(need.heap_mb)} of them heap, {_whole(need.beside_mb)} the JVM beside it, "
        f"{_whole(need.python_mb)} Python ({load.tasks} task{'s' if load.tasks > 1 else ''} at once); set "
        f"{', or '.join(changes)} ({spec.source})"
    )


def _whole(megabytes: float) -> int:
    """10^6 bytes -> MB (2^20), up to a round number."""
    return math.ceil(megabytes / _MB / _STEP_MB) * _STEP_MB
