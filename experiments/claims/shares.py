"""How much of a whole its part makes, over pairs of trials: sums over the pairs, resampled inside host blocks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.analysis import statistics
from experiments.analysis.statistics import Numbers
from experiments.bench.statistics import Estimate
from experiments.claims.types import OPEN, REFUTED, SUPPORTED
from experiments.report.text import percent_text

# A cause explains something where it makes this share of it at least, and does not where it makes that one at most.
MOST_OF_IT, NEXT_TO_NOTHING = 0.5, 0.1


def share(own: Numbers, whole: Numbers, blocks: Sequence[int]) -> Estimate:
    """The sum of `own` over that of `whole`, a value a pair of trials each. blocks: of the pairs.

    Pairs are resampled whole, inside each block; shares are pooled over blocks by pairs.
    """
    groups = _groups(blocks)

    def of(*samples: Numbers, axis: int) -> Any:
        chosen = [sample.astype(np.intp) for sample in samples]
        found = [
            len(group) * own[one].sum(axis=axis) / whole[one].sum(axis=axis)
            for group, one in zip(groups, chosen, strict=True)
        ]
        return sum(found) / sum(map(len, groups))

    return statistics.interval([group.astype(np.float64) for group in groups], of)


def judged(one: Estimate, yes: str = SUPPORTED, no: str = REFUTED) -> str:
    """The verdict on a cause that makes this share: by its whole interval, else open."""
    return yes if one.low >= MOST_OF_IT else no if one.high <= NEXT_TO_NOTHING else OPEN


def shown(one: Estimate) -> str:
    """As sentences have it."""
    return f"{percent_text(one.value)} (95 % interval {percent_text(one.low)} to {percent_text(one.high)})"


def _groups(blocks: Sequence[int]) -> list[npt.NDArray[np.intp]]:
    """The places of each block's pairs, as `statistics.ratio` resamples them."""
    places = [[place for place, one in enumerate(blocks) if one == block] for block in dict.fromkeys(blocks)]
    return [np.array(one, dtype=np.intp) for one in statistics.resampled(places)]
