"""Processes that end well, end badly, do not end, or are not there; all of them real."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from experiments.errors import RunFailed
from experiments.host.command import CommandFailed, run, run_logged


def test_a_command_that_ends_well() -> None:
    done = run(["sh", "-c", "printf out; printf err >&2"])
    assert (done.status, done.stdout, done.stderr) == (0, "out", "err")
    assert done.arguments == ("sh", "-c", "printf out; printf err >&2")
    assert run(["true"]).status == 0


def test_arguments_are_words_and_no_shell_reads_them() -> None:
    assert run(["printf", "%s", "$HOME; echo *"]).stdout == "$HOME; echo *"


def test_what_goes_in() -> None:
    assert run(["cat"], stdin=b"to the command").stdout == "to the command"


def test_a_given_environment_is_the_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_TEST", "inherited")
    command = ["/bin/sh", "-c", 'printf "%s" "${OF_THE_TEST-none} ${GIVEN-none}"']
    assert run(command).stdout == "inherited none"
    assert run(command, environment={"GIVEN": "yes"}).stdout == "none yes"


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert run(["printf", r"\377a"]).stdout == "\ufffda"


def test_a_failure_carries_everything() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(["sh", "-c", "echo out; echo first >&2; echo last >&2; exit 7"], where="worker-1")
    error = caught.value
    assert (error.status, error.stdout, error.stderr, error.where) == (7, "out\n", "first\nlast\n", "worker-1")
    assert str(error).startswith("worker-1: sh -c ")
    assert "ended with status 7:\n    first\n    last" in str(error)
    assert isinstance(error, RunFailed)


def test_a_failure_without_a_word_on_stderr_shows_stdout() -> None:
    with pytest.raises(CommandFailed, match="    only here"):
        run(["sh", "-c", "echo only here; false"])


def test_a_silent_failure_has_a_message_of_one_line() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(["false"])
    assert str(caught.value) == "this host: false ended with status 1"


def test_only_the_last_lines_are_shown_and_all_are_kept() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(["sh", "-c", "seq 1 20 >&2; false"])
    assert str(caught.value).splitlines()[1:] == [f"    {number}" for number in range(13, 21)]
    assert caught.value.stderr.splitlines() == [str(number) for number in range(1, 21)]


def test_a_long_command_is_cut_in_the_message_only() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(["false", "x" * 500])
    assert len(str(caught.value)) < 250
    assert caught.value.arguments == ["false", "x" * 500]


def test_a_failure_that_is_not_one() -> None:
    assert run(["sh", "-c", "exit 3"], check=False).status == 3


def test_a_command_that_does_not_end_in_time() -> None:
    begin = time.monotonic()
    with pytest.raises(CommandFailed) as caught:
        run(["sh", "-c", "echo began; exec sleep 30"], timeout=0.5)
    assert time.monotonic() - begin < 10
    assert (caught.value.status, caught.value.stdout) == (None, "began\n")
    assert "did not end in time" in str(caught.value)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(["no-such-program-here", "x"])
    assert caught.value.status == 127
    assert "no-such-program-here: No such file" in str(caught.value)


def test_a_log_gets_both_streams(tmp_path: Path) -> None:
    log = tmp_path / "new" / "build.log"
    run_logged(["sh", "-c", "echo out; echo err >&2"], log)
    assert sorted(log.read_text().split()) == ["err", "out"]


def test_a_logged_failure_shows_the_logs_end_and_where_it_is(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    with pytest.raises(CommandFailed) as caught:
        run_logged(["sh", "-c", "seq 1 20; exit 4"], log, where="image base")
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("ended with status 4:")
    assert lines[-1] == f"    (whole log: {log})"
    assert "    20" in lines
    assert "    1" not in lines


def test_a_logged_command_that_does_not_end_in_time(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="did not end in time") as caught:
        run_logged(["sh", "-c", "echo began; exec sleep 30"], tmp_path / "a.log", timeout=0.5)
    assert caught.value.status is None
    assert "began" in caught.value.stderr
