"""One measurement at a time on a host: two would measure each other, and take each other's clusters down."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.errors import HostError, RunFailed
from experiments.host.paths import STATE

# Where the lock lies: the first that is there and may be written to; the host's own holds for all checkouts on it.
FOLDERS = (Path("/run/lock"), STATE)
_NAME = "clusterbed.lock"


@contextmanager
def alone() -> Iterator[None]:
    """Holds this host for what is measured within.

    Raises RunFailed if something else is being measured.
    """
    descriptor = _opened()
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFailed("another run or benchmark is under way on this host; wait for its end") from None
        yield
    finally:
        os.close(descriptor)


def _opened() -> int:
    """The lock's file, which other users may only read: that is enough to lock it."""
    STATE.mkdir(parents=True, exist_ok=True)
    there = [folder / _NAME for folder in FOLDERS if (folder / _NAME).is_file()]
    path = there[0] if there else next(folder for folder in FOLDERS if os.access(folder, os.W_OK)) / _NAME
    try:
        if there:
            return os.open(path, os.O_RDONLY)
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
        os.fchmod(descriptor, 0o644)  # whatever this user's umask
        return descriptor
    except OSError as error:
        raise HostError(f"{path}: cannot be opened ({error.strerror}); it is what keeps measurements apart") from None
