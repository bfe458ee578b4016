"""From the records of GROUP=runner to its figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median as middle

from experiments.bench import statistics
from experiments.bench.types import Measured, Record
from experiments.errors import RunFailed

THREE, SEVEN = "3-nodes", "7-nodes"
# The trial that the overhead is a share of, in seconds.
TRIAL_SECONDS = 60.0


def smoke(records: Sequence[Record]) -> Sequence[Measured]:
    """How long the plan says that preset smoke takes, over how long it took."""
    whole = [record for record in records if "actual_s" in record]
    found = statistics.ratio([one["planned_s"] for one in whole], [one["actual_s"] for one in whole])
    note = (
        f"preset smoke, {whole[0]['boots']} boot(s), planned {whole[0]['planned_s']:.0f} s, took "
        f"{', '.join(format(one['actual_s'], '.0f') for one in whole)} s"
    )
    return [Measured("plan_error", found.value, "estimate over actual", found.n, found.low, found.high, note)]


def overhead(records: Sequence[Record]) -> Sequence[Measured]:
    """What a trial takes outside of its job and the wait for a quiet host, and what its sampling takes.

    Boot and tear-down lie outside of a trial. Seconds do not grow with the job, so that they are given as a share of
    a trial of 60 s; staging of its input is among them.
    """
    found = []
    for cell, suffix in ((THREE, ""), (SEVEN, "_7_nodes")):
        trials = [record for record in records if record.get("cell") == cell]
        if not trials:
            raise RunFailed(f"no trial of {cell}")
        outside = [one["whole_s"] - one["submit_s"] - one["waited_s"] for one in trials]
        of_a_minute = statistics.median([seconds / TRIAL_SECONDS for seconds in outside])
        lasted = middle(one["submit_s"] for one in trials)
        note = f"{middle(outside):.2f} s outside of jobs of {lasted:.0f} s, of a trial of {TRIAL_SECONDS:.0f} s"
        note += f"; {trials[0]['nodes']} nodes; staging {middle(one['upload_s'] for one in trials):.2f} s is in it"
        found.append(_estimate(f"runner_overhead{suffix}", of_a_minute, "share", note))
        share = statistics.median([one["sampler_share"] for one in trials])
        note = f"processor time of sampling {trials[0]['nodes']} nodes each second"
        found.append(_estimate(f"sampler_cpu_share{suffix}", share, "cores", note))
    return found


def plan(records: Sequence[Record]) -> Sequence[Measured]:
    cells = records[0]["cells"]
    note = f"a preset file to a plan of {cells} cells, in a new process on one core, its imports not counted"
    return [_seconds("runner_plan_seconds", records, note)]


def store(records: Sequence[Record]) -> Sequence[Measured]:
    one = records[0]
    note = f"{one['trials']} made trials, {one['mb']:.0f} MB of records, in a new process on one core"
    return [_seconds("store_load_seconds", records, note)]


def report(records: Sequence[Record]) -> Sequence[Measured]:
    note = f"`clusterbed report` of {records[0]['trials']} made trials, the whole command, on one core"
    size = max(record["html_mb"] for record in records)
    html = Measured("report_html_mb", size, "MB", len(records), note=f"of the {records[0]['trials']} trials, one file")
    return [_seconds("report_seconds", records, note), html]


def report_10k(records: Sequence[Record]) -> Sequence[Measured]:
    one = records[0]
    note = f"`clusterbed report` of {one['trials']} made trials, the whole command, on one core"
    note += f"; {one['html_mb']:.1f} MB"
    return [_seconds("report_seconds_10k", records, note)]


def _seconds(name: str, records: Sequence[Record], note: str) -> Measured:
    found = statistics.median([record["seconds"] for record in records])
    return Measured(name, found.value, "s", found.n, found.low, found.high, note, absolute=True)


def _estimate(name: str, found: statistics.Estimate, unit: str, note: str) -> Measured:
    return Measured(name, found.value, unit, found.n, found.low, found.high, note, absolute=True)
