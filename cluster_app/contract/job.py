"""The job file: what a job reads, runs and writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster_app.contract.checks import (
    FLAG,
    ContractError,
    Kind,
    key,
    number,
    one_of,
    optional,
    read_document,
    shown,
    simple,
    to_json,
    whole,
)

SCHEMA = 1
SCHEMES = ("file", "hdfs", "wasb")

# Values of the interface that no code stands behind yet, by key; "scheme" holds those of URIs. A later issue that
# builds one takes it out.
NOT_YET: Mapping[str, tuple[Any, ...]] = {"scheme": ("wasb",)}

# Scheme, host if there is one, path.
_URI = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):(//(?P<host>[^/\x00-\x1f]*))?(?P<path>/[^\x00-\x1f]*)")


def _choice(name: str, *choices: Any) -> Kind:
    """One of the values; one that is not built yet is refused as such, with those that are."""
    missing = NOT_YET.get(name, ())
    built = tuple(choice for choice in choices if choice not in missing)
    kind = one_of(*built)

    def read(value: Any, path: str, problems: list[str]) -> Any:
        if any(type(value) is type(one) and value == one for one in missing):
            problems.append(f"{path} = {shown(value)}: not built yet; available: {', '.join(map(shown, built))}")
            return value
        return kind.read(value, path, problems)

    return Kind(kind.allowed, kind.example, read)


def _uri(example: str, suffix: str = "") -> Kind:
    """The absolute URI of a file or folder; as Hadoop expands patterns, their characters are refused."""
    built = [scheme for scheme in SCHEMES if scheme not in NOT_YET.get("scheme", ())]
    allowed = f"an absolute URI ({', '.join(f'{scheme}:' for scheme in built)})"
    allowed += f" that ends in {suffix}" if suffix else ""
    kind = simple(allowed, example, lambda value: isinstance(value, str) and bool(_URI.fullmatch(value)))

    def read(value: Any, path: str, problems: list[str]) -> Any:
        before = len(problems)
        kind.read(value, path, problems)
        if len(problems) == before:
            complaint = _complaint(value, suffix, built)
            if complaint:
                problems.append(f"{path} = {shown(value)}: {complaint}; for example {shown(example)}")
        return value

    return Kind(allowed, example, read)


def _complaint(uri: str, suffix: str, built: list[str]) -> str:
    scheme, host, *segments = _place(uri)
    if scheme in NOT_YET.get("scheme", ()):
        return f"{scheme}: is not built yet; available: {', '.join(f'{one}:' for one in built)}"
    if scheme not in built:
        return f"{scheme}: is not a known scheme; allowed: {', '.join(f'{one}:' for one in built)}"
    if scheme == "file" and host:
        return f"a file: URI has no host ({host!r} is read as one); write one slash or three behind file:"
    if not segments:
        return "names the root; name a file or folder below it"
    if any(segment in (".", "..") for segment in segments):
        return "holds . or .. as a folder; write the path without them"
    if set("/".join(segments)) & set("*?[]{}"):
        return "holds a character that Hadoop takes for a pattern (* ? [ ] { }); rename the folder"
    if suffix and not segments[-1].endswith(suffix):
        return f"must end in {suffix}"
    return ""


@dataclass(frozen=True)
class Job:
    """One job. Keys and meanings are the interface's; defaults are what a job file may leave out.

    image_size is the side of the network's square input in pixels; read_partitions and repartition are numbers of
    Spark partitions, None leaves them as they come; batch_size and slice_images are in images, overlays is a number of
    pictures. A slice's rows are kept together; None leaves its size to the engine.
    """

    input: str = key(_uri("file:/srv/in/photos"))
    output: str = key(_uri("file:/srv/out/run-1"))
    model: str = key(_uri("file:/srv/in/model/fp32.xml", ".xml"))
    priors: str = key(_uri("file:/srv/in/model/priors.npy"))
    engine: str = key(_choice("engine", "bigdl", "fused"))
    precision: str = key(_choice("precision", "f32", "bf16"))
    image_size: int = key(whole(1, 550))
    reader: str = key(_choice("reader", "spark", "nnimagereader"), "spark")
    read_partitions: int | None = key(optional(whole(1, 8)), None)
    repartition: int | None = key(optional(whole(1, 8)), None)
    batch_size: int = key(whole(1), 1)
    threads_per_task: int = key(whole(1), 1)
    pin_threads: bool = key(FLAG, False)
    timing: str = key(_choice("timing", "materialised", "paper"), "materialised")
    post_processing: str = key(_choice("post_processing", "executors", "driver"), "executors")
    verify: bool = key(FLAG, False)
    if_exists: str = key(_choice("if_exists", "fail", "replace", "resume"), "fail")
    score_threshold: float = key(number(0, 1), 0.05)
    mask_threshold: float = key(number(0, 1), 0.5)
    top_k: int = key(whole(1, 100), 100)
    overlays: int = key(whole(0), 0)
    slice_images: int | None = key(optional(whole(1, 64)), None)

    def to_json(self) -> str:
        """The job file's text."""
        return to_json(self, SCHEMA)


def parse_job(source: str | dict[str, Any], where: str) -> Job:
    """A job file's text, or the object it holds, as a Job. `where` is the file that messages name.

    Raises ContractError with all problems.
    """
    job = read_document(Job, source, where, SCHEMA)
    problems = [*_overlaps(job), *_of_another_engine(job)]
    if problems:
        raise ContractError([f"{where}: {problem}" for problem in problems])
    return job


def _overlaps(job: Job) -> list[str]:
    """The output is a folder that a job may replace: nothing the job reads may lie in it, nor it in the input."""
    problems = []
    output = _place(job.output)
    for name in ("input", "model", "priors"):
        if _place(getattr(job, name))[: len(output)] == output:
            problems.append(
                f"output = {shown(job.output)}: {name} ({shown(getattr(job, name))}) lies in it; name another folder"
            )
    source = _place(job.input)
    if output[: len(source)] == source and output != source:
        problems.append(
            f"output = {shown(job.output)}: lies in input ({shown(job.input)}) and would be read; name another folder"
        )
    return problems


def _of_another_engine(job: Job) -> list[str]:
    """What the fused engine has not: its stages are one, and it infers image by image."""
    if job.engine != "fused":
        return []
    wanted = {
        "batch_size": 1,
        "reader": "spark",
        "timing": "materialised",
        "post_processing": "executors",
        "pin_threads": False,
    }
    return [
        f'{name} = {shown(getattr(job, name))}: the engine "fused" has {shown(value)} only; give that, or leave it out'
        for name, value in wanted.items()
        if getattr(job, name) != value
    ]


def _place(uri: str) -> tuple[str, ...]:
    """Scheme, host and the path's steps, which can be compared: file:/a, file:///a and file:/a/ are one place."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is no absolute URI")
    return (match["scheme"], match["host"] or "", *(step for step in match["path"].split("/") if step))
