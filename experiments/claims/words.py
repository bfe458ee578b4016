"""What figures are, in words: paths of a record, and facts, as the ledger's sentences name them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from experiments.analysis.trials import PAID


@dataclass(frozen=True)
class Words:
    """name: "{0}" stands for what the path holds in that place. unit: of a value, "" for a count."""

    name: str
    unit: str = ""


# By path, with "{}" for one step that is named in the words.
_PATHS: Mapping[str, Words] = {
    "per_image.stage_3": Words("time of the stage per image", "s"),
    "per_image.wall": Words("time per image from submission to the last row", "s"),
    "per_image.worker_seconds": Words("worker-seconds per image in the stage", "s"),
    PAID: Words("worker-seconds per image from submission to the last row", "s"),
    "per_frame.{}.total": Words("time per frame with {0}", "s"),
    "phases.{}": Words("time of {0}", "s"),
    "phase_seconds": Words("time of the stage", "s"),
    "hosts.{}.stage_3_end_s": Words("when {0} was done", "s"),
    "hosts.{}.images": Words("images that {0} computed"),
    "used.{}.memory_mb": Words("memory peak of {0}", "MB"),
    "result.workers.*.compiles": Words("compilations of the model"),
    "result.workers.*.peak_memory_mb": Words("memory peak of each host's largest Python process, added up", "MB"),
    "result.spark.read.most_at_once": Words("most tasks that read at once"),
    "result.partitions.{}": Words("partitions of {0}"),
    "partition_images.least": Words("images of the smallest partition"),
    "partition_images.most": Words("images of the largest partition"),
    "executors": Words("executor"),
    "failed_tasks": Words("failed tasks"),
    "run_again": Words("other tasks that ran again"),
}
_FACTS: Mapping[str, str] = {
    "model_opset": "opset",
    "model_operators_removed": "removed",
    "model_priors_bytes": "size of the priors' module",
    "model_boundary_iou_difference": "largest difference",
}
_OF_LIBRARY = re.compile(r"model_(onnx|fp32|fp16)_(matched|score_difference)")
_LIBRARIES = {"onnx": "ONNX", "fp32": "OpenVINO FP32", "fp16": "OpenVINO FP16"}
_MEASURES = {
    "matched": "share of PyTorch's detections that {} finds too:",
    "score_difference": "largest difference of scores, {}:",
}
_PATTERNS = [(re.compile(re.escape(path).replace(r"\{\}", "([^.]+)")), words) for path, words in _PATHS.items()]


def of_figure(path: str) -> Words:
    """Of a path in a record; a path that nobody named stands for itself."""
    for pattern, words in _PATTERNS:
        if found := pattern.fullmatch(path):
            return Words(words.name.format(*(step.replace("_", " ") for step in found.groups())), words.unit)
    return Words(path)


def of_fact(name: str) -> str:
    """Of a fact; the figures of `make bench` keep their names, under which they are found there."""
    if found := _OF_LIBRARY.fullmatch(name):
        return _MEASURES[found[2]].format(_LIBRARIES[found[1]])
    return _FACTS.get(name, name)
