"""Which models `clusterbed model` asks for, by its options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from experiments.cli import app as program
from experiments.cli import host
from experiments.host.models import Model

WEIGHTS = Path("official.pth")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []

    def build(
        weights: Path | None, sizes: Sequence[int], _: object, *, configuration: str = "r50", full: bool
    ) -> dict[int, Model]:
        calls.append((weights, list(sizes), configuration, full))
        return {size: Model(Path(f"yolact-{configuration}-{size}")) for size in sizes}

    def trained(_: object, *, full: bool) -> Model:
        calls.append(("trained", full))
        return Model(Path("yolact-small-192"))

    monkeypatch.setattr(host.model_set, "build", build)
    monkeypatch.setattr(host.model_set, "trained", trained)
    return calls


@pytest.mark.parametrize(
    ("words", "calls", "printed"),
    [
        (
            [],
            [(None, [550, 192], "r50", True), ("trained", True)],
            ["yolact-r50-550", "yolact-r50-192", "yolact-small-192"],
        ),
        (["--size", "192", "--plain"], [(None, [192], "r50", False)], ["yolact-r50-192"]),
        (["--configuration", "small"], [("trained", True)], ["yolact-small-192"]),
        (["--configuration", "small", "--size", "96"], [(None, [96], "small", True)], ["yolact-small-96"]),
        (["--weights", "official.pth"], [(WEIGHTS, [550], "r50", True)], ["yolact-r50-550"]),
        (
            ["--weights", "official.pth", "--configuration", "r101", "--size", "700"],
            [(WEIGHTS, [700], "r101", True)],
            ["yolact-r101-700"],
        ),
    ],
)
def test_options_say_what_is_built(
    asked: list[tuple[Any, ...]], words: list[str], calls: list[tuple[Any, ...]], printed: list[str]
) -> None:
    result = CliRunner().invoke(program.app, ["model", *words])
    assert result.exit_code == 0
    assert asked == calls
    assert result.stdout.splitlines() == printed
