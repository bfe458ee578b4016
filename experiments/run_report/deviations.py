"""The table of deviations from the paper, filled in from what the records say of themselves. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from experiments.analysis.trials import Trial
from experiments.errors import UserError
from experiments.report.text import number_text
from experiments.shapes import Schema, Shape, Text, parse, read_toml

DEVIATIONS = Path(__file__).with_name("deviations.toml")
UNKNOWN = "no record says"
_IMAGES = "images a job; cores and memory as the drawings of the clusters say"
_FRAMES = "frames of each library and round"
_FUSED = "; fused is one pass over the data, and ours"
_GAP = re.compile(r"\{([a-z0-9.-]+)\}")


class _Row(Shape):
    what: Text
    paper: Text
    ours: Text
    why: Text


class _File(Shape):
    schema_: Schema = Field(alias="schema")
    deviations: Annotated[list[_Row], Field(min_length=1, description="tables [[deviations]]")]


@dataclass(frozen=True)
class Deviation:
    what: str
    paper: str
    ours: str
    why: str


def deviations(trials: Sequence[Trial], hosts: Iterable[str], path: Path = DEVIATIONS) -> tuple[Deviation, ...]:
    """The rows. Raises UserError for a gap that nothing fills."""
    known = _known(trials, hosts)
    rows = parse(_File, read_toml(path), str(path)).deviations

    def fill(match: re.Match[str]) -> str:
        key = match[1]
        if key not in known and not key.startswith("versions."):
            raise UserError(f"{path}: {{{key}}} is not known; there are: {', '.join(known)}")
        return known.get(key) or UNKNOWN

    return tuple(Deviation(one.what, one.paper, _GAP.sub(fill, one.ours), one.why) for one in rows)


def of_jobs(trials: Sequence[Trial]) -> list[str]:
    """What the jobs themselves say that they do otherwise, each once."""
    return list(dict.fromkeys(text for one in trials for text in _result(one).get("deviations") or ()))


def _known(trials: Sequence[Trial], hosts: Iterable[str]) -> Mapping[str, str]:
    versions: dict[str, list[str]] = {}
    for one in trials:
        for name, version in (_result(one).get("versions") or {}).items():
            versions.setdefault(name, []).append(str(version))
    shares = sorted({one.core for one in trials if one.core is not None})
    timings = _distinct(one.settings.get("timing") or _result(one).get("timing") for one in trials)
    models = _distinct(
        " ".join(str(one.settings[key]) for key in ("model", "image_size", "weights") if one.settings.get(key))
        for one in trials
    )
    engines = _distinct(_result(one).get("engine") for one in trials)
    return {
        **{f"versions.{name}": ", ".join(dict.fromkeys(found)) for name, found in versions.items()},
        "hosts": "; ".join(dict.fromkeys(hosts)),
        "input": _distinct(one.evidence.get("source") for one in trials),
        "scales": f"a paper core is worth {', '.join(map(number_text, shares))} of a host core" if shares else "",
        "timings": f"timers: {timings}" if timings else "",
        "models": models,
        "images": _range((one.figure("images") for one in trials), _IMAGES),
        "frames": _range((one.settings.get("frames") for one in trials), _FRAMES),
        "bigdl": "; ".join(dict.fromkeys(filter(None, map(_bigdl, trials)))),
        "engines": engines + (_FUSED if "fused" in engines else ""),
    }


def _result(one: Trial) -> Mapping[str, Any]:
    found = one.evidence.get("result")
    return found if isinstance(found, Mapping) else {}


def _bigdl(one: Trial) -> str:
    """What the engine's job was told of batches and threads; empty for other engines."""
    job = one.evidence.get("job")
    if not isinstance(job, Mapping) or job.get("engine") != "bigdl":
        return ""
    batch, threads, pinned = (job.get(key) for key in ("batch_size", "threads_per_task", "pin_threads"))
    return f"batch {batch}, threads {threads}, {'pinned' if pinned else 'not pinned'}"


def _range(values: Iterable[object], of: str) -> str:
    """ "48 images", or "8 to 144 images"; empty without values."""
    known = sorted({value for value in values if isinstance(value, int | float)})
    if not known:
        return ""
    return f"{' to '.join(number_text(value) for value in dict.fromkeys((known[0], known[-1])))} {of}"


def _distinct(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values if value))
