"""The error of the job that is the user's to mend, and what the others say in one line."""

from __future__ import annotations

import re

_OF_PYTHON = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt): .+")


class BadInput(Exception):
    """The job file is right, and what it names is not there, or is there already: status 2."""


def cause(message: str) -> str:
    """The line of an error's message that says most: Spark wraps what happened on a worker in many others."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    # Below the last "Caused by", so that a Python error on a worker is found in its traceback.
    below = lines[lines.index(causes[-1]) + 1 :] if causes else lines[1:]
    python = [line for line in below if _OF_PYTHON.fullmatch(line)]
    wrapped = bool(causes or lines) and "Traceback" in (causes[-1:] or lines[:1])[0]
    chosen = python[:1] if wrapped and python else causes[-1:] or lines[:1] or ["no message"]
    return chosen[0][:500]
