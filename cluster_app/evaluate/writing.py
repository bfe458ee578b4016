"""Nothing half-written: outputs are made aside and renamed when they are whole."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from cluster_app.evaluate.errors import BadInput


@contextmanager
def finished_folder(target: Path) -> Iterator[Path]:
    """A folder to write into; it becomes `target` when the block ends well, and is removed when it does not.

    Raises BadInput if the target is there and is not an empty folder.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInput(f"{target}: is there already; give a folder that is not, or remove it")
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        partial.replace(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def finished_file(target: Path) -> Iterator[Path]:
    """The same for a file; the name it is written under has the target's suffix. What is there is replaced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.stem}.partial{target.suffix}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
