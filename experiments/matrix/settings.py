"""The settings that a cell may have: their names, what each may hold, and what is not built yet."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Collection, Hashable, Mapping
from functools import cache
from types import MappingProxyType

from cluster_app.contract.checks import ContractError, Kind, one_of, simple, whole
from cluster_app.contract.job import NOT_YET, Job, parse_job
from experiments.engine_settings import NAMES, setting
from experiments.errors import UserError
from experiments.matrix.types import Settings, Value, Workload
from experiments.topology import MAX_COUNT
from experiments.units import memory_mb

# The job's keys that are the runner's own affair: it stages input and model, and names the output.
RUNNERS_OWN = ("input", "output", "model", "priors", "if_exists", "overlays")
# By model: its default input size. "small" is the trained one that ships; the others have seeded weights.
MODELS: Mapping[str, int] = MappingProxyType({"small": 192, "r50": 550, "r101": 550})
TRAINED = ("small",)
STORAGES = ("FP32", "FP16", "INT8")
LINK, ENGINE_SETTING = "link", "engine_setting"
# No setting counts anything beyond this; what is computed from larger numbers has no meaning, or no end.
MAX_NUMBER = 1_000_000_000


def _is_memory(value: object) -> bool:
    try:
        return isinstance(value, str) and memory_mb(value) > 0
    except ValueError:
        return False


_MEMORY = simple("a whole number with m (MB) or g (GB) behind it", "2g", _is_memory)
_TEXT = simple("a text", "standalone", lambda value: isinstance(value, str) and value != "")
_BANDWIDTH = simple(
    "a whole number with kbit, mbit or gbit behind it",
    "26mbit",
    lambda value: isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,8}[kmg]bit", value) is not None,
)
_WORKERS = simple(
    f"a whole number from 1 to {MAX_COUNT}", 2, lambda value: type(value) is int and 1 <= value <= MAX_COUNT
)

# On the cluster and what it computes with. A cell without one has the topology's own value, or the default below.
_OWN: Mapping[str, Kind] = MappingProxyType(
    {
        "topology": _TEXT,
        "workers": _WORKERS,
        "cores": whole(1, 2),
        "executor_memory": _MEMORY,
        "executor_overhead": _MEMORY,
        "limit": one_of("quota", "cpuset"),
        "isa": one_of("topology", "host"),
        LINK: _BANDWIDTH,
        ENGINE_SETTING: one_of(*NAMES),
        "model": one_of(*MODELS),
        "weights": one_of(*STORAGES),
        "images": whole(1, 48),
        "image_side": whole(16, 320),
    }
)
_JOB: Mapping[str, Kind] = MappingProxyType(
    {field.name: field.metadata["kind"] for field in dataclasses.fields(Job) if field.name not in RUNNERS_OWN}
)
_VIDEO: Mapping[str, Kind] = MappingProxyType(
    {
        "seconds": whole(1, 15),
        "frames": whole(1, 20),
        "node": one_of("bare", "limited"),
        "model": one_of(*MODELS),
        "image_size": whole(1, 550),
        "threads_per_task": whole(1, 1),
    }
)
KINDS: Mapping[Workload, Mapping[str, Kind]] = MappingProxyType(
    {"job": MappingProxyType({**_OWN, **_JOB}), "video": _VIDEO}
)
# What a cell has that says nothing else.
DEFAULTS: Mapping[Workload, Settings] = MappingProxyType(
    {
        "job": MappingProxyType(
            {
                "topology": "standalone",
                "limit": "quota",
                "model": "small",
                "weights": "FP32",
                "engine": "bigdl",
                "precision": "f32",
                "images": 48,
            }
        ),
        "video": MappingProxyType({"model": "r50", "node": "bare", "seconds": 15, "frames": 4, "threads_per_task": 1}),
    }
)


def value_problems(workload: Workload, key: str, value: Value, path: str) -> list[str]:
    """What is wrong with a value, as messages that name its path; a value that is only not built yet is none."""
    problems: list[str] = []
    kind = KINDS[workload][key]
    if isinstance(value, float) and key not in RUNNERS_OWN and value != value:
        return [f"{path} = nan: must be {kind.allowed}"]
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        return [f"{path} = {str(value)[:20]}...: must be {kind.allowed}, {MAX_NUMBER:,} at most"]
    if not _later(key, value):
        kind.read(value, path, problems)
    return problems


def not_built(settings: Settings) -> list[str]:
    """Which of these settings no code stands behind yet, as reasons to skip a cell."""
    reasons = []
    if settings.get(LINK) is not None:
        reasons.append(f'link = "{settings[LINK]}": shaping a link is not built yet')
    reasons += [
        f"{key} = {json.dumps(value)}: not built yet"
        for key, value in settings.items()
        if key != LINK and _later(key, value)
    ]
    return reasons


def job_problems(settings: Settings, given: Collection[str]) -> tuple[str, ...]:
    """What is wrong with the job that these settings make, whatever its input: keys that do not go together, or that an
    engine setting would replace. With that the job is checked when it is applied. given: the keys that are no defaults.
    """
    if any(_later(key, value) for key, value in settings.items()):
        return ()  # a skipped cell
    if named := settings.get(ENGINE_SETTING):
        replaced = _set_by(str(named))
        return tuple(
            f'{key} = {json.dumps(settings[key])}: engine_setting = "{named}" sets it; give this cell one of them, and '
            "neither in [settings] if other cells need it otherwise"
            for key in settings
            if key in given and key in replaced
        )
    try:
        job_of(settings)
    except UserError as error:
        return error.messages
    return ()


def meaning(settings: Settings) -> Hashable:
    """What two cells of a job have in common that are the same one, however they are written: a key that says what is
    so without it says nothing, nor does one that the engine setting replaces.
    """
    job, _ = _parsed(tuple(job_keys(settings).items()))
    named = settings.get(ENGINE_SETTING)
    if job is None or any(_later(key, value) for key, value in settings.items()):
        return tuple(sorted((key, repr(value)) for key, value in settings.items()))
    left_out = _set_by(str(named)) if named is not None else frozenset()
    own = sorted((key, repr(value)) for key, value in settings.items() if key in _OWN)
    return tuple(own), tuple((key, value) for key, value in vars(job).items() if key not in left_out)


@cache
def _set_by(name: str) -> frozenset[str]:
    """Keys of the job file that an engine setting decides on."""
    chosen = setting(name)
    counted = ["read_partitions"] if chosen.partitions_per_slot is not None else []
    return frozenset({*chosen.job, "threads_per_task", *counted})


def job_of(settings: Settings) -> Job:
    """The job of these settings, with places that stand for its files; its engine setting is still to be applied.

    Raises UserError for keys that do not go together.
    """
    job, problems = _parsed(tuple(job_keys(settings).items()))
    if job is None:
        raise UserError(*problems)
    return job


@cache
def _parsed(keys: tuple[tuple[str, Value], ...]) -> tuple[Job | None, tuple[str, ...]]:
    """Kept, because many cells differ in other things than their job."""
    try:
        return parse_job({"schema": 1, **_PLACES, **dict(keys)}, "job"), ()
    except ContractError as error:
        return None, tuple(problem.removeprefix("job: ") for problem in error.problems)


def job_keys(settings: Settings) -> dict[str, Value]:
    """The job file's keys among the settings, with the input size of the model where none is given."""
    given = {key: value for key, value in settings.items() if key in _JOB}
    return {"image_size": MODELS[str(settings.get("model", "small"))], **given}


def _later(key: str, value: Value) -> bool:
    return any(type(value) is type(one) and value == one for one in NOT_YET.get(key, ()))


# Where a job's files would lie, for what is asked of a job before there are any.
_PLACES = {
    "input": "file:/srv/in/images",
    "output": "file:/srv/out/trial",
    "model": "file:/srv/in/model/fp32.xml",
    "priors": "file:/srv/in/model/priors.npy",
}
