"""`clusterbed`'s last line of defence: every error one message and the right status."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from docker.errors import DockerException
from requests.exceptions import ReadTimeout

from experiments.cli import app as program
from experiments.cli import host as host_commands
from experiments.cli.jobs import read_job
from experiments.cli.later import COMMANDS
from experiments.cluster import lifecycle
from experiments.errors import HostError, RunFailed, UserError
from experiments.host.doctor import Check

FIXTURES = Path(__file__).parents[2] / "fixtures" / "jobs"


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Crash logs go into a folder of the test's, and signals are as before afterwards."""
    monkeypatch.setattr(program, "LOGS", tmp_path / "logs")
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path / "logs"
    signal.signal(signal.SIGTERM, before)


def raising(error: BaseException) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


def clusterbed(*words: str) -> int:
    return program.guarded(lambda: program.app(list(words), standalone_mode=False))


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (RunFailed("a job failed"), 1, "clusterbed: a job failed\n"),
        (UserError("first", "second"), 2, "clusterbed: first\nclusterbed: second\n"),
        (HostError("too small"), 3, "clusterbed: too small\n"),
    ],
)
def test_an_error_of_ours(capsys: pytest.CaptureFixture[str], error: Exception, status: int, said: str) -> None:
    assert program.guarded(raising(error)) == status
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupt(capsys: pytest.CaptureFixture[str], error: BaseException) -> None:
    assert program.guarded(raising(error)) == 130
    assert "interrupted" in capsys.readouterr().err


def test_an_interrupt_of_a_command_is_told_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lifecycle, "down_all", interrupted)
    assert clusterbed("down", "--all") == 130
    assert "interrupted" in capsys.readouterr().err


def test_being_told_to_end_is_an_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.guarded(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.fixture
def _ctrl_c_heeded() -> Iterator[None]:
    """Also where the tests run in a shell's background, whose children ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_heeded")
def test_further_signals_do_not_cut_the_tear_down_short(capfd: pytest.CaptureFixture[str]) -> None:
    before, done = signal.getsignal(signal.SIGTERM), []

    def command() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                os.kill(os.getpid(), number)
            done.append("down")

    assert program.guarded(command) == 130
    assert done == ["down"]
    assert capfd.readouterr().err.count("taking down what was started, which is not cut short") == 2
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert program.guarded(lambda: os.kill(os.getpid(), signal.SIGHUP)) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(capsys: pytest.CaptureFixture[str], number: int, logs: Path) -> None:
    assert program.guarded(raising(OSError(number, "No space left on device", "/srv/file"))) == 3
    assert "the disk is full (/srv/file)" in capsys.readouterr().err
    assert not logs.exists()


@pytest.mark.parametrize("error", [DockerException("gone\nmore"), ReadTimeout("Read timed out"), DockerException("")])
def test_an_engine_that_stopped_answering(capsys: pytest.CaptureFixture[str], error: Exception) -> None:
    assert program.guarded(raising(error)) == 3
    said = capsys.readouterr().err
    assert "Docker engine stopped answering" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero\nand more"), OSError(errno.EIO, "broken"), KeyError("k")])
def test_what_nobody_expected_is_one_line_and_a_file(
    capsys: pytest.CaptureFixture[str], error: Exception, logs: Path
) -> None:
    assert program.guarded(raising(error)) == 1
    captured = capsys.readouterr()
    (log,) = logs.iterdir()
    assert captured.out == ""
    assert captured.err.startswith(f"clusterbed: unexpected: {type(error).__name__}: ")
    assert captured.err.endswith(f"details in {log}\n")
    assert len(captured.err.splitlines()) == 1
    assert "Traceback" not in captured.err
    assert "Traceback" in log.read_text()
    assert type(error).__name__ in log.read_text()


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (3, 3), ("text", 0)])
def test_a_command_that_ends(returned: object, status: int) -> None:
    assert program.guarded(lambda: returned) == status


def test_a_status_that_a_command_asks_for() -> None:
    assert program.guarded(raising(typer.Exit(3))) == 3


# The commands


@pytest.mark.parametrize("words", [["no-such-command"], ["up"], ["up", "--no-such-option"], ["scale", "yarn", "many"]])
def test_wrong_usage_is_bad_input(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert clusterbed(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert "Usage" in captured.err


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert clusterbed("--help") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("doctor", "up", "down", "submit", *COMMANDS))


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_that_are_not_built_are_refused_by_name(capsys: pytest.CaptureFixture[str], name: str) -> None:
    for words in ([name], [name, "coco", "--some-option", "x"]):
        assert clusterbed(*words) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == f"clusterbed: {name}: not built yet; what is there: `clusterbed --help`\n"


def test_the_interfaces_later_commands_are_all_there() -> None:
    names = "plan run report compare claims simulate tune data video evaluate evaluate-models"
    built = {command.name for command in program.app.registered_commands}
    built |= {group.name for group in program.app.registered_groups}
    assert set(names.split()) <= built


def test_down_wants_one_of_a_name_and_all(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["down"], ["down", "yarn", "--all"]):
        assert clusterbed(*words) == 2
        assert "give the name of a cluster, or --all" in capsys.readouterr().err


def test_an_unknown_topology_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert clusterbed("render", "no-such-cluster") == 2
    assert "no-such-cluster" in capsys.readouterr().err


def test_a_document_goes_to_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert clusterbed("render", "standalone") == 0
    captured = capsys.readouterr()
    assert "services:" in captured.out
    assert captured.err == ""


@pytest.mark.parametrize(("verdict", "status"), [("ok", 0), ("limited", 0), ("missing", 3)])
def test_doctors_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verdict: str, status: int
) -> None:
    checks = [Check("cores", "ok", "2", "2"), Check("memory", verdict, "9 MB", "16000 MB", "more")]  # type: ignore[arg-type]
    monkeypatch.setattr(host_commands, "checks", SimpleNamespace(examine=lambda: checks))
    assert clusterbed("doctor", "--json") == status
    listed = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in listed] == ["ok", verdict]
    assert clusterbed("doctor") == status
    shown = capsys.readouterr().out
    assert ("MISSING" in shown) == (verdict == "missing")


# Job files


def test_a_job_file_becomes_a_job() -> None:
    assert read_job(FIXTURES / "valid" / "full.json").engine == "bigdl"


def test_a_job_file_that_is_wrong_says_all_of_it() -> None:
    with pytest.raises(UserError) as caught:
        read_job(FIXTURES / "unknown-key.json")
    assert all(str(FIXTURES / "unknown-key.json") in message for message in caught.value.messages)
    assert not any("\n" in message for message in caught.value.messages)


def test_a_job_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json: cannot be read: No such file or directory"):
        read_job(tmp_path / "none.json")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_job(tmp_path)
    (tmp_path / "job.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"job\.json: cannot be read: it is not UTF-8 text"):
        read_job(tmp_path / "job.json")
