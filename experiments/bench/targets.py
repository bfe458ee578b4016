"""What the figures must reach: one table. Met or missed is computed from it, never typed."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from experiments.bench.types import Figure

_HOLDS = {"at least": operator.ge, "at most": operator.le}


@dataclass(frozen=True)
class Target:
    """A bound on a figure of a group. upper: with "at least", a bound on the other side too; None for none."""

    group: str
    relation: Literal["at least", "at most"]
    bound: float
    upper: float | None = None

    def met_by(self, value: float) -> bool:
        return bool(_HOLDS[self.relation](value, self.bound)) and (self.upper is None or value <= self.upper)

    def __str__(self) -> str:
        return f"{self.relation} {self.bound:g}" + (f", at most {self.upper:g}" if self.upper is not None else "")


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "model_openvino_over_torch": Target("model", "at least", 1.2),
        "model_int8_over_f32": Target("model", "at least", 3.5),
        "model_int8_ap_fraction": Target("model", "at least", 0.99),
        "model_f16_ap_difference": Target("model", "at most", 0.002),
        "model_mask_ap": Target("model", "at least", 0.55),
        "model_postprocess_fraction": Target("model", "at most", 0.04),
        "model_preprocess_fraction": Target("model", "at most", 0.02),
        "model_convert_seconds": Target("model", "at most", 180),
        "model_int8_convert_seconds": Target("model", "at most", 600),
        "engine_fused_over_bigdl": Target("engines", "at least", 4),
        "engine_fused_over_bigdl_defaults": Target("engines", "at least", 4),
        "engine_overhead_bigdl_over_fused": Target("engines", "at least", 20),
        "engine_int8_over_bigdl_f32": Target("engines", "at least", 12),
        "engine_fraction_of_ceiling": Target("engines", "at least", 0.92),
        "engine_fraction_of_ceiling_int8": Target("engines", "at least", 0.80),
        "engine_heterogeneous_efficiency": Target("engines", "at least", 0.90),
        "engine_scaling_efficiency_6": Target("engines", "at least", 0.90),
        "engine_memory_growth": Target("engines", "at most", 1.1),
        "engine_fused_over_peers": Target("engines", "at least", 1.0),
        "runner_overhead": Target("runner", "at most", 0.02),
        "sampler_cpu_share": Target("runner", "at most", 0.01),
        "plan_error": Target("runner", "at least", 0.75, upper=1.25),
        "runner_plan_seconds": Target("runner", "at most", 2),
        "store_load_seconds": Target("runner", "at most", 3),
        "report_seconds": Target("runner", "at most", 10),
        "report_html_mb": Target("runner", "at most", 5),
        "report_seconds_10k": Target("runner", "at most", 60),
    }
)


def verdict(figure: Figure) -> str:
    """Met or missed, with a remark where the interval reaches to the other side of the bound; "" without a target."""
    target = TARGETS.get(figure.name)
    if target is None:
        return ""
    met = target.met_by(figure.value)
    ends = [end for end in (figure.low, figure.high) if end is not None]
    clear = all(target.met_by(end) == met for end in ends)
    return ("met" if met else "missed") + ("" if clear else ", within the interval")
