"""Unit tests measure nothing: they neither wait for what does on this host, nor keep it from doing so."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.host import alone


@pytest.fixture(autouse=True)
def _a_lock_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("lock")
    monkeypatch.setattr(alone, "FOLDERS", (folder,))
    return folder
