"""Whether a cell's job may fit its executors, by the estimate that `submit` holds jobs against. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from experiments.engine_settings import setting
from experiments.errors import UserError
from experiments.matrix.settings import job_of
from experiments.matrix.types import Settings
from experiments.memory.check import Facts
from experiments.memory.check import plan as executors_plan
from experiments.types import ClusterSpec

# Weights as a model computes with them, in 10^6 bytes, where it stores them in 8 bits and otherwise.
_WEIGHTS_MB: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"small": (9.0, 33.0), "r50": (32.0, 125.0), "r101": (54.0, 201.0)}
)


def too_large(settings: Settings, spec: ClusterSpec) -> tuple[str, ...]:
    """Why `submit` would refuse the job on this cluster; empty where it would not."""
    eight, full = _WEIGHTS_MB[str(settings["model"])]
    weights = eight if settings.get("weights") == "INT8" else full
    named = settings.get("engine_setting")
    try:
        job = job_of(settings)
        job = setting(str(named)).applied(job, spec) if named is not None else job
        conf = setting(str(named)).spark if named is not None else {}
        executors_plan(spec, job, Facts(int(str(settings["images"])), weights), conf)
    except UserError as error:
        return error.messages
    return ()
