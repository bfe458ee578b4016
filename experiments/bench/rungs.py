"""The ablation's steps, from the paper's pipeline to the engine, one change at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from experiments.bench.cluster_figures import Rung
from experiments.bench.engine_figures import DEFAULTS, FUSED, TUNED
from experiments.engine_settings import EngineSetting, setting

FP32, INT8 = "fp32", "int8"
_SLICES = 2
_ONE_THREAD: Mapping[str, Any] = {"threads_per_task": 1, "pin_threads": False}
# Each with a setting, the weights, and keys of the job file that it changes in the setting.
RUNGS: Sequence[tuple[Rung, str, str, Mapping[str, Any]]] = (
    (
        Rung("bigdl, tensors to the driver", "BigDL's defaults; post-processing on the driver"),
        DEFAULTS,
        FP32,
        {"post_processing": "driver"},
    ),
    (Rung("bigdl-defaults", "post-processing on the executors"), DEFAULTS, FP32, {}),
    (
        Rung("bigdl, one thread a task", "one thread an inference, not pinned, in place of all cores for each"),
        DEFAULTS,
        FP32,
        _ONE_THREAD,
    ),
    (
        Rung("bigdl-tuned", "one image at once, one partition a slot, small blocks of tensors"),
        TUNED,
        FP32,
        {},
    ),
    (
        Rung("fused, all cores for each", "one pass: bytes in, rows out, preprocessing inside the model"),
        FUSED,
        FP32,
        {"threads_per_task": 2},
    ),
    (Rung("fused", "one thread a task, as many tasks as cores"), FUSED, FP32, {}),
    (Rung("fused-int8", "quantised weights"), FUSED, INT8, {}),
)


def changed(name: str, changes: Mapping[str, Any]) -> EngineSetting:
    """A setting with other keys of the job file. With a number of threads, it is that number."""
    one = setting(name)
    if not changes:
        return one
    threads = changes.get("threads_per_task")
    conf = dict(one.spark) if threads is None else {k: v for k, v in one.spark.items() if k != "spark.task.cpus"}
    return replace(
        one, job={**one.job, **changes}, spark=conf, executor_threads=one.executor_threads and threads is None
    )


def in_slices(one: EngineSetting, images: int) -> EngineSetting:
    """The setting with its input in two slices, for so many images: the first is the bigdl engine's start-up.

    Numbers of partitions are shared out over the slices, so there are twice as many.
    """
    partitions = None if one.partitions_per_slot is None else _SLICES * one.partitions_per_slot
    return replace(one, job={**one.job, "slice_images": images // _SLICES}, partitions_per_slot=partitions)
