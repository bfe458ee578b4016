"""How Spark packs files into partitions, and how to make it pack them as wanted."""

from __future__ import annotations

from typing import List

# A made-up cost of opening a file, far over any file's size (1 TiB): then files are packed by number, not by size.
_OPEN_COST = 1 << 40
# Enough tasks that the last one is a small part of each slot's work, and few enough images that little is redone.
_TASKS_PER_SLOT, _MOST_PER_TASK = 20, 8


def images_per_task(images: int, slots: int) -> int:
    """How many images a task of the fused engine takes: at least 20 tasks a slot where there are as many images."""
    return max(1, min(_MOST_PER_TASK, images // (slots * _TASKS_PER_SLOT)))


def settings_by_number(files: int) -> dict[str, str]:
    """Spark's settings that give each partition that many files, and the last one what is left.

    Spark adds each file's size and its cost of opening, and starts a partition when the next would pass the limit;
    half a cost below that of `files`, so that an empty file does not fit either.
    """
    return {
        "spark.sql.files.openCostInBytes": str(_OPEN_COST),
        "spark.sql.files.maxPartitionBytes": str(_OPEN_COST * files - _OPEN_COST // 2),
        "spark.sql.files.minPartitionNum": "1",
    }


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
