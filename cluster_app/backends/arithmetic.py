"""Holds the arithmetic that OpenVINO compiled against the one that was asked for."""

from __future__ import annotations

from typing import Tuple

from cluster_app.pipeline.arithmetic import precisions_of


def compiled_arithmetic(kind: str, execution_graph: str, floating: str, quantised: bool) -> Tuple[str, ...]:
    """The arithmetic of the compute layers of an execution graph (its XML text), sorted, each once.

    Raises ValueError unless the layers compute in `floating`, and in int8 besides if, and only if, quantised.
    """
    found = precisions_of(execution_graph)
    wanted = {floating, "int8"} if quantised else {floating}
    if not set(found) <= wanted or (quantised and "int8" not in found):
        raise ValueError(
            f"{kind}: asked to compute in {' and '.join(sorted(wanted))}, the compiled model computes in "
            f"{', '.join(found)}; build the model again, or leave this backend out"
        )
    return found
