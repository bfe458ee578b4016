"""The errors that reach a user. Each knows the exit status of the command that it ends."""

from __future__ import annotations

from typing import ClassVar


class ClusterbedError(Exception):
    """One or more problems, one message a problem, each complete in itself."""

    exit_status: ClassVar[int] = 1

    def __init__(self, *messages: str) -> None:
        if not messages:
            raise ValueError("an error needs at least one message")
        super().__init__("\n".join(messages))
        self.messages = messages


class RunFailed(ClusterbedError):
    """Something ran and found a failure."""

    exit_status = 1


class UserError(ClusterbedError):
    """The input is wrong: a command's usage, or a file."""

    exit_status = 2


class HostError(ClusterbedError):
    """The input is right, and this host cannot do it."""

    exit_status = 3


class NothingRunsHere(HostError):
    """Of a preset no cell can run on this host, which says nothing of others."""


class NoDisk(HostError):
    """Of a preset no cell can run, since disk is lacking; others may need less."""
