"""From the records of GROUP=engines to its figures. Pure.

A record is a trial of a side in a round: `side`, `round`, and what the trial left. Start-up is apart: `seconds` says
what is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from statistics import median as middle
from typing import Any

import numpy as np
from scipy.stats import bootstrap

from experiments.bench import statistics
from experiments.bench.engine_times import Timed, timed
from experiments.bench.statistics import CONFIDENCE, RESAMPLES, SEED
from experiments.bench.types import Lost, Measured, Record
from experiments.errors import RunFailed

DEFAULTS, TUNED, FUSED, FUSED_INT8 = "bigdl-defaults", "bigdl-tuned", "fused", "fused-int8"
BARE, BARE_INT8 = "bare", "bare-int8"
RAY, PANDAS_UDF = "ray", "pandas-udf"
PEERS = (RAY, PANDAS_UDF)

Sides = Mapping[str, Mapping[int, Timed]]


def sides(records: Sequence[Record]) -> Sides:
    """Times by side and round. Raises RunFailed for a side that a round has twice."""
    found: dict[str, dict[int, Timed]] = {}
    for record in records:
        if "side" not in record:
            continue
        rounds = found.setdefault(record["side"], {})
        if record["round"] in rounds:
            raise RunFailed(f"{record['side']}: two trials in round {record['round']}")
        rounds[record["round"]] = timed(record)
    return found


def paired(found: Sides, *names: str, of: Callable[[Timed], float]) -> list[list[float]]:
    """A value of these sides, by round, for the rounds that the first of them has.

    Raises RunFailed if another side lacks one of them.
    """
    for name in names:
        if name not in found:
            raise RunFailed(f"{name}: there is no trial of it")
    rounds = sorted(found[names[0]])
    for name in names[1:]:
        lacking = [number for number in rounds if number not in found[name]]
        if lacking:
            raise RunFailed(f"{name}: no trial in round {lacking[0]}: the sides were not interleaved")
    return [[of(found[name][number]) for number in rounds] for name in names]


def each(one: Timed) -> float:
    """Seconds per image."""
    return one.per_image


# The engines against each other and against the ceiling


_OVERHEAD = "engine_overhead_bigdl_over_fused"


def engines(records: Sequence[Record]) -> Sequence[Measured | Lost]:
    """The first table: ratios between the engines, and to bare inference; then seconds per image of each side."""
    found = sides(records)
    said = header(records)
    ratios = [
        ("engine_fused_over_bigdl", TUNED, FUSED, "FP32, end to end"),
        ("engine_fused_over_bigdl_defaults", DEFAULTS, FUSED, "FP32, end to end"),
        ("engine_int8_over_bigdl_f32", TUNED, FUSED_INT8, "fused INT8 against bigdl FP32, end to end"),
        ("engine_fraction_of_ceiling", BARE, FUSED, "bare inference over the engine, FP32"),
        ("engine_fraction_of_ceiling_int8", BARE_INT8, FUSED_INT8, "bare inference over the engine, INT8"),
    ]
    figures: list[Measured | Lost] = [
        _ratio(name, found, above, below, f"{what}; {said}{_ways(records, above)}")
        for name, above, below, what in ratios
    ]
    figures.append(_overhead(found, said))
    return [*figures, *_seconds(found, said), *_starts(found)]


def _ratio(name: str, found: Sides, above: str, below: str, note: str) -> Measured:
    over, under = paired(found, above, below, of=each)
    one = statistics.ratio(over, under)
    shown = f"{above} {middle(over):.3f} over {below} {middle(under):.3f} s/image"
    return Measured(name, one.value, "ratio", one.n, one.low, one.high, f"{shown}; {note}")


def _overhead(found: Sides, said: str) -> Measured | Lost:
    """Seconds per image beyond bare inference: bigdl's over the fused engine's, of medians over rounds.

    Where a resampled median of the fused engine's is not over zero, the interval has no upper end.
    """
    bigdl, fused, bare = map(np.asarray, paired(found, TUNED, FUSED, BARE, of=each))

    def ratio(above: Any, below: Any, floor: Any) -> float:
        beyond = float(np.median(below - floor))
        return float(np.median(above - floor)) / beyond if beyond > 0 else float("inf")

    value = ratio(bigdl, fused, bare)
    shown = f"{np.median(bigdl - bare):.3f} over {np.median(fused - bare):.4f} s/image beyond the ceiling"
    if not np.isfinite(value):
        return Lost(_OVERHEAD, f"{shown}: the engine's is not over zero, so there is no ratio")
    # Infinite resamples have no standard error, which is not asked for.
    with np.errstate(invalid="ignore"):
        interval = bootstrap(
            (bigdl, fused, bare),
            ratio,
            paired=True,
            vectorized=False,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(SEED),
        ).confidence_interval
    low, high = (float(end) if np.isfinite(end) else None for end in (interval.low, interval.high))
    note = f"{shown}; {said}" + ("" if high is not None else "; in resampled rounds the engine's is zero: no upper end")
    return Measured(_OVERHEAD, value, "ratio", len(bare), low, high, note)


def _seconds(found: Sides, said: str) -> list[Measured]:
    return [
        absolute(f"engine_seconds_{side_name(side)}", [one.per_image for one in rounds.values()], "s/image", said)
        for side, rounds in found.items()
    ]


def _starts(found: Sides) -> list[Measured]:
    note = "from the command to when work counts: Spark, executors, Python workers, the model compiled"
    return [
        absolute(f"engine_start_{side_name(side)}", starts, "s", note)
        for side, rounds in found.items()
        if (starts := [one.start_seconds for one in rounds.values() if one.start_seconds is not None])
    ]


def absolute(name: str, values: Sequence[float], unit: str, note: str) -> Measured:
    """A median that depends on the host's speed."""
    one = statistics.median(values)
    return Measured(name, one.value, unit, one.n, one.low, one.high, note, absolute=True)


def side_name(side: str) -> str:
    """A side as figures' names have it."""
    return re.sub(r"[^a-z0-9]+", "_", side)


def header(records: Sequence[Record]) -> str:
    """The end of a note: which model, where, and how many images each side took."""
    head = next(record for record in records if "model" in record)
    counts = {record["side"]: record["images"] for record in records if "side" in record}
    listed = ", ".join(f"{side} {images}" for side, images in counts.items())
    return f"{head['model']}, {head['where']}; images: {listed}"


def _ways(records: Sequence[Record], side: str) -> str:
    ways = [record for record in records if record.get("grid_of") == side]
    if not ways:
        return ""
    best = ways[0]["best"]
    return f"; ceiling: {best['streams']} stream(s), {'pinned' if best['pinning'] else 'not pinned'}, best of the grid"


# Peers


def peers(records: Sequence[Record]) -> Sequence[Measured]:
    """Against each peer and against the better one; memory and start-up beside.

    Raises RunFailed where a peer's rows are not those of the engine: then its time counts for nothing.
    """
    found = sides(records)
    _require_agreement(records)
    said = header(records)
    by_peer = {peer: middle([one.per_image for one in found[peer].values()]) for peer in PEERS if peer in found}
    if set(by_peer) != set(PEERS):
        raise RunFailed(f"peers: there are trials of {', '.join(by_peer) or 'none'}; {', '.join(PEERS)} are compared")
    best = min(by_peer, key=lambda peer: by_peer[peer])
    figures = [_ratio("engine_fused_over_peers", found, best, FUSED, f"the best peer is {best}; {said}")]
    for peer in PEERS:
        figures.append(_ratio(f"engine_fused_over_{side_name(peer)}", found, peer, FUSED, said))
        figures += [
            _of_peer(
                f"engine_{what}_{side_name(peer)}_over_fused", found, peer, of, f"{words}; {peer} over fused; {said}"
            )
            for what, words, of in (
                ("memory", "peak of the node's anonymous memory, less what it held before", _memory),
                ("start", "from the command to the first image of the slowest process", _start),
            )
        ]
    return figures


def _of_peer(name: str, found: Sides, peer: str, of: Callable[[Timed], float], note: str) -> Measured:
    over, under = paired(found, peer, FUSED, of=of)
    one = statistics.ratio(over, under)
    return Measured(
        name, one.value, "ratio", one.n, one.low, one.high, f"{middle(over):.1f} over {middle(under):.1f}; {note}"
    )


def _memory(one: Timed) -> float:
    if one.memory_mb is None:
        raise RunFailed("a trial has no memory: nothing was sampled")
    return one.memory_mb


def _start(one: Timed) -> float:
    if one.start_seconds is None:
        raise RunFailed("a trial has no start: nothing was stamped")
    return one.start_seconds


def _require_agreement(records: Sequence[Record]) -> None:
    compared = [record for record in records if record.get("side") in PEERS]
    for record in compared:
        same = record["agreement"]
        if same["statuses"] or same["pairs"] != same["detections"] or not same["detections"]:
            raise RunFailed(
                f"{record['side']}, round {record['round']}: {same['pairs']} of {same['detections']} detections agree "
                f"with the engine's, {same['statuses']} statuses differ: its time counts for nothing"
            )
    if not compared:
        raise RunFailed("peers: no trial of a peer")
