"""What a demo stores: the types of summary.json, and of a line of records.jsonl, which is one cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cluster_app.contract.checks import ContractError
from cluster_app.contract.job import Job, parse_job
from cluster_app.contract.result import JobResult, parse_result
from experiments.errors import UserError

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Content = TypeVar("Content")


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
    """Seconds since the nodes were started: services registered, canary done, limits applied."""

    registered_seconds: Seconds
    canary_seconds: Seconds
    ready_seconds: Seconds

    @model_validator(mode="after")
    def _rise(self) -> Up:
        if not self.registered_seconds <= self.canary_seconds <= self.ready_seconds:
            raise ValueError("registered, canary and ready count from the nodes' start: each at least the one before")
        return self


class Limit(Part):
    """What was in force on a node. cpus: host cores, None for no quota; memory_mb: 0 for no limit; cpuset: host cores
    by number, "" for all."""

    cpus: float | None
    memory_mb: int
    cpuset: str


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


class Agreement(Part):
    """What a cluster's output has in common with another's; see experiments.agreement.Agreement."""

    reference: str
    images: int = Field(ge=1)
    statuses: int = Field(ge=0)
    detections: int = Field(ge=0)
    pairs: int = Field(ge=0)
    least_iou: float | None
    largest_score_difference: float | None

    @model_validator(mode="after")
    def _adds_up(self) -> Agreement:
        if self.pairs > self.detections:
            raise ValueError(f"{self.pairs} pairs among {self.detections} detections")
        if (self.pairs == 0) != (self.least_iou is None):
            raise ValueError("least_iou is that of the pairs: None without any, a number otherwise")
        return self


class Scenes(Part):
    """What became of the objects of the synthetic scenes; see experiments.scenes.Found."""

    scenes: int = Field(ge=1)
    objects: int = Field(ge=1)
    found: int = Field(ge=0)
    wrong: int = Field(ge=0)
    mean_iou: float | None


class Source(Part):
    sha256: str


class Manifest(Part):
    name: str
    seeded: bool
    note: str
    source: Source


def _job(value: object) -> Job:
    return _contract(parse_job, value, "job")


def _result(value: object) -> JobResult:
    return _contract(parse_result, value, "result")


def _contract(parse: Callable[[dict[str, Any], str], Content], value: object, where: str) -> Content:
    """An object of the contract's; what is wrong with it is told as pydantic wants to hear it."""
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    try:
        return parse(value, where)
    except ContractError as error:
        raise ValueError(str(error)) from error


class Record(Part):
    """One cluster of the demo.

    ship_environment_seconds: how long the packed environment took to where YARN fetches it, before the job was
    submitted; None where there is none to ship.
    """

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
    ship_environment_seconds: Seconds | None = None
    tasks: list[Task] = Field(min_length=1)
    rows: list[Row] = Field(min_length=1)
    overlays: list[str]
    model_manifest: Manifest
    agreement: Agreement | None = None
    scenes: Scenes | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Record:
        counts, total = self.result.counts, self.result.seconds("total")
        if total is not None and total > self.submit_seconds:
            raise ValueError(f"the job's {total} s in all are more than submit_seconds = {self.submit_seconds}")
        if len(self.rows) != counts.images:
            raise ValueError(f"{len(self.rows)} rows for {counts.images} input files; a job owes one row for each")
        if sum(row.detections for row in self.rows) != counts.detections:
            raise ValueError("the rows' detections do not add up to result.counts.detections")
        return self

    def seconds(self, phase: str) -> float:
        """A phase's wall time. Raises UserError if the job recorded none: a phase that is missing took no zero."""
        seconds = self.result.seconds(phase)
        if seconds is None:
            raise UserError(f"{self.cluster}: result.phases lacks {phase!r}; the job did not end")
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
