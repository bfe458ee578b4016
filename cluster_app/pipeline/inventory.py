"""Every file below the input, with what it is: the job owes exactly one row for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional
from urllib.parse import unquote

from cluster_app.pipeline import images


@dataclass(frozen=True)
class InputFile:
    """image: path relative to the input URI; size: bytes; the rest as in `images.Inspection`."""

    image: str
    size: int
    status: str
    error: Optional[str]
    width: Optional[int]
    height: Optional[int]


def take_inventory(spark: Any, root: str) -> List[InputFile]:
    """Reads each file below `root` (a qualified URI of a folder) once, on the executors; returns the files by name.

    Names that start with a dot or an underscore are Hadoop's own and not input.
    """
    frame = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(escape_glob(root))
    found = frame.select("path", "length", "content").rdd.map(lambda row: _entry(row, root)).collect()
    return sorted(found, key=lambda file: file.image)


def _entry(row: Any, root: str) -> InputFile:
    seen = images.inspect(bytes(row.content))
    return InputFile(relative(row.path, root), row.length, seen.status, seen.error, seen.width, seen.height)


def relative(path: str, root: str) -> str:
    """The part of a file's path below `root`; both may be written file:/x or file:///x."""
    plain, base = _without_authority_slashes(path), _without_authority_slashes(root)
    if not plain.startswith(base + "/"):
        raise ValueError(f"{path} is not below {root}")
    return plain[len(base) + 1 :]


def relative_origin(origin: str, root: str) -> str:
    """The same for the origin that Spark's image reader reports: a URL with its special characters quoted."""
    return relative(unquote(origin), root)


def _without_authority_slashes(uri: str) -> str:
    return "file:/" + uri[len("file:") :].lstrip("/") if uri.startswith("file:") else uri


def escape_glob(uri: str) -> str:
    """The URI with the characters that Hadoop's globs give a meaning taken literally."""
    return "".join("\\" + character if character in "{}[]*?\\" else character for character in uri)


def needs_quoting(path: str) -> bool:
    """Whether a path looks different as a URL, as it does with a space, a percent sign or a bracket in it."""
    return not all(character.isalnum() or character in "_-.!~'(),;:$&+=@/" for character in path)


def partition_bytes(sizes: List[int], partitions: int) -> int:
    """The split size with which Spark packs unsplittable files into `partitions` partitions, as nearly as sizes allow.

    Spark sorts files by falling size and starts a new partition when the next one would not fit (next fit; Spark 3.1,
    FilePartition). The number falls as the split size grows, so the smallest size with at most that many is searched.
    """
    low, high = 1, sum(sizes) + len(sizes) + 1
    while low < high:
        middle = (low + high) // 2
        if packed(sizes, middle) <= partitions:
            high = middle
        else:
            low = middle + 1
    return low


def packed(sizes: List[int], split: int) -> int:
    """How many partitions Spark makes of unsplittable files with that split size and an open cost of one byte."""
    partitions, filled = 0, 0
    for size in sorted(sizes, reverse=True):
        if partitions == 0 or filled + size > split:
            partitions, filled = partitions + 1, 0
        filled += size + 1
    return partitions
