"""Commands on experiments: plan, run. Their libraries take a second to load, so each loads its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.cli.output import as_json, progress, table
from experiments.errors import ClusterbedError
from experiments.matrix.plan import Plan, PlannedCell
from experiments.matrix.plan import as_json as plan_json
from experiments.units import memory_text

PresetName = Annotated[str, typer.Argument(metavar="PRESET", help="A shipped preset's name, or a path to a TOML.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="key=value, repeatable: a key of the preset, or a setting.")
]


def register(app: typer.Typer) -> None:
    app.command(name="plan")(plan)
    app.command(name="run")(run)


def plan(
    preset: PresetName,
    set_: Set = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Say what a preset means on this host: which cells run and how, which do not and why, time and disk."""
    from experiments.runner import runs

    made = runs.plan_of(preset, set_ or ())
    if json:
        as_json(plan_json(made))
        return
    table(("cell", "runs", "nodes: host cores and memory", "a trial"), [_row(one) for one in made.cells])
    for line in _summary(made):
        print(line)


def run(
    preset: PresetName,
    run_id: Annotated[str | None, typer.Option(help="The run's name below results/; omitted: preset and time.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run, by whole rounds.")] = False,
    set_: Set = None,
) -> None:
    """Run a preset: plan, rounds of trials, evidence below results/ID. Ctrl-C takes clusters down and keeps records."""
    from experiments.runner import runs

    folder, made = runs.run(preset, run_id, set_ or (), resume=resume)
    progress(f"records: {folder / 'records.jsonl'}")
    _report(folder)
    print(runs.verdict(folder, made))


def _report(folder: Path) -> None:
    """The run's own report. One that cannot be made is said, and is no failure of the run."""
    from experiments.run_report.write import write_report

    try:
        progress(f"report: {write_report([str(folder)]).report}")
    except Exception as error:  # whatever it is: all trials are on disk, and the run's verdict is still to be said
        why = error.messages[0] if isinstance(error, ClusterbedError) else f"{type(error).__name__}: {error}"
        progress(f"report: {why}; `clusterbed report {folder.name}` makes it")


def _row(one: PlannedCell) -> tuple[object, ...]:
    if one.skipped:
        return (one.cell.name, f"skipped: {'; '.join(one.skipped)}", "", "")
    estimate = one.estimate
    seconds = f"{estimate.seconds:.0f} s ({estimate.low:.0f} to {estimate.high:.0f})" if estimate else ""
    return (one.cell.name, one.cell.note or "yes", _nodes(one), seconds)


def _nodes(one: PlannedCell) -> str:
    """Nodes that are alike stand together: 6 x worker 0.25 3g."""
    if one.cluster is None:
        return "one container"
    alike: dict[tuple[str, float, int], int] = {}
    for node in one.cluster.nodes:
        key = (node.entry, node.cpus, node.memory_mb)
        alike[key] = alike.get(key, 0) + 1
    return ", ".join(
        f"{f'{number} x ' if number > 1 else ''}{name} {cpus:g} {memory_text(memory)}"
        for (name, cpus, memory), number in alike.items()
    )


def _summary(made: Plan) -> list[str]:
    host, seconds = made.host, made.seconds
    lines = [f"host: {host.cpu_model}, {host.cores} cores, {host.memory_mb} MB; {host.disk_free_mb} MB of disk free"]
    if host.engine_free_mb is not None:
        lines[0] += f", and {host.engine_free_mb} where the Docker engine keeps containers"
    lines += [f"{name}: a paper core is worth {share:g} of a host core" for name, share in made.scales.items()]
    if made.preset.workload == "job":
        lines.append(f"nodes without executors share {made.preset.services:.0%} of their machine's cores")
    lines.append(
        f"{made.trials} trials, clusters come up {made.boots} times; about {seconds.seconds / 60:.0f} minutes "
        f"({seconds.low / 60:.0f} to {seconds.high / 60:.0f}); {made.disk_mb} MB of disk"
    )
    if not made.calibrated and made.preset.workload == "job":
        lines.append("this host's cores have not been measured yet: times are rougher; `clusterbed run` measures first")
    return lines
