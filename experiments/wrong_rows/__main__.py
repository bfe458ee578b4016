"""Runs wrong_rows.py on a cluster of ours and keeps what came out: python -m experiments.wrong_rows --help."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.bench.provenance import provenance
from experiments.cli.app import guarded
from experiments.cli.output import progress
from experiments.cluster import lifecycle, spark
from experiments.errors import RunFailed
from experiments.host.engine import Engine
from experiments.host.paths import LOGS, RESULTS
from experiments.render import container_name
from experiments.topology import load_topology
from experiments.types import ClusterSpec

SCRIPT = Path(__file__).with_name("wrong_rows.py")
_FOLDER = "/srv/data/jobs/wrong-rows"
_TIMEOUT = 1800
_MARK = "wrong-rows: "


def main(
    topology: Annotated[str, typer.Option(help="Where to run: a shipped topology, or a path to one.")] = "standalone",
    output: Annotated[Path, typer.Option(help="The JSON of what came out.")] = RESULTS / "wrong-rows" / "found.json",
    rows: Annotated[int, typer.Option(help="Rows of a try.")] = 96,
    side: Annotated[int, typer.Option(help="Side of their pictures in pixels.")] = 16,
    repeats: Annotated[int, typer.Option(help="Tries of each way.")] = 10,
    ways: Annotated[str, typer.Option(help="Which ways, with commas between; all if left out.")] = "",
) -> None:
    """Status 0 when the experiment ran, whatever it found."""
    options = ["--rows", str(rows), "--side", str(side), "--repeats", str(repeats), *(["--ways", ways] if ways else [])]
    raise SystemExit(guarded(lambda: run(topology, options, output)))


def run(topology: str, options: Sequence[str], output: Path) -> None:
    """Brings a cluster up for it, runs the script there, writes its JSON with the host's, takes the cluster down.

    Raises RunFailed with the end of the script's log if it printed no result.
    """
    spec = replace(load_topology(topology), name="wrong-rows")
    try:
        lifecycle.up(spec, progress)
        found = on_the_cluster(spec, options)
    finally:
        lifecycle.down(spec.name, progress)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.partial")
    partial.write_text(json.dumps({**found, **_where(topology)}, indent=2) + "\n")
    partial.rename(output)
    for way in found["ways"]:
        print(
            f"{way['name']}: {way['wrong']} of {way['rows']} rows wrong, {way['failed']} of {way['runs']} runs failed"
        )
    progress(f"written: {output}")


def on_the_cluster(spec: ClusterSpec, options: Sequence[str]) -> dict[str, Any]:
    """What the script printed as its result."""
    engine, container = Engine(), container_name(spec.name, spec.driver.name)
    engine.exec(container, ["as-cluster", "mkdir", "-p", _FOLDER, spark.EVENTS])
    engine.put(container, {SCRIPT.name: SCRIPT.read_bytes()}, _FOLDER)
    conf = spark.resources(spec) | spark.waiting(300) | spark.bigdl(spec, 1)
    command = spark.arguments(spec, conf, f"{_FOLDER}/{SCRIPT.name}", *options, options=spark.bigdl_properties())
    log = LOGS / f"wrong-rows-{time.strftime('%Y%m%d-%H%M%S')}.log"
    status, tail = engine.exec_streamed(
        container,
        ["timeout", "-k", "10", str(_TIMEOUT), *command],
        folder=_FOLDER,
        environment={"HOME": "/home/cluster"},
        log=log,
        on_line=lambda line: progress(line) if " rows wrong, " in line else None,
    )
    printed = [line.removeprefix(_MARK) for line in tail.splitlines() if line.startswith(_MARK)]
    if not printed:
        raise RunFailed(f"the experiment printed no result (status {status}); its log: {log}")
    found: dict[str, Any] = json.loads(printed[-1])
    return found


def _where(topology: str) -> dict[str, Any]:
    known = provenance()
    return {"topology": topology, "date": time.strftime("%Y-%m-%d"), "commit": known.commit, "host": dict(known.host)}


if __name__ == "__main__":
    typer.run(main)
