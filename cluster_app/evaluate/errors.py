"""The error that is the user's to mend, and how the programs of this package end."""

from __future__ import annotations

import sys
from typing import Callable

from cluster_app.backends import Unavailable

BAD, CANNOT = 2, 3


class BadInput(ValueError):
    """The input is wrong: one message for each thing to mend, each complete in itself."""

    def __init__(self, *messages: str) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


def guarded(program: Callable[[], None]) -> int:
    """Runs a program; returns its exit status and says on stderr, each line with `error: ` before it, what was wrong.

    0 done, 2 bad input, 3 this processor or environment cannot do it. Other faults of ours stay exceptions.
    """
    try:
        program()
    except BadInput as error:
        return _say(BAD, *error.messages)
    except Unavailable as error:
        return _say(CANNOT, str(error))
    return 0


def _say(status: int, *messages: str) -> int:
    for message in messages:
        print(f"error: {message}", file=sys.stderr, flush=True)
    return status
