"""How long a trial takes, estimated from what one core of this host does. Pure.

Work is in core-seconds of the reference core: one on which the calibration network takes REFERENCE_SECONDS, a start of
Python REFERENCE_START, and YOLACT R50 at 550 pixels in FP32 1.09 s an image. Seconds follow from the quotas of the
nodes that do it. A processor with instructions for networks is faster at these and at nothing else: so each has its own
measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from experiments.matrix.types import Settings
from experiments.profiles import load_profiles, quota_factor
from experiments.types import ClusterSpec, NodeSpec

REFERENCE_SECONDS = 0.0222
REFERENCE_START = 0.17
REFERENCE_ISA = "AVX512_CORE_VNNI"
# Inference of one image at the model's own size, FP32: core-seconds, and the side in pixels that it is of.
_INFERENCE: Mapping[str, tuple[float, int]] = MappingProxyType(
    {"small": (0.04, 192), "r50": (1.09, 550), "r101": (1.7, 550)}
)
_PRECISION: Mapping[str, float] = MappingProxyType({"INT8": 0.27, "bf16": 0.5})
# What stands around the network for one image at 550 pixels, by engine: decoding, tensors between stages, masks.
_AROUND: Mapping[str, float] = MappingProxyType({"bigdl": 3.0, "fused": 0.06})
_AROUND_LEAST: Mapping[str, float] = MappingProxyType({"bigdl": 0.35, "fused": 0.03})
# What a job takes whatever its images: the driver's start; each executor's JVM, Python workers and compiled model.
_DRIVER_START = 7.5
# Cores that a JVM's start can use: more make it no faster.
_DRIVER_CORES = 2.0
_JVM_START = 3.0
_WORKER_START: Mapping[str, float] = MappingProxyType({"bigdl": 12.0, "fused": 4.0})
# BigDL compiles the model once a partition; a task of its own costs too, in each of its four stages.
_PARTITION = 0.8
_YARN_START = 8.0
# Files listed and classified, the model fetched and its arithmetic checked, by Python that has to start for it.
_INVENTORY: Mapping[str, float] = MappingProxyType({"bigdl": 4.0, "fused": 2.0})
# All backends of a video's round: until they are loaded, and their frames in units of one of OpenVINO's in FP32.
_LOADING, _BACKENDS = 20.0, 6.0
# Host cores of a video's limited node, as `experiments.host.evaluation` gives them.
LIMITED = 0.75
# Wall time of a cluster's way up and down, in seconds, by manager: it boots without quotas.
_BOOT: Mapping[str, float] = MappingProxyType({"local": 10.0, "standalone": 19.0, "yarn": 42.0})
_DOWN: Mapping[str, float] = MappingProxyType({"local": 1.5, "standalone": 1.5, "yarn": 4.5})
# Core-seconds that the first job on a new YARN cluster takes more on each node: its archive is sent and unpacked there.
_ARCHIVE = 30.0
# Between trials: staging, the look at the host, records.
BETWEEN = 3.0
# How far off an estimate may be: as a factor, with the host's calibration and without it.
CALIBRATED, UNCALIBRATED = 1.4, 2.5


@dataclass(frozen=True)
class Calibration:
    """What was measured on one core of this host: seconds of the calibration network by instruction set, and of a start
    of Python with what a worker loads (None: not measured)."""

    seconds: Mapping[str, float]
    start: float | None = None

    @property
    def measured(self) -> bool:
        return bool(self.seconds)

    def slowdown(self, isa: str | None) -> float:
        """Time on this host under a cap over time on the reference core; an unmeasured cap counts as the fastest."""
        known = self.seconds.get(isa or REFERENCE_ISA) or self.seconds.get(REFERENCE_ISA)
        return known / REFERENCE_SECONDS if known else 1.0

    @property
    def plain(self) -> float:
        """As `slowdown`, for all that is not the network; where its own measure is missing, the network's stands in."""
        return self.start / REFERENCE_START if self.start else self.slowdown(None)


@dataclass(frozen=True)
class Estimate:
    """Seconds, and the interval that they are expected in."""

    seconds: float
    low: float
    high: float


def job_estimate(settings: Settings, spec: ClusterSpec, calibration: Calibration) -> Estimate:
    """The time of one trial on a cluster that is up."""
    engine = engine_of(settings)
    images = int(str(settings["images"]))
    nodes = [_speeds(node, spec, calibration) for node in spec.executor_nodes]
    slowest = min(one.plain for one in nodes)
    driver = _DRIVER_START * calibration.plain / min(spec.driver.cpus, _DRIVER_CORES)
    start = _JVM_START + _INVENTORY[engine] + _WORKER_START[engine] * spec.executor.total_cores
    start += _YARN_START if spec.manager == "yarn" else 0.0
    around, network = _around_network(settings, engine), _inference(settings)
    each = [around / one.plain + network / one.network for one in nodes]
    if engine == "bigdl":  # equal shares: the slowest node decides
        partitions = int(
            str(settings.get("repartition") or settings.get("read_partitions") or spec.total_executor_cores)
        )
        # Fewer partitions than slots leave some of them idle.
        busy = len(nodes) * min(1.0, partitions / spec.total_executor_cores)
        running = (images * max(each) + partitions * _PARTITION / slowest) / busy
    else:
        running = images / sum(1 / seconds for seconds in each)
    return _around(driver + start / slowest + running, calibration)


def video_estimate(settings: Settings, calibration: Calibration) -> Estimate:
    """The time of one round of the video benchmark: loading the backends, then each over the frames and a first one."""
    share = LIMITED if settings.get("node") == "limited" else 1.0
    network = _INFERENCE[str(settings["model"])][0] * calibration.slowdown(None)
    return _around(_LOADING + _BACKENDS * (int(str(settings["frames"])) + 1) * network / share, calibration)


def boot_seconds(spec: ClusterSpec) -> float:
    """Up and down once, and what the first job takes more than the next ones."""
    first = _ARCHIVE / min(node.cpus for node in spec.executor_nodes) if spec.manager == "yarn" else 0.0
    return _BOOT[spec.manager] + _DOWN[spec.manager] + 0.7 * len(spec.nodes) + first


def engine_of(settings: Settings) -> str:
    """The engine that a cell runs: its own, or that of its engine setting."""
    named = settings.get("engine_setting")
    return ("fused" if named == "fused" else "bigdl") if named is not None else str(settings["engine"])


def _inference(settings: Settings) -> float:
    """Core-seconds of the network for one image."""
    seconds, side = _INFERENCE[str(settings["model"])]
    seconds *= (int(str(settings.get("image_size") or side)) / side) ** 2
    if settings.get("weights") == "INT8":
        return seconds * _PRECISION["INT8"]
    return seconds * _PRECISION["bf16"] if settings.get("precision") == "bf16" else seconds


def _around_network(settings: Settings, engine: str) -> float:
    """Core-seconds of all else for one image."""
    size = int(str(settings.get("image_size") or _INFERENCE[str(settings["model"])][1]))
    return max(_AROUND[engine] * (size / 550) ** 2, _AROUND_LEAST[engine])


@dataclass(frozen=True)
class _Speeds:
    """Reference cores that a node's quota is worth, the factor of its profile included: for the network, which a cap of
    instruction sets slows down, and for all else, which it does not reach."""

    plain: float
    network: float


def _speeds(node: NodeSpec, spec: ClusterSpec, calibration: Calibration) -> _Speeds:
    cpus = node.cpus * _factor(node, spec, calibration)
    return _Speeds(cpus / calibration.plain, cpus / calibration.slowdown(node.isa))


def _factor(node: NodeSpec, spec: ClusterSpec, calibration: Calibration) -> float:
    """What `up` will multiply the quota with, where it can be foreseen."""
    named = {one.profile for one in spec.nodes if one.profile}
    if len(named) < 2 or node.profile is None:
        return 1.0
    known = load_profiles()
    fastest = max((known[name] for name in named), key=lambda one: one.single_thread)
    ratio = calibration.slowdown(fastest.isa) / calibration.slowdown(node.isa)
    return quota_factor(known[node.profile], fastest, ratio).factor


def _around(seconds: float, calibration: Calibration) -> Estimate:
    factor = CALIBRATED if calibration.measured else UNCALIBRATED
    return Estimate(round(seconds, 1), round(seconds / factor, 1), round(seconds * factor, 1))
