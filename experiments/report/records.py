"""Reads what a demo stored: summary.json, and records.jsonl with one cluster a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cluster_app.contract.checks import ContractError
from cluster_app.contract.job import Job, parse_job
from cluster_app.contract.result import JobResult, parse_result
from experiments.errors import UserError

SUMMARY, RECORDS = "summary.json", "records.jsonl"

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Model = TypeVar("Model", bound="Part")


class Part(BaseModel):
    """A part of a record. Keys that the report has no use for may stand beside."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, arbitrary_types_allowed=True)


class Executor(Part):
    cores: int
    memory_mb: int
    overhead_mb: int
    instances: int
    core_share: Share

    @property
    def host_cores(self) -> float:
        """Host cores that the node's Spark cores are worth."""
        return self.cores * self.instances * self.core_share


class Node(Part):
    name: str
    roles: list[str]
    machine: str
    cpus: Share
    memory_mb: int
    isa: str | None
    profile: str | None
    executor: Executor | None


class Machine(Part):
    name: str
    cores: int


class Topology(Part):
    manager: str
    machines: list[Machine] = Field(min_length=1)
    nodes: list[Node] = Field(min_length=1)

    @model_validator(mode="after")
    def _machines_exist(self) -> Topology:
        unknown = {node.machine for node in self.nodes} - {machine.name for machine in self.machines}
        if unknown:
            raise ValueError(f"a node is on machine {sorted(unknown)[0]!r}, which is not among the machines")
        return self

    @property
    def workers(self) -> list[Node]:
        """The nodes that run executors."""
        return [node for node in self.nodes if node.executor]


class Up(Part):
    """Seconds since `up` began: services registered, canary done, limits applied and returned."""

    registered_seconds: Seconds
    canary_seconds: Seconds
    ready_seconds: Seconds

    @model_validator(mode="after")
    def _rise(self) -> Up:
        if not self.registered_seconds <= self.canary_seconds <= self.ready_seconds:
            raise ValueError("registered, canary and ready are seconds since `up` began: each at least the one before")
        return self


class Limit(Part):
    """What was in force on a node. cpus: host cores, None for no quota; cpuset: host cores by number."""

    cpus: float | None
    memory_mb: int | None
    cpuset: str | None


class Limits(Part):
    boot: dict[str, Limit]
    measured: dict[str, Limit]


class Calibration(Part):
    node: str
    factor: float
    note: str


class Task(Part):
    """One attempt at a Spark task; see experiments.eventlog.TaskRow."""

    stage_id: int
    stage_name: str
    phase: str | None = None
    index: int
    attempt: int
    host: str
    executor: str
    launch_s: float
    finish_s: float
    failed: bool
    reason: str | None


class Row(Part):
    """One input file, as the cluster saw it. detections is their number."""

    image: str
    status: Literal["ok", "corrupt", "unsupported", "failed"]
    error: str | None
    host: str | None
    detections: int = Field(ge=0)


class Manifest(Part):
    name: str
    seeded: bool
    note: str
    image_size: int
    source: dict[str, Any]


def _job(value: object) -> Job:
    return _contract(lambda: parse_job(_object(value), "job"))


def _result(value: object) -> JobResult:
    return _contract(lambda: parse_result(_object(value), "result"))


class Record(Part):
    """One cluster of the demo."""

    schema_: Literal[1] = Field(alias="schema")
    cluster: str
    topology: Topology
    up: Up
    down_seconds: Seconds
    limits: Limits
    calibration: list[Calibration]
    job: Annotated[Job, BeforeValidator(_job)]
    result: Annotated[JobResult, BeforeValidator(_result)]
    submit_seconds: Seconds
    tasks: list[Task] = Field(min_length=1)
    rows: list[Row] = Field(min_length=1)
    overlays: list[str]
    model_manifest: Manifest

    @model_validator(mode="after")
    def _rows_are_counted(self) -> Record:
        counts = self.result.counts
        if len(self.rows) != counts.images:
            raise ValueError(f"{len(self.rows)} rows for {counts.images} input files; a job owes one row for each")
        if sum(row.detections for row in self.rows) != counts.detections:
            raise ValueError("the rows' detections do not add up to result.counts.detections")
        return self

    def seconds(self, phase: str) -> float:
        """A phase's wall time. Raises UserError if the job recorded none: a phase that is missing took no zero."""
        seconds = self.result.seconds(phase)
        if seconds is None:
            raise UserError(f"{RECORDS}: {self.cluster}: result.phases lacks {phase!r}; the job did not end")
        return seconds


class Host(Part):
    cpu_model: str
    cores: int
    memory_mb: int
    kernel: str
    cgroup: str
    engine: str


class Summary(Part):
    """The demo's figures. Those that were not measured are None; image_mb is by image."""

    schema_: Literal[1] = Field(alias="schema")
    date: str
    host: Host
    images: int = Field(ge=1)
    clusters: list[str] = Field(min_length=1)
    standalone_registered_seconds: Seconds | None = None
    standalone_canary_seconds: Seconds | None = None
    yarn_registered_seconds: Seconds | None = None
    yarn_canary_seconds: Seconds | None = None
    down_seconds: Seconds | None = None
    demo_seconds: Seconds | None = None
    image_mb: dict[str, Share] | None = None
    environment_mb: Share | None = None
    host_calibration_seconds: Seconds | None = None
    targets: dict[str, float] = Field(default_factory=dict)
    credits: dict[str, str] = Field(default_factory=dict)

    def figures(self) -> dict[str, float | None]:
        """The figures by key, image_mb's entries as image_mb.NAME; targets without a figure have None."""
        plain = {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name.endswith(("_seconds", "_mb")) and name != "image_mb"
        }
        images = {f"image_mb.{name}": size for name, size in (self.image_mb or {}).items()}
        return {**dict.fromkeys(self.targets), **plain, **images}


@dataclass(frozen=True)
class Demo:
    """All that a report is made from. folder is where the overlays' paths start."""

    folder: Path
    summary: Summary
    records: tuple[Record, ...]


def read_demo(folder: Path) -> Demo:
    """Raises UserError, one message a problem, if a file is missing, malformed, or says nothing."""
    summary = _checked(Summary, _json(_text(folder / SUMMARY), str(folder / SUMMARY)), str(folder / SUMMARY))
    path = folder / RECORDS
    lines = [(number, line) for number, line in enumerate(_text(path).splitlines(), start=1) if line.strip()]
    if not lines:
        raise UserError(f"{path}: holds no record; run the demo, which writes one a cluster")
    places = [(f"{path}, line {number}", line) for number, line in lines]
    records = [_checked(Record, _json(line, where), where) for where, line in places]
    _check_together(path, summary, records)
    return Demo(folder, summary, tuple(records))


def _check_together(path: Path, summary: Summary, records: list[Record]) -> None:
    problems = [
        f"{path}: {record.cluster}: {len(record.rows)} input files, and {SUMMARY} counts {summary.images}"
        for record in records
        if len(record.rows) != summary.images
    ]
    names = [record.cluster for record in records]
    problems += [f"{path}: {name} has {names.count(name)} records; one is allowed" for name in {*names} if names.count(name) > 1]
    problems += [f"{path}: {name} is not among the clusters of {SUMMARY}" for name in names if name not in summary.clusters]
    if problems:
        raise UserError(*problems)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give the folder that a demo wrote") from error


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{where}: is not JSON ({error}); the file was changed or cut off: run the demo again") from error


def _checked(model: type[Model], content: Any, where: str) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(*(f"{where}: {_problem(one)}" for one in error.errors(include_url=False))) from error


def _problem(problem: Mapping[str, Any]) -> str:
    place = ".".join(str(step) for step in problem["loc"])
    text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {text}" if place else text


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def _contract(read: Any) -> Any:
    try:
        return read()
    except ContractError as error:
        raise ValueError(str(error)) from error
