"""How a yardstick's program says what it measured: one line at its end, with the time at which each image was done."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

MARK = "yardstick: "


def guarded(measure: Callable[[], Mapping[str, Any]]) -> int:
    """0 and the answer as the last line of stdout, or 1 and the reason in one line of stderr."""
    try:
        content = measure()
    except Exception as error:
        # Whatever it is, who started the program needs one line that says it.
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
        print(f"error: {type(error).__name__}: {reason}", file=sys.stderr, flush=True)
        return 1
    print(MARK + json.dumps(content), flush=True)
    return 0


def finishes(stamps: Sequence[Tuple[str, float]]) -> List[Dict[str, Any]]:
    """(process, seconds since 1970) of each image, in order of time, as the answer has them."""
    return [{"process": process, "at": at} for process, at in sorted(stamps, key=lambda one: one[1])]
