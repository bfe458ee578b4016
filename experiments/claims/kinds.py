"""The kinds of rules that claims.toml may name: the shape of a kind's parameters, and its function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.claims import causes, levels, parts, rules
from experiments.claims.types import Evidence, Verdict
from experiments.shapes import Shape

RULES: dict[str, tuple[type[Shape], Callable[[Any, Evidence], Verdict]]] = {
    "ratio": (rules.RatioRule, rules.ratio),
    "fastest": (rules.FastestRule, rules.fastest),
    "trend": (rules.TrendRule, rules.trend),
    "bounds": (levels.BoundsRule, levels.bounds),
    "fact": (levels.FactRule, levels.fact),
    "cause": (causes.CauseRule, causes.cause),
    "part": (parts.PartRule, parts.part),
    "later": (causes.WhyRule, causes.later),
    "not testable": (causes.WhyRule, causes.not_testable),
    "open": (causes.WhyRule, causes.still_open),
}
