"""The paper's processors as profiles, and the quota that imitates the slower of two.

A profile is imitated by its instruction set, and by a quota that makes the one-core ratio measured here equal the
published one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pydantic import Field

from experiments.shapes import Cpus, Isa, Memory, Number, Schema, Shape, Text, parse, read_toml

PROFILES_FILE = Path(__file__).with_name("profiles.toml")


@dataclass(frozen=True)
class Profile:
    """One processor. single_thread is its published score, in points.

    cpus (host cores) and memory_mb are a node's where its topology gives none.
    """

    name: str
    processor: str
    isa: str
    cpus: float
    memory_mb: int
    single_thread: float


@dataclass(frozen=True)
class Source:
    """Where the scores were read: what was measured, and the page's title and address."""

    metric: str
    title: str
    url: str


@dataclass(frozen=True)
class QuotaFactor:
    """What a slower profile's quota is multiplied with, and in words why."""

    factor: float
    note: str


def load_profiles() -> Mapping[str, Profile]:
    """The profiles of profiles.toml by name. Raises UserError if that file is malformed."""
    return MappingProxyType(
        {
            name: Profile(name, table.processor, table.isa, table.cpus, table.memory, table.single_thread)
            for name, table in _file().profiles.items()
        }
    )


def load_source() -> Source:
    """Where the profiles' scores come from. Raises UserError if profiles.toml is malformed."""
    table = _file().source
    return Source(table.metric, table.title, table.url)


def quota_factor(profile: Profile, fastest: Profile, measured_ratio: float) -> QuotaFactor:
    """The factor for `profile`'s quota that makes its one-core speed the published share of `fastest`'s.

    measured_ratio is speed under profile's instruction set / speed under fastest's, both on one core of this host
    without quota. A quota can only slow down: where the instruction set alone does more than the published ratio,
    the factor is 1. Raises ValueError unless measured_ratio is over 0.
    """
    if not measured_ratio > 0:
        raise ValueError(f"measured_ratio is {measured_ratio!r}; allowed: over 0")
    published = profile.single_thread / fastest.single_thread
    if measured_ratio <= published:
        return QuotaFactor(
            1.0,
            f"the instruction set alone exceeds the published difference ({measured_ratio:.3f} measured, "
            f"{published:.3f} published); no quota added",
        )
    factor = published / measured_ratio
    return QuotaFactor(
        factor,
        f"published ratio {published:.3f} / {measured_ratio:.3f} measured for the instruction set alone = {factor:.3f}",
    )


class _ProfileTable(Shape):
    processor: Text
    isa: Isa
    cpus: Cpus
    memory: Memory
    single_thread: Number


class _SourceTable(Shape):
    metric: Text
    title: Text
    url: Text


class _ProfilesFile(Shape):
    schema_: Schema = Field(alias="schema")
    source: _SourceTable = Field(description="the table of the scores' source")
    profiles: dict[str, _ProfileTable] = Field(description="tables, one a processor")


@cache
def _file() -> _ProfilesFile:
    return parse(_ProfilesFile, read_toml(PROFILES_FILE), PROFILES_FILE.name)
