"""What Table 1's measurements say about the paper's claims V1 to V5 and M6."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Protocol, Sequence, Tuple

import numpy as np

from cluster_app.evaluate.intervals import Estimate, Samples, median_of_rounds

HOLDS, REVERSED = "holds", "reversed"
NO_DIFFERENCE, NOT_TESTABLE = "no difference beyond noise", "not testable here"
AGREES, SMALLER, LARGER, NOT_COMPARABLE = "agrees within both uncertainties", "smaller", "larger", "not comparable"

TORCH, FP32, FP16 = "torch", "openvino-fp32", "openvino-fp16"
PAPERS = (TORCH, "onnx", FP32, FP16)

CANNOT_SHOW = (
    "The paper's video, its processor (i7-11370H), its versions (OpenVINO 2021.1) and its thread counts are not here: "
    "sizes are compared across all of these differences.",
    "The paper states no uncertainty, so only ours enters a comparison of sizes.",
    "V3 and V1 differ in nothing that the paper states; both are judged on the same measurement.",
    "The limited node is a CPU quota; a virtual machine's own overhead is not in it.",
    "On a processor, FP16 is how weights are stored: OpenVINO computes in FP32 or BF16.",
    "The rows for BF16, INT8 and OpenVINO 2021.4 are ours; the paper's claims are judged without them.",
)


class Measured(Protocol):
    """What is asked of a cell of the table."""

    @property
    def seconds(self) -> int: ...
    @property
    def node(self) -> str: ...
    @property
    def rounds(self) -> Mapping[str, Mapping[str, Samples]]: ...
    @property
    def sides(self) -> List[str]: ...


@dataclass(frozen=True)
class Claim:
    """Which backends the paper found fastest, on which video and node, and their change of time against Torch."""

    winners: Tuple[str, ...]
    seconds: Optional[int]
    node: Optional[str]
    change: Optional[float]


CLAIMS: Mapping[str, Claim] = {
    "V1": Claim(("onnx",), 15, "bare", -0.265),
    "V2": Claim((FP16, FP32), 15, "limited", -0.288),
    "V3": Claim((FP16,), 15, "bare", -0.18),
    "V4": Claim((FP16,), 78, "bare", -0.17),
    "V5": Claim((FP16,), None, None, None),
}


@dataclass(frozen=True)
class Verdict:
    """direction and size as the claims' ledger words them; change: ours against Torch, with interval; paper: theirs."""

    direction: str
    size: str
    note: str
    change: Optional[Estimate] = None
    paper: Optional[float] = None


def verdicts(cells: Sequence[Measured], loads: Sequence[Mapping[str, Any]]) -> Dict[str, Verdict]:
    """A verdict for each of V1 to V5 and M6, from end-to-end times."""
    found = {key: _fastest(claim, cells) for key, claim in CLAIMS.items()}
    found["M6"] = _leaner(cells, loads)
    return found


def _fastest(claim: Claim, cells: Sequence[Measured]) -> Verdict:
    chosen = [
        cell
        for cell in cells
        if claim.seconds in (None, cell.seconds) and claim.node in (None, cell.node) and set(PAPERS) <= set(cell.sides)
    ]
    if not chosen:
        where = f" of the {claim.seconds} s video, {claim.node}" if claim.seconds else ""
        return Verdict(NOT_TESTABLE, NOT_COMPARABLE, f"not measured: {', '.join(PAPERS)}{where}", paper=claim.change)
    winner, others = _pooled(chosen, claim.winners), [side for side in PAPERS if side not in claim.winners]
    rivals = {rival: median_of_rounds(winner / _pooled(chosen, (rival,))) for rival in others}
    change = _less_one(median_of_rounds(winner / _pooled(chosen, (TORCH,))))
    said = ", ".join(f"{one.value:.3f} of {rival}'s" for rival, one in rivals.items())
    note = f"time of {' and '.join(claim.winners)}: {said}"
    return Verdict(_direction(list(rivals.values())), _size(change, claim.change), note, change, claim.change)


def _leaner(cells: Sequence[Measured], loads: Sequence[Mapping[str, Any]]) -> Verdict:
    """FP16 beside FP32: time per frame, and memory after the first image."""
    both = [cell for cell in cells if {FP16, FP32} <= set(cell.sides)]
    rss = {side: _memory(loads, side) for side in (FP16, FP32)}
    if not both or not len(rss[FP16]) or len(rss[FP16]) != len(rss[FP32]):
        return Verdict(NOT_TESTABLE, NOT_COMPARABLE, "not measured: times and loads of FP16 and FP32")
    speed = median_of_rounds(_pooled(both, (FP16,)) / _pooled(both, (FP32,)))
    memory = median_of_rounds(rss[FP16] / rss[FP32])
    note = f"FP16 takes {speed.value:.3f} of FP32's time, {memory.value:.3f} of its memory; the paper gives no figure"
    return Verdict(_direction([speed, memory]), NOT_COMPARABLE, note)


def _memory(loads: Sequence[Mapping[str, Any]], side: str) -> Samples:
    found = [(record["round"], record["memory"]["ran"]["rss_mb"]) for record in loads if record["side"] == side]
    return np.array([value for _, value in sorted(found)])


def _pooled(cells: Sequence[Measured], sides: Sequence[str]) -> Samples:
    """End-to-end seconds of each round of all cells, the mean of the sides."""
    return np.concatenate([np.mean([cell.rounds["end_to_end"][side] for side in sides], axis=0) for cell in cells])


def _less_one(ratio: Estimate) -> Estimate:
    return Estimate(*(None if one is None else one - 1 for one in (ratio.value, ratio.low, ratio.high)))


def _direction(ratios: Sequence[Estimate]) -> str:
    """Ratios that the claim wants under 1: all are, with their intervals; or one is over it; or neither can be told."""
    if any(one.low is not None and one.low > 1 for one in ratios):
        return REVERSED
    return HOLDS if all(one.high is not None and one.high < 1 for one in ratios) else NO_DIFFERENCE


def _size(ours: Estimate, paper: Optional[float]) -> str:
    if paper is None or ours.value is None or ours.low is None or ours.high is None:
        return NOT_COMPARABLE
    if ours.low <= paper <= ours.high:
        return AGREES
    return SMALLER if ours.value > paper else LARGER
