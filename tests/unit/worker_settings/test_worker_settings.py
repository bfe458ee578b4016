"""What the runs of the ways to use a worker's cores add up to."""

from __future__ import annotations

from typing import Any

from experiments.worker_settings.__main__ import CHOSEN, SHARES, WAYS, order, summary

SHARE = next(iter(SHARES))


def run(number: int, way: str, seconds: float, workers: int = 2) -> dict[str, Any]:
    one = {"images": 10, "seconds": seconds, "cpu_seconds": 8.0, "late": 0.0}
    return {"round": number, "share": SHARE, "way": way, "workers": [one] * workers}


def test_ratios_are_of_runs_of_the_same_round() -> None:
    runs = [run(0, CHOSEN, 10.0), run(0, "two threads", 20.0), run(1, CHOSEN, 20.0), run(1, "two threads", 25.0)]
    chosen, other = summary(runs)
    assert (chosen["way"], chosen["over_chosen"], chosen["images_per_second"]) == (CHOSEN, 1.0, 1.5)
    assert (other["least"], other["most"], other["over_chosen"]) == (0.5, 0.8, 0.65)
    assert other["cpu_seconds_per_image"] == 0.8
    assert other["rounds"] == 2


def test_every_way_runs_once_a_round_on_each_share_and_none_is_always_first() -> None:
    runs = order(3)
    assert len(runs) == len(set(runs)) == 3 * len(SHARES) * len(WAYS)
    first = [next(way for number, share, way in runs if (number, share) == (one, SHARE)) for one in range(3)]
    assert len(set(first)) == 3


def test_a_round_without_the_chosen_way_has_no_ratio() -> None:
    (row,) = summary([run(0, "two threads", 20.0)])
    assert row["over_chosen"] is None


def test_the_chosen_way_is_the_engines() -> None:
    assert WAYS[CHOSEN].arguments == ["--threads", "1", "--streams", "1", "--ahead", "1"]
    assert WAYS["one thread, pinned"].arguments[-1] == "--pin"
    assert all(share.quota * share.workers <= share.cores for share in SHARES.values())
