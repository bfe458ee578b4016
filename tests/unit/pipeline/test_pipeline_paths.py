"""Paths as Hadoop and Spark write them, and Spark's packing of files into partitions."""

from __future__ import annotations

import random
from itertools import chain

import pytest

from cluster_app.pipeline.packing import (
    OPEN_COST,
    images_per_task,
    packed,
    partition_bytes,
    settings_by_number,
    task_sizes,
)
from cluster_app.pipeline.paths import escape_glob, hidden, local_path, needs_quoting, relative, relative_origin


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("file:/srv/in/photos/a/b.jpg", "file:/srv/in/photos"),
        ("file:///srv/in/photos/a/b.jpg", "file:/srv/in/photos"),
        ("file:/srv/in/photos/a/b.jpg", "file:///srv/in/photos"),
        ("hdfs://master:8020/staged/photos/a/b.jpg", "hdfs://master:8020/staged/photos"),
    ],
)
def test_the_part_below_the_root(path: str, root: str) -> None:
    assert relative(path, root) == "a/b.jpg"


def test_a_name_keeps_what_looks_quoted() -> None:
    assert relative("file:/in/100%25 a b.jpg", "file:/in") == "100%25 a b.jpg"


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("file:/srv/in/photos-2/b.jpg", "file:/srv/in/photos"),
        ("file:/srv/in/photos", "file:/srv/in/photos"),
        ("hdfs://other:8020/in/b.jpg", "hdfs://master:8020/in"),
    ],
)
def test_what_is_not_below_the_root_is_refused(path: str, root: str) -> None:
    with pytest.raises(ValueError, match="is not below"):
        relative(path, root)


def test_the_origin_of_sparks_image_reader_is_quoted() -> None:
    assert relative_origin("file:///srv/in/my%20photos/a%5B1%5D%25.jpg", "file:/srv/in/my photos") == "a[1]%.jpg"
    assert relative_origin("hdfs://master:8020/in/plain.jpg", "hdfs://master:8020/in") == "plain.jpg"


def test_globs_are_taken_literally() -> None:
    assert escape_glob("file:/in/plain-name_1.jpg") == "file:/in/plain-name_1.jpg"
    assert escape_glob("a{b}[c]*?\\d") == "a\\{b\\}\\[c\\]\\*\\?\\\\d"


@pytest.mark.parametrize(
    "path", ["file:/srv/in/a.jpg", "hdfs://master:8020/a-b_c~(1)!'@,;$&+=.png", "file:/in/grün/é.jpg"]
)
def test_names_that_a_url_keeps(path: str) -> None:
    assert not needs_quoting(path)


@pytest.mark.parametrize("character", [*' %#?[]{}<>"|^`\\', "\n"])
def test_names_that_a_url_quotes(character: str) -> None:
    assert needs_quoting(f"file:/in/a{character}b.jpg")


@pytest.mark.parametrize("uri", ["file:/srv/in/model/a%20b.xml", "file:///srv/in/model/a%20b.xml"])
def test_a_local_path_takes_percent_signs_as_they_are(uri: str) -> None:
    assert local_path(uri) == "/srv/in/model/a%20b.xml"


@pytest.mark.parametrize(("image", "expected"), [("a/b.jpg", False), ("a_b/c.d.jpg", False), ("_a/b.jpg", True)])
def test_hadoops_own_files_are_no_input(image: str, expected: bool) -> None:
    assert hidden(image) == expected
    assert hidden(f"folder/.{image}")


def simulated(sizes: list[int], split: int, open_cost: int = OPEN_COST) -> list[list[int]]:
    """FilePartition.getFilePartitions of Spark 3.1 for unsplittable files."""
    partitions: list[list[int]] = []
    current: list[int] = []
    current_size = 0
    for size in sorted(sizes, reverse=True):
        if current_size + size > split:
            if current:
                partitions.append(current)
            current, current_size = [], 0
        current_size += size + open_cost
        current.append(size)
    if current:
        partitions.append(current)
    return partitions


def samples() -> list[list[int]]:
    source = random.Random(3)
    drawn = [
        [source.randrange(source.choice([3, 50, 10**6])) for _ in range(source.randrange(1, 30))] for _ in range(60)
    ]
    return [[0], [5], [7] * 8, [0, 0, 0], [10**9, 1, 1, 1], *drawn]


def _whole(sizes: list[int]) -> int:
    return sum(sizes) + OPEN_COST * len(sizes)


def test_packing_is_sparks() -> None:
    for sizes in samples():
        for split in {1, max(sizes), sum(sizes) // 2 + 1, _whole(sizes) // 2, _whole(sizes)}:
            assert packed(sizes, split) == len(simulated(sizes, split)), (sizes, split)


def test_the_split_size_makes_at_most_the_asked_partitions() -> None:
    for sizes in samples():
        for asked in range(1, 9):
            split = partition_bytes(sizes, asked)
            # Spark also takes the smaller of the split size and all bytes, open costs with them.
            in_force = min(split, max(OPEN_COST, _whole(sizes)))
            assert 1 <= len(simulated(sizes, in_force)) <= asked, (sizes, asked)
            assert split == 1 or packed(sizes, split - 1) > asked, "a smaller size would do"


@pytest.mark.parametrize(("count", "asked"), [(8, 1), (8, 2), (8, 4), (8, 8), (9, 3), (30, 5)])
def test_equal_files_are_shared_out_evenly(count: int, asked: int) -> None:
    shares = simulated([100_000] * count, partition_bytes([100_000] * count, asked))
    assert [len(share) for share in shares] == [count // asked] * asked


def test_small_files_of_very_different_sizes_are_shared_out_evenly() -> None:
    """A job's partitions must not differ because one photograph has fewer bytes than another of the same size."""
    sizes = [3_000 + 16_000 * (number % 49) for number in range(48)]
    for asked in (2, 3, 8, 12):
        shares = [len(share) for share in simulated(sizes, partition_bytes(sizes, asked))]
        assert len(shares) == asked
        assert max(shares) - min(shares) <= 2


def test_more_partitions_than_files_gives_each_file_its_own() -> None:
    assert len(simulated([500, 400, 300], partition_bytes([500, 400, 300], 8))) == 3


def test_partitions_by_number_hold_that_many_whatever_the_sizes() -> None:
    for sizes in samples():
        for files in (1, 2, 3, 8):
            settings = settings_by_number(files)
            cost, most = (int(settings[f"spark.sql.files.{name}"]) for name in ("openCostInBytes", "maxPartitionBytes"))
            # Spark takes the smaller of the limit and all bytes divided by the least number of partitions.
            limit = min(most, max(cost, sum(sizes) + cost * len(sizes)))
            shares = simulated(sizes, limit, cost)
            assert sorted(chain(*shares)) == sorted(sizes)
            assert [len(share) for share in shares[:-1]] == [files] * (len(shares) - 1)
            assert 1 <= len(shares[-1]) <= files


@pytest.mark.parametrize(
    ("images", "slots", "expected"), [(1, 4, 1), (39, 1, 1), (40, 1, 2), (21, 3, 1), (10_000, 6, 8), (400, 4, 5)]
)
def test_tasks_are_small_and_many(images: int, slots: int, expected: int) -> None:
    assert images_per_task(images, slots) == expected


@pytest.mark.parametrize(
    ("slices", "per_task", "slots", "expected"),
    [
        ([64, 64, 52], 3, 3, [3, 3, 1]),
        # The last slice holds less than the end: the one before it is made of single images too.
        ([64, 64, 5], 2, 4, [2, 1, 1]),
        ([64, 64, 16], 2, 4, [2, 2, 1]),
        ([64, 64, 0], 2, 4, [2, 1, 1]),
        # More slots than the last slices have images.
        ([64] * 10, 2, 50, [2] * 6 + [1] * 4),
        ([64], 8, 2, [1]),
        ([], 8, 2, []),
    ],
)
def test_the_last_tasks_are_of_one_image(slices: list[int], per_task: int, slots: int, expected: list[int]) -> None:
    assert task_sizes(slices, per_task, slots) == expected
