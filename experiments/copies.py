"""Inputs of any number of files, each as much work as the next, for experiments on how work is shared."""

from __future__ import annotations

import shutil
from pathlib import Path

from experiments.photographs import collect

# Of the photographs that the project collects: decoded fast and of like size.
CHOSEN = ("rocket-tower.jpg", "china-roof.jpg", "coffee cup.png", "cats/chelsea.png")


def copies(folder: Path, count: int) -> Path:
    """A folder with so many files, the chosen photographs in turn; one that is there is taken as it is."""
    if len(list(folder.glob("*"))) == count:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    every = folder.with_name(f"{folder.name}-sources")
    collect(every)
    folder.mkdir(parents=True)
    for number in range(count):
        source = every / CHOSEN[number % len(CHOSEN)]
        shutil.copyfile(source, folder / f"{number:04}{source.suffix}")
    shutil.rmtree(every)
    return folder
