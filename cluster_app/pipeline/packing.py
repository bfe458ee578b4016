"""How Spark packs files into partitions, and how to make it pack them as wanted."""

from __future__ import annotations

from typing import List, Sequence

# Spark's own cost of opening a file, in bytes: what a small file counts for, so that partitions of them hold about
# equal numbers whatever their sizes.
OPEN_COST = 4 << 20
# A made-up one, far over any file's size (1 TiB): then files are packed by number, not by size.
_BY_NUMBER = 1 << 40
# Enough tasks that the last one is a small part of each slot's work, and few enough images that little is redone.
_TASKS_PER_SLOT, _MOST_PER_TASK = 20, 8
# While the slowest slot does a task, the others want work that takes as long: so many tasks' images a slot.
_TAIL_TASKS_PER_SLOT = 2


def images_per_task(images: int, slots: int) -> int:
    """How many images a task of the fused engine takes: at least 20 tasks a slot where there are as many images."""
    return max(1, min(_MOST_PER_TASK, images // (slots * _TASKS_PER_SLOT)))


def task_sizes(slices: Sequence[int], per_task: int, slots: int) -> List[int]:
    """How many images a task takes in each of the slices, which have so many images and are done in this order.

    `per_task`, but one where the job comes to its end: then the slots end within an image of the slowest of them, not
    within a task. A slice that holds some of the last images is made of single ones as a whole; they cost a task each.
    """
    tail, after = _TAIL_TASKS_PER_SLOT * slots * per_task, 0
    sizes: List[int] = []
    for images in reversed(slices):
        sizes.append(1 if after < tail else per_task)
        after += images
    return sizes[::-1]


def settings_by_number(files: int) -> dict[str, str]:
    """Spark's settings that give each partition that many files, and the last one what is left.

    Spark adds each file's size and its cost of opening, and starts a partition when the next would pass the limit;
    half a cost below that of `files`, so that an empty file does not fit either.
    """
    return {
        "spark.sql.files.openCostInBytes": str(_BY_NUMBER),
        "spark.sql.files.maxPartitionBytes": str(_BY_NUMBER * files - _BY_NUMBER // 2),
        "spark.sql.files.minPartitionNum": "1",
    }


def partition_bytes(sizes: List[int], partitions: int) -> int:
    """The split size with which Spark packs unsplittable files into `partitions` partitions, as nearly as sizes allow.

    Spark sorts files by falling size and starts a new partition when the next one would not fit (next fit; Spark 3.1,
    FilePartition). The number falls as the split size grows, so the smallest size with at most that many is searched.
    """
    low, high = 1, sum(sizes) + OPEN_COST * len(sizes) + 1
    while low < high:
        middle = (low + high) // 2
        if packed(sizes, middle) <= partitions:
            high = middle
        else:
            low = middle + 1
    return low


def packed(sizes: List[int], split: int) -> int:
    """How many partitions Spark makes of unsplittable files with that split size and its own cost of opening one."""
    partitions, filled = 0, 0
    for size in sorted(sizes, reverse=True):
        if partitions == 0 or filled + size > split:
            partitions, filled = partitions + 1, 0
        filled += size + OPEN_COST
    return partitions
