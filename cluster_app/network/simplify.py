"""Removing redundant operators from an ONNX graph, and saying which."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import onnx
import onnxsim


@dataclass(frozen=True)
class Simplified:
    """The simplified model, and how many operators of each type there were and are."""

    model: onnx.ModelProto
    before: dict[str, int]
    after: dict[str, int]

    @property
    def removed(self) -> dict[str, int]:
        return {kind: count - self.after.get(kind, 0) for kind, count in self.before.items()
                if count > self.after.get(kind, 0)}  # fmt: skip


def simplify(model: onnx.ModelProto) -> Simplified:
    """Fold constants and drop what does nothing. Raises RuntimeError if the result computes something else."""
    simplified, same = onnxsim.simplify(model)
    if not same:
        raise RuntimeError("onnx-simplifier's result differs from the exported model: do not use it")
    return Simplified(simplified, _operators(model), _operators(simplified))


def _operators(model: onnx.ModelProto) -> dict[str, int]:
    return dict(sorted(Counter(node.op_type for node in model.graph.node).items()))
