"""The settings in which the engines are compared, from engine_settings.toml, as job files and Spark's settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field

from cluster_app.contract.checks import ContractError
from cluster_app.contract.job import SCHEMA, Job, parse_job
from experiments.errors import UserError
from experiments.shapes import Count, Schema, Shape, Text, parse, read_toml, unknown
from experiments.types import ClusterSpec

SETTINGS_FILE = Path(__file__).with_name("engine_settings.toml")
NAMES = ("bigdl-defaults", "bigdl-tuned", "fused")

Value = str | int | float | bool | None


@dataclass(frozen=True)
class EngineSetting:
    """One setting. job: keys of the job file that it sets; spark: Spark's settings that it sets; why: in sentences.

    partitions_per_slot: in how many partitions to read for each task that runs at once, None leaves it to the engine;
    executor_threads: whether a task uses as many threads as an executor has cores.
    """

    name: str
    job: Mapping[str, Value]
    spark: Mapping[str, str]
    why: str
    partitions_per_slot: int | None = field(default=None, kw_only=True)
    executor_threads: bool = field(default=False, kw_only=True)

    def applied(self, job: Job, spec: ClusterSpec) -> Job:
        """The job in this setting on that cluster. Raises UserError if it then is none, as `parse_job` says."""
        threads = spec.executor.cores if self.executor_threads else self.job.get("threads_per_task", 1)
        content = {**dataclasses.asdict(job), **self.job, "schema": SCHEMA, "threads_per_task": threads}
        if self.partitions_per_slot is not None:
            # A task holds as many cores as it uses threads, unless the setting says otherwise.
            held = int(self.spark.get("spark.task.cpus", str(threads)))
            content["read_partitions"] = self.partitions_per_slot * max(1, spec.total_executor_cores // held)
        try:
            return parse_job(content, f"engine setting {self.name}")
        except ContractError as error:
            raise UserError(*error.problems) from None


def setting(name: str) -> EngineSetting:
    """The setting of that name. Raises UserError for a name that there is not, and if the file is malformed."""
    every = settings()
    if name not in every:
        raise UserError(f"engine setting {name!r}: unknown; {unknown(name, every)}")
    return every[name]


@cache
def settings() -> Mapping[str, EngineSetting]:
    """All settings by name. Raises UserError if the file is malformed."""
    return read_settings(SETTINGS_FILE)


def read_settings(path: Path) -> Mapping[str, EngineSetting]:
    """The settings of a file. Raises UserError with one message for each thing that is wrong with it."""
    content = parse(_File, read_toml(path), str(path))
    keys = {one.name for one in dataclasses.fields(Job)}
    found, problems = {}, []
    for name, table in zip(NAMES, (content.bigdl_defaults, content.bigdl_tuned, content.fused), strict=True):
        for key in table.job:
            if key not in keys:
                problems.append(f"{path}: {name}.job.{key}: is no key of a job file; {unknown(key, keys)}")
        found[name] = EngineSetting(
            name,
            MappingProxyType(dict(table.job)),
            MappingProxyType(dict(table.spark)),
            table.why,
            partitions_per_slot=table.partitions_per_slot,
            executor_threads=table.threads == "executor",
        )
    if problems:
        raise UserError(*problems)
    return MappingProxyType(found)


class _Setting(Shape):
    why: Text
    job: dict[str, Any] = Field(description="a table of keys of a job file")
    spark: dict[str, str] = Field(description="a table of texts")
    partitions_per_slot: Count | None = None
    threads: Literal["executor"] | None = Field(default=None, description='"executor", or is left out')


class _File(Shape):
    schema_: Schema = Field(alias="schema")
    bigdl_defaults: _Setting = Field(alias="bigdl-defaults", description="a table")
    bigdl_tuned: _Setting = Field(alias="bigdl-tuned", description="a table")
    fused: _Setting = Field(description="a table")
