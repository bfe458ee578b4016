"""In which order the sides of a comparison take their turns."""

from __future__ import annotations

import random
from typing import List, Sequence, Tuple


def balanced(sides: Sequence[str], rounds: int, seed: int) -> List[Tuple[str, ...]]:
    """An order of all sides for each round.

    Over as many rounds as there are sides each side takes each place once; for an even number of sides each also
    follows each other one once (Williams' design). The seed deals out the parts that the sides play.
    """
    count = len(sides)
    dealt = random.Random(seed)
    players, rows = list(sides), list(range(count))
    dealt.shuffle(players)
    dealt.shuffle(rows)
    # 0, 1, n-1, 2, n-2 ...: neighbours differ by every amount.
    zigzag = [(step + 1) // 2 if step % 2 else (count - step // 2) % count for step in range(count)]
    return [tuple(players[(place + rows[number % count]) % count] for place in zigzag) for number in range(rounds)]
