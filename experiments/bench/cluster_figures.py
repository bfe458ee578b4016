"""From the records of GROUP=engines on several nodes, over many images, and step by step, to figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median as middle

from experiments.bench import statistics
from experiments.bench.engine_figures import FUSED, TUNED, absolute, each, header, paired, side_name, sides
from experiments.bench.engine_times import Timed, busy_share
from experiments.bench.types import Measured, Record
from experiments.errors import RunFailed

ONE, SIX = "1 worker", "6 workers"
FEW, MANY = "few", "many"
SOLO = "solo"


def heterogeneous(records: Sequence[Record]) -> Sequence[Measured]:
    """Throughput over the sum of what the nodes do alone, at the same time, without Spark; and how busy slots were."""
    found = sides(records)
    alone = {
        record["round"]: sum(node["images"] / node["seconds"] for node in record["nodes"])
        for record in records
        if record.get("side") == SOLO
    }
    rounds = sorted(found[FUSED])
    said = header(records)
    if sorted(alone) != rounds:
        raise RunFailed(f"heterogeneous: nodes alone in rounds {sorted(alone)}, the engine in {rounds}")
    rates = [1 / found[FUSED][number].per_image for number in rounds]
    one = statistics.ratio(rates, [alone[number] for number in rounds])
    shown = f"{middle(rates):.2f} images/s together over {middle(alone.values()):.2f} alone in sum"
    note = f"{shown}; {_shares(records)}; {said}"
    figures = [Measured("engine_heterogeneous_efficiency", one.value, "fraction", one.n, one.low, one.high, note)]
    for side, name in ((FUSED, "in_run"), (TUNED, "bigdl")):
        shares = [busy_share(record) for record in records if record.get("side") == side]
        if shares:
            busy = statistics.median(shares)
            how = "images over what the nodes would have done in that time, each at the speed of its own tasks"
            figures.append(
                Measured(
                    f"engine_heterogeneous_efficiency_{name}",
                    busy.value,
                    "fraction",
                    busy.n,
                    busy.low,
                    busy.high,
                    f"{how}; {said}",
                )
            )
    return figures


def _shares(records: Sequence[Record]) -> str:
    last = [record for record in records if record.get("side") == FUSED][-1]
    hosts = {one["host"]: one["images"] for one in last["result"]["executors"]}
    return "images by node " + ", ".join(f"{host} {images}" for host, images in sorted(hosts.items()))


def scaling(records: Sequence[Record]) -> Sequence[Measured]:
    """Six workers' throughput over six times one worker's, all with equal shares; and the driver's limit."""
    found = sides(records)
    one, six = paired(found, ONE, SIX, of=each)
    ratio = statistics.ratio(one, [6 * seconds for seconds in six])
    note = f"{middle(one):.3f} s/image on one worker, {middle(six):.3f} on six; {header(records)}"
    figures = [Measured("engine_scaling_efficiency_6", ratio.value, "fraction", ratio.n, ratio.low, ratio.high, note)]
    for record in records:
        if "tasks_a_run" in record:
            rates = [record["tasks_a_run"] / seconds for seconds in record["seconds"]]
            said = (
                f"{record['tasks_a_run']} empty tasks a run, {record['slots']} slots, no quotas: the driver's own limit"
            )
            figures.append(absolute("engine_driver_limit_tasks_per_s", rates, "tasks/s", said))
    return figures


def memory_growth(records: Sequence[Record]) -> Sequence[Measured]:
    """Peak memory at many images over that at few, of the node and of its largest Python process."""
    found = sides(records)
    said = header(records)
    many, few = paired(found, MANY, FEW, of=_peak)
    one = statistics.ratio(many, few)
    shown = f"{middle(many):.0f} over {middle(few):.0f} MB"
    note = f"peak anonymous memory of the node, JVM and Python workers: {shown}; {said}"
    figures = [Measured("engine_memory_growth", one.value, "ratio", one.n, one.low, one.high, note)]
    many, few = paired(found, MANY, FEW, of=_largest)
    two = statistics.ratio(many, few)
    note = f"resident set of the largest Python worker: {middle(many):.0f} over {middle(few):.0f} MB; {said}"
    return [*figures, Measured("engine_memory_growth_worker", two.value, "ratio", two.n, two.low, two.high, note)]


def _peak(one: Timed) -> float:
    if one.peak_mb is None:
        raise RunFailed("a trial has no memory: nothing was sampled")
    return one.peak_mb


def _largest(one: Timed) -> float:
    if one.worker_mb is None:
        raise RunFailed("a trial has no worker's memory")
    return one.worker_mb


# Ablation


@dataclass(frozen=True)
class Rung:
    """A step of the ablation: a side's name, and what is different from the step before."""

    side: str
    change: str


def ablation(records: Sequence[Record], rungs: Sequence[Rung]) -> Sequence[Measured]:
    """Seconds per image of each rung, and how much faster it is than the one before and than the first.

    Each figure is the ratio to the first rung; the note has the rest.
    """
    found = sides(records)
    said = header(records)
    figures = []
    for number, rung in enumerate(rungs):
        before = rungs[max(0, number - 1)].side
        first, previous, own = paired(found, rungs[0].side, before, rung.side, of=each)
        over_first, over_before = statistics.ratio(first, own), statistics.ratio(previous, own)
        note = f"{rung.change}; {middle(own):.3f} s/image; {over_before.value:.2f} times as fast as the step before"
        figures.append(
            Measured(
                f"engine_ablation_{number}_{side_name(rung.side)}",
                over_first.value,
                "ratio",
                over_first.n,
                over_first.low,
                over_first.high,
                f"{note}; {said}",
            )
        )
    return figures
