"""`python -m experiments.bench GROUP`: measures a group's figures, merges them, and prints them as a table."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from experiments.bench import ablation, runner, store, table
from experiments.bench.engines import ABLATION
from experiments.bench.groups import chosen, measured_with, outdated
from experiments.bench.types import Bench, Figure, Group, Provenance
from experiments.cli import output
from experiments.cli.app import guarded
from experiments.errors import RunFailed
from experiments.host.alone import alone

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def main() -> None:
    sys.exit(guarded(lambda: app(standalone_mode=False)))


@app.command()
def bench(
    group: Annotated[str, typer.Argument(help="A group's name, or all.")],
    step: Annotated[list[str] | None, typer.Option("--step", help="Only this step of it; may be repeated.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what this code and boot has measured.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Try it out on a small model; nothing is stored.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the stored figures; nothing is measured.")] = False,
) -> None:
    """Measure the figures of a group. What is complete is kept: an interrupted run goes on where it was."""
    groups = chosen(group, step or ())
    now = measured_with()
    if show:
        _print(groups, store.read_latest(), now)
        return
    with alone():
        failures = _try_out(groups, now) if quick else _measure(groups, now, fresh=fresh)
    if not quick:
        latest = store.read_latest()
        if ABLATION in groups:
            ablation.write(latest)
        _print(groups, latest, now)
    if failures:
        raise RunFailed(*failures)


def _measure(groups: Sequence[Group], now: Mapping[str, Provenance], *, fresh: bool) -> list[str]:
    """Runs the groups one after another; returns what failed."""
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for group in groups:
            failures += runner.run(group, now[group.name], Bench(Path(scratch), output.progress), fresh=fresh).failures
    return failures


def _try_out(groups: Sequence[Group], now: Mapping[str, Provenance]) -> list[str]:
    """The whole way with few repeats on a small model, in a folder that goes away; the figures mean nothing."""
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        todo = Bench(Path(scratch) / "scratch", output.progress, quick=True)
        todo.scratch.mkdir()
        for group in groups:
            outcome = runner.run(group, now[group.name], todo, fresh=True, folder=Path(scratch))
            named = {figure.name: figure for figure in outcome.figures}
            output.table(table.COLUMNS, table.rows(group.name, named, stale=()))
            failures += outcome.failures
    output.progress("a try-out: these figures prove nothing, and none was stored")
    return failures


def _print(groups: Sequence[Group], figures: Mapping[str, Figure], now: Mapping[str, Provenance]) -> None:
    old = outdated(figures, now)
    for group in groups:
        drawn = table.rows(group.name, figures, old)
        output.table(table.COLUMNS, drawn)
        for line in table.hosts(group.name, figures):
            print(line)
        print(table.summary(group.name, drawn))


if __name__ == "__main__":
    main()
