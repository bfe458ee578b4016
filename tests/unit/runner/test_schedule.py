"""The order of cells in rounds: seeded, balanced, clusters together."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from runner_fakes import plan_of

from experiments.runner.schedule import balanced, round_visits


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("seed", ["1", "2", "x"])
def test_every_item_has_every_place_once(size: int, seed: str) -> None:
    items = list("abcdefgh"[:size])
    for first in (1, size + 1):  # the second square is the mirror image
        orders = [balanced(items, seed, number) for number in range(first, first + size)]
        assert all(sorted(order) == items for order in orders)
        for place in range(size):
            assert sorted(order[place] for order in orders) == items


@pytest.mark.parametrize("size", [2, 4, 6, 8])
def test_an_even_number_of_items_follow_each_other_equally_often(size: int) -> None:
    items = list(range(size))
    orders = [balanced(items, "s", number) for number in range(1, size + 1)]
    pairs = Counter(pair for order in orders for pair in pairwise(order))
    assert set(pairs.values()) == {1}
    assert len(pairs) == size * (size - 1)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_an_odd_number_of_items_do_so_over_two_squares(size: int) -> None:
    items = list(range(size))
    orders = [balanced(items, "s", number) for number in range(1, 2 * size + 1)]
    pairs = Counter(pair for order in orders for pair in pairwise(order))
    assert set(pairs.values()) == {2}


def test_another_seed_is_another_order() -> None:
    items = list(range(8))
    orders = {tuple(balanced(items, str(seed), 1)) for seed in range(20)}
    assert len(orders) > 15
    assert balanced(items, "3", 2) == balanced(items, "3", 2)


def test_cells_of_a_cluster_stand_together() -> None:
    plan = plan_of(axes={"workers": [1, 2, 3], "images": [6, 12]})
    for number in range(1, 7):
        visits = round_visits(plan.runnable, 5, number)
        assert len(visits) == 3
        assert len({visit.cluster for visit in visits}) == 3
        assert sorted(one.cell.name for visit in visits for one in visit.cells) == sorted(
            one.cell.name for one in plan.runnable
        )
        assert all(one.cluster_name == visit.cluster for visit in visits for one in visit.cells)
