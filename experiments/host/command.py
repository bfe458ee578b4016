"""Processes: argument lists only, and failures that carry everything."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import RunFailed


@dataclass(frozen=True)
class Completed:
    """A command that has ended."""

    arguments: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


class CommandFailed(RunFailed):
    """A command ended with a status other than 0, or did not end in time (status None)."""

    def __init__(self, arguments: Sequence[str], status: int | None, stdout: str, stderr: str, where: str) -> None:
        self.arguments, self.status, self.stdout, self.stderr, self.where = arguments, status, stdout, stderr, where
        how = "did not end in time" if status is None else f"ended with status {status}"
        tail = "\n".join("    " + line for line in (stderr.strip() or stdout.strip()).splitlines()[-8:])
        super().__init__(f"{where}: {_short(arguments)} {how}" + (f":\n{tail}" if tail else ""))


def run(
    arguments: Sequence[str],
    *,
    where: str = "this host",
    timeout: float = 120,
    check: bool = True,
    environment: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> Completed:
    """Runs a command to its end; timeout in seconds.

    Raises CommandFailed if it cannot be started or does not end in time, and, unless `check` is false, if its status
    is not 0.
    """
    process = _start(arguments, where, environment, stdin is not None)
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except BaseException as error:
        stop(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise CommandFailed(arguments, None, _text(error.stdout), _text(error.stderr), where) from None
        raise
    completed = Completed(tuple(arguments), process.returncode, _text(out), _text(err))
    if check and completed.status != 0:
        raise CommandFailed(arguments, completed.status, completed.stdout, completed.stderr, where)
    return completed


def _start(
    arguments: Sequence[str], where: str, environment: Mapping[str, str] | None, fed: bool
) -> subprocess.Popen[bytes]:
    """Starts it in a session of its own: the terminal's Ctrl-C is answered by this program alone, in order."""
    try:
        return subprocess.Popen(
            list(arguments),
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment) if environment is not None else None,
            start_new_session=True,
        )
    except OSError as error:
        reason = f"{arguments[0]}: {error.strerror or error}"
        raise CommandFailed(arguments, 127, "", reason, where) from None


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a command with all that it started: docker's plugins are processes of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_logged(arguments: Sequence[str], log: Path, *, where: str = "this host", timeout: float = 3600) -> None:
    """Runs a long command with both streams into a file. Raises CommandFailed with the file's last lines."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        try:
            process = subprocess.Popen(list(arguments), stdout=sink, stderr=sink, start_new_session=True)
        except OSError as error:
            raise CommandFailed(arguments, 127, "", f"{arguments[0]}: {error.strerror or error}", where) from None
        try:
            status: int | None = process.wait(timeout)
        except BaseException as error:
            stop(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            status = None
    if status != 0:
        raise CommandFailed(arguments, status, "", f"{log.read_text(errors='replace')}\n(whole log: {log})", where)


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")


def _short(arguments: Sequence[str]) -> str:
    line = " ".join(arguments)
    return line if len(line) <= 160 else line[:157] + "..."
