"""`python -m experiments.reproduce`: says what is left of the workflow and how long it takes, then makes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from experiments.cli import output
from experiments.cli.app import guarded
from experiments.errors import NoDisk, NothingRunsHere, RunFailed, UserError
from experiments.host.paths import RESULTS
from experiments.reproduce.steps import ONLY_ASKED_FOR, Step, order, steps
from experiments.run_report.write import write_report

REFERENCE = RESULTS / "reference"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def main() -> None:
    sys.exit(guarded(lambda: app(standalone_mode=False)))


@app.command()
def reproduce(
    preset: Annotated[
        list[str] | None, typer.Option(help="Repeatable; also synchrony. Omitted: all but table-10-full.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value, for every preset: repeats=2.")] = None,
    out: Annotated[Path, typer.Option(help="A folder that gets a run for each preset, and their report.")] = REFERENCE,
    plan: Annotated[bool, typer.Option("--plan", help="Say what is left and how long it takes; make nothing.")] = False,
) -> None:
    """Models, their evaluation, every preset, the report. What is made is kept: started again, it goes on."""
    wanted = list(steps(out, order(preset or ()), set_ or (), lambda folder: write_report([str(folder)])))
    output.table(("step", "left", "what it is"), [(one.name, _time(one.seconds), one.says) for one in wanted])
    total = sum(one.seconds for one in wanted)
    print(f"about {_time(total)} in all, more where a cell has changed since it was measured", flush=True)
    if not preset:
        print(f"left out, since it takes hours unless the host is large: {', '.join(ONLY_ASKED_FOR)}", flush=True)
    print("Ctrl-C keeps what is made, and the same command goes on", flush=True)
    if plan:
        return
    failures = _made(wanted)
    print(f"reproduce: {len(wanted)} steps, {len(failures)} with a failure, report {out / 'report.html'}")
    if failures:
        raise RunFailed(*failures)


def _made(wanted: list[Step]) -> list[str]:
    """Makes each step; one that fails, also for want of disk, does not stop the others. Returns what failed; a preset
    for another host is said.

    What keeps this host from making any, an engine that is gone or a disk that is full, ends it.
    """
    failures = []
    for number, step in enumerate(wanted, start=1):
        output.progress(f"reproduce {number}/{len(wanted)}: {step.name}, left: {_time(step.seconds)}")
        try:
            step.make()
        except NothingRunsHere as error:
            for message in error.messages:
                output.progress(f"{step.name}: cannot be done here: {message}")
        except (NoDisk, RunFailed, UserError) as error:
            if step.needed:
                raise
            failures += [f"{step.name}: {message}" for message in error.messages]
            output.progress(f"{step.name}: failed: {error.messages[0]}")
    return failures


def _time(seconds: float) -> str:
    if not seconds:
        return "nothing"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    main()
