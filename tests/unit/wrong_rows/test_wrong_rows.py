"""The experiment's own arithmetic: what counts as a wrong row, and what it may be asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from experiments.wrong_rows import wrong_rows as script

SIDE, SIZE = 4, 48


def picture(number: int) -> list[float]:
    plane = SIDE * SIDE
    return [float(number % 256)] * plane + [float(number // 256)] * plane + [255.0] * plane


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: [one], lambda one: [[one]]])
def test_whose_result_it_is(wrap: Any) -> None:
    assert script.owner(wrap([3.0] * SIZE), SIDE) == 3
    assert script.owner(wrap(picture(300)), SIDE) == 300
    assert script.owner(wrap(picture(1799)), SIDE) == 1799
    assert script.owner(wrap([3.0] * (SIZE - 1) + [4.0]), SIDE) is None
    assert script.owner(wrap([*picture(300)[:-1], 8.0]), SIDE) is None
    assert script.owner(wrap([]), SIDE) is None


def test_a_wrong_row_says_whose_result_it_got() -> None:
    back = [SimpleNamespace(number=1, output=[1.0] * SIZE), SimpleNamespace(number=2, output=picture(5))]
    selected = SimpleNamespace(collect=lambda: back)
    predicted = SimpleNamespace(select=lambda *_: selected)
    estimator = SimpleNamespace(predict=lambda *_, **__: predicted)
    found = script.wrong_rows(None, estimator, script.arguments(["--side", str(SIDE)]))
    assert found == {"rows": 2, "wrong": 1, "instead": [(2, 5)]}


def test_wrong_rows_and_runs_that_fail_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    ok = {"rows": 8, "wrong": 0, "instead": []}
    outcomes: list[Any] = [ok, {"rows": 8, "wrong": 3, "instead": [(1, 2)]}, RuntimeError("x\nCaused by: it broke\n")]

    def once(*_: Any) -> Any:
        one = outcomes.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    monkeypatch.setattr(script, "wrong_rows", once)
    spark = SimpleNamespace(catalog=SimpleNamespace(clearCache=lambda: None))
    way = script.Way("made", "as made", lambda *_: None)
    found = script.tried(spark, way, None, script.arguments(["--repeats", "3"]))
    assert (found["runs"], found["rows"], found["wrong"], found["runs_with_wrong"]) == (3, 16, 3, 1)
    assert (found["failed"], found["errors"]) == (1, ["Caused by: it broke"])
    assert found["instead"] == [(1, 2)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--ways", "made,cached"], "--ways cached: unknown; allowed: made"),
        (["--rows", "70000"], "--rows 70000: allowed"),
    ],
)
def test_what_it_may_not_be_asked(given: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        script.arguments(given)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
