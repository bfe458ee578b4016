"""In which order a round visits its cells: seeded, balanced over rounds, cells of one cluster together. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from experiments.matrix.plan import PlannedCell

Item = TypeVar("Item")


@dataclass(frozen=True)
class Visit:
    """A cluster that is up, by name ("" for cells that need none), and the cells whose trials run on it, in order."""

    cluster: str
    cells: tuple[PlannedCell, ...]


def round_visits(cells: Sequence[PlannedCell], seed: int, number: int) -> tuple[Visit, ...]:
    """The visits of round `number` (from 1): each cell once, each cluster once.

    Over as many rounds as there are clusters each of them has each place once; so have the cells of a cluster.
    """
    by_cluster: dict[str, list[PlannedCell]] = {}
    for one in cells:
        by_cluster.setdefault(one.cluster_name, []).append(one)
    return tuple(
        Visit(name, tuple(balanced(by_cluster[name], f"{seed} {name}", number)))
        for name in balanced(sorted(by_cluster), str(seed), number)
    )


def balanced(items: Sequence[Item], seed: str, number: int) -> list[Item]:
    """The items in the order of round `number`: a row of a Williams square, its items and rows shuffled by the seed.

    In any len(items) rounds that begin at a multiple of it, each item has each place once; with an even number of
    items, each also follows each other one once. Williams, Aust. J. Sci. Res. A 2 (1949) 149-168.
    """
    size = len(items)
    if size < 2:
        return list(items)
    chance = random.Random(seed)
    labels, rows = list(items), list(range(size))
    chance.shuffle(labels)
    chance.shuffle(rows)
    row, back = rows[(number - 1) % size], (number - 1) // size % 2
    order = [(step + row) % size for step in _zigzag(size)]
    # With an odd number of items only a square and its mirror image are balanced in what follows what.
    return [labels[place] for place in (reversed(order) if back else order)]


def _zigzag(size: int) -> list[int]:
    """0, 1, size - 1, 2, size - 2 ..."""
    return [(step + 1) // 2 if step % 2 else (size - step // 2) % size for step in range(size)]
