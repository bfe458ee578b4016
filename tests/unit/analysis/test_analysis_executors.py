"""What an executor's node uses once and for each image: the line that trials were made with comes back."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_material import trial

from experiments.analysis.executors import Use, use_of
from experiments.analysis.statistics import NoEstimate
from experiments.analysis.trials import Trial

ONCE, EACH, IMAGES = 20.0, 0.35, 48


def made(seed: int, workers: int, number: int, noise: float = 0.03) -> Trial:
    chance = np.random.default_rng((seed, workers, number))
    own = IMAGES // workers
    used = {
        f"worker-{one}": {"cpu_s": (ONCE + own * EACH) * (1 + noise * float(chance.standard_normal()))}
        for one in range(workers)
    }
    # A node that was not sampled, and one without any image, are no points.
    hosts = {**{name: {"images": own} for name in used}, "unseen": {"images": 3}, "idle": {"images": 0}}
    used = {**used, "driver": {"cpu_s": 15.0}, "idle": {"cpu_s": 9.0}}
    return trial(f"workers-{workers}", number, executors=workers, hosts=hosts, used=used)


def found(seed: int, noise: float = 0.03) -> Use:
    use = use_of([made(seed, workers, number, noise) for workers in (1, 3, 6) for number in range(1, 6)])
    assert isinstance(use, Use)
    return use


def test_without_noise_the_line_comes_back() -> None:
    use = found(0, noise=0.0)
    assert (use.once.value, use.once.low, use.once.high) == tuple(pytest.approx(ONCE) for _ in range(3))
    assert use.each.value == pytest.approx(EACH)
    assert use.once.n == 15


def test_what_it_was_made_with_lies_in_its_interval() -> None:
    draws = [found(seed) for seed in range(60)]
    # Resampling five trials of each number of workers is a little too narrow.
    assert sum(use.once.low <= ONCE <= use.once.high for use in draws) >= 48
    assert sum(use.each.low <= EACH <= use.each.high for use in draws) >= 48


def test_loads_that_are_alike_tell_nothing_apart() -> None:
    assert isinstance(use_of([made(0, 6, number) for number in range(1, 6)]), NoEstimate)
    assert isinstance(use_of([made(0, 1, 1), made(0, 6, 1)]), NoEstimate), "one trial each has no spread"
    assert isinstance(use_of([]), NoEstimate)
