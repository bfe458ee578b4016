"""Processes: argument lists only, and failures that carry everything."""

from __future__ import annotations

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
    """Runs a command to its end. Raises CommandFailed (also on a time-out, in seconds) unless `check` is false."""
    try:
        done = subprocess.run(
            list(arguments),
            capture_output=True,
            timeout=timeout,
            env=dict(environment) if environment is not None else None,
            input=stdin,
            check=False,
        )
    except FileNotFoundError:
        raise CommandFailed(arguments, 127, "", f"{arguments[0]}: not found", where) from None
    except subprocess.TimeoutExpired as expired:
        raise CommandFailed(arguments, None, _text(expired.stdout), _text(expired.stderr), where) from None
    completed = Completed(tuple(arguments), done.returncode, _text(done.stdout), _text(done.stderr))
    if check and completed.status != 0:
        raise CommandFailed(arguments, completed.status, completed.stdout, completed.stderr, where)
    return completed


def run_logged(arguments: Sequence[str], log: Path, *, where: str = "this host", timeout: float = 3600) -> None:
    """Runs a long command with both streams into a file. Raises CommandFailed with the file's last lines."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        try:
            done = subprocess.run(list(arguments), stdout=sink, stderr=sink, timeout=timeout, check=False)
            status: int | None = done.returncode
        except subprocess.TimeoutExpired:
            status = None
    if status != 0:
        raise CommandFailed(arguments, status, "", f"{log.read_text(errors='replace')}\n(whole log: {log})", where)


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")


def _short(arguments: Sequence[str]) -> str:
    line = " ".join(arguments)
    return line if len(line) <= 160 else line[:157] + "..."
