"""One measurement at a time on a host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from experiments.errors import HostError, RunFailed
from experiments.host import alone as module
from experiments.host.alone import alone


def test_a_host_makes_one_measurement_at_a_time() -> None:
    with alone(), pytest.raises(RunFailed, match="another run or benchmark is under way"), alone():
        pass
    with alone():
        pass


def test_the_lock_is_let_go_of_when_what_holds_it_fails() -> None:
    with pytest.raises(ZeroDivisionError), alone():
        raise ZeroDivisionError
    with alone():
        pass


def test_it_lies_where_this_user_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLDERS", (tmp_path / "none", tmp_path))
    with alone():
        assert (tmp_path / "clusterbed.lock").exists()


def test_a_lock_that_is_there_is_the_one_and_others_may_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    monkeypatch.setattr(module, "FOLDERS", (first, second))
    before = os.umask(0o077)
    try:
        with alone():
            pass
    finally:
        os.umask(before)
    assert (first / "clusterbed.lock").stat().st_mode & 0o777 == 0o644
    with alone(), pytest.raises(RunFailed), alone():
        pass
    assert not list(second.iterdir())


def test_a_lock_that_cannot_be_opened_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLDERS", (tmp_path,))
    (tmp_path / "clusterbed.lock").mkdir()
    with pytest.raises(HostError, match=r"clusterbed\.lock: cannot be opened"), alone():
        pass
