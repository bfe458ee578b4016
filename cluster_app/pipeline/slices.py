"""The input cut into slices: what is finished is kept by the slice, and a job that died goes on at the next one."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Iterable, List, Mapping, Sequence, Set, Tuple

from cluster_app.contract.job import Job
from cluster_app.pipeline.inventory import InputFile

# Keys of the job that change its rows, or the way they are made. Where files lie is part of their fingerprint.
_MATTERS = (
    "engine",
    "precision",
    "image_size",
    "reader",
    "batch_size",
    "post_processing",
    "score_threshold",
    "mask_threshold",
    "top_k",
)
_NAME = re.compile(r"part-\d{5,}-[0-9a-f]{16}\.parquet")


@dataclass(frozen=True)
class Slice:
    """Some of the input's files, in order. fingerprint: of the files and of all that their rows depend on."""

    number: int
    files: Tuple[InputFile, ...]
    fingerprint: str

    @property
    def file_name(self) -> str:
        """The Parquet file of its rows. That it is there, under this name, is what makes the slice committed."""
        return f"part-{self.number:05d}-{self.fingerprint}.parquet"


def identity(job: Job, artefacts: Mapping[str, Tuple[int, int]]) -> str:
    """What rows depend on beside the image: settings, and the model's files with their size and time, as text."""
    settings = {name: getattr(job, name) for name in _MATTERS}
    return json.dumps({"settings": settings, "artefacts": artefacts}, sort_keys=True)


def cut(files: Sequence[InputFile], size: int, depends_on: str) -> List[Slice]:
    """Slices of `size` files each, the last one with what is left. `depends_on` is `identity`'s text."""
    groups = [tuple(files[begin : begin + size]) for begin in range(0, len(files), size)]
    return [Slice(number, group, _fingerprint(group, depends_on)) for number, group in enumerate(groups)]


def _fingerprint(files: Iterable[InputFile], depends_on: str) -> str:
    digest = hashlib.sha256(depends_on.encode())
    for file in files:
        digest.update(json.dumps([file.image, file.size, file.modified]).encode())
    return digest.hexdigest()[:16]


def committed(names: Iterable[str], slices: Sequence[Slice]) -> Set[int]:
    """Numbers of the slices whose rows are among these file names, made from the same files in the same way."""
    present = set(names)
    return {one.number for one in slices if one.file_name in present}


def is_slice_file(name: str) -> bool:
    """Whether a file is some slice's rows, of this job or of another."""
    return _NAME.fullmatch(name) is not None
