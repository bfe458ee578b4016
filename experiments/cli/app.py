"""`clusterbed`: collects the commands, and turns every error into one message and the right exit status."""

from __future__ import annotations

import errno
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress

import typer
from docker.errors import DockerException
from requests.exceptions import RequestException

from experiments.cli import clusters, data, evaluation, host, jobs, later, reports, runs
from experiments.cluster.interrupts import interrupted_once
from experiments.errors import ClusterbedError
from experiments.host.paths import LOGS, ROOT

INTERRUPTED = 130
_STDERR = 2

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A testbed of Spark clusters in containers, for distributed inference that is measured.",
)
host.register(app)
clusters.register(app)
jobs.register(app)
evaluation.register(app)
runs.register(app)
reports.register(app)
data.register(app)
later.register(app)


def main() -> None:
    """The installed program."""
    sys.exit(guarded(lambda: app(standalone_mode=False)))


def guarded(command: Callable[[], object]) -> int:
    """Runs a command; returns its exit status. No traceback reaches the user: it goes into a file that is named."""
    try:
        with interrupted_once(_say_at_once):
            status = command()
    except ClusterbedError as error:
        return _say(error.exit_status, *error.messages)
    except typer.Exit as done:
        return int(done.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except Exception as error:
        return _unexpected(error)
    if status == INTERRUPTED:  # what Typer makes of a KeyboardInterrupt
        return _interrupted()
    return status if isinstance(status, int) else 0


def _interrupted() -> int:
    return _say(INTERRUPTED, "interrupted; what was started has been taken down")


def _unexpected(error: Exception) -> int:
    # Typer's own usage errors know how to show themselves.
    if hasattr(error, "exit_code") and hasattr(error, "show"):
        error.show()
        return int(error.exit_code)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _say(3, f"the disk is full ({error.filename or ROOT}); `make clean` says what it would free")
    if isinstance(error, DockerException | RequestException):
        return _say(3, f"the Docker engine stopped answering: {_line(error)}; `clusterbed doctor` looks closer")
    if isinstance(error, BrokenPipeError):
        # Whoever read the output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    log = LOGS / f"crash-{time.strftime('%Y%m%d-%H%M%S')}.log"
    try:
        LOGS.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc())
    except OSError as problem:
        return _say(1, f"unexpected: {type(error).__name__}: {_line(error)}; no details: {problem.strerror}")
    return _say(1, f"unexpected: {type(error).__name__}: {_line(error)}; details in {log}")


def _line(error: Exception) -> str:
    return (str(error).splitlines() or ["no message"])[0][:200]


def _say_at_once(message: str) -> None:
    """From a signal's handler, where what is being printed must not be entered again, nor anything be raised."""
    with suppress(OSError):
        os.write(_STDERR, f"clusterbed: {message}\n".encode())


def _say(status: int, *messages: str) -> int:
    for message in messages:
        print(f"clusterbed: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
