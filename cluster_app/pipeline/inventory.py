"""Every file below the input: the job owes exactly one row for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Sequence

from cluster_app.contract.memory import MAX_FILE_MB
from cluster_app.pipeline import images
from cluster_app.pipeline.paths import escape_glob, hidden, relative, relative_origin

MAX_FILE_BYTES = MAX_FILE_MB * 1_000_000


@dataclass(frozen=True)
class InputFile:
    """image: path relative to the input URI; size in bytes; modified: milliseconds since 1970, 0 for an empty file."""

    image: str
    size: int
    modified: int


def list_input(spark: Any, root: str) -> List[InputFile]:
    """The files below `root` (a qualified URI of a folder) by name, at any depth; their content is not read."""
    from pyspark.sql import functions as F

    frame = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(escape_glob(root))
    modified = (F.col("modificationTime").cast("double") * 1000).cast("long")
    # Spark lists empty files too, each path quoted as in a URL, and makes no row of them.
    files = {name: InputFile(name, 0, 0) for name in (relative_origin(path, root) for path in frame.inputFiles())}
    for row in frame.select("path", "length", modified.alias("modified")).collect():
        name = relative(row.path, root)
        files[name] = InputFile(name, row.length, row.modified)
    return [files[name] for name in sorted(files) if not hidden(name)]


def unread(files: Iterable[InputFile]) -> Dict[str, images.Inspection]:
    """By name, what is said of the files that are not read: the empty ones and those that are too large."""
    large = f"files of at most {MAX_FILE_BYTES // 1_000_000} MB are read"
    return {
        file.image: images.inspect(b"")
        if file.size == 0
        else images.Inspection(images.UNSUPPORTED, f"the file has {file.size / 1e6:,.0f} MB; {large}")
        for file in files
        if file.size == 0 or file.size > MAX_FILE_BYTES
    }


def read_content(spark: Any, root: str, names: Sequence[str]) -> Any:
    """A frame of path and content of these files, each path taken literally."""
    paths = [escape_glob(f"{root}/{name}") for name in names]
    return spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(paths).select("path", "content")


def classify(spark: Any, root: str, files: Sequence[InputFile]) -> Dict[str, images.Inspection]:
    """Reads each file once, on the executors, and says by its name what it is."""
    known = unread(files)
    names = [file.image for file in files if file.image not in known]
    if names:
        frame = read_content(spark, root, names)
        found = frame.rdd.map(lambda row: (relative(row.path, root), images.inspect(bytes(row.content)))).collect()
        known.update(found)
    return known
