"""What tests of the report share."""

from __future__ import annotations

import pytest

from experiments.run_report import write


@pytest.fixture
def _no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what does not depend on them: they take most of a report's time."""
    monkeypatch.setattr(write, "drawings", lambda _: ())
    monkeypatch.setattr(write, "one_trial", lambda *_: ())
