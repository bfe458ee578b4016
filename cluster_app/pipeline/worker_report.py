"""What the engines' Python workers say of themselves: counts, seconds, memory, and what they compiled.

A task hands in its `Tally` when it ends, through one of Spark's accumulators; Spark takes each partition's only once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Dict, List, Mapping, Tuple

from cluster_app.contract.result import CpuShare, WorkerShare
from cluster_app.pipeline.arithmetic import Compiled

# A worker process: its host and its process id there.
Place = Tuple[str, int]
_PEAKS = ("peak_memory_mb", "jvm_peak_memory_mb")


@dataclass
class Tally:
    """What one process did. Seconds: of wall time; peaks: the largest resident set so far, in 10^6 bytes, of the
    process and of the JVM that it works for; input and output: what crossed between the two around predict.

    verified: rows whose fingerprint was compared; wrong: those of them with another input's.
    """

    images: int = 0
    seconds: float = 0.0
    load_seconds: float = 0.0
    compile_seconds: float = 0.0
    decode_seconds: float = 0.0
    infer_seconds: float = 0.0
    postprocess_seconds: float = 0.0
    encode_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    jvm_peak_memory_mb: float = 0.0
    input_seconds: float = 0.0
    input_mb: float = 0.0
    output_seconds: float = 0.0
    output_mb: float = 0.0
    verified: int = 0
    wrong: List[str] = field(default_factory=list)
    compiled: List[Compiled] = field(default_factory=list)
    cpu: List[CpuShare] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Takes over what another task of the same process did."""
        for one in fields(self):
            mine, its = getattr(self, one.name), getattr(other, one.name)
            setattr(self, one.name, max(mine, its) if one.name in _PEAKS else mine + its)


class Tallies:
    """How an accumulator of Spark adds tallies up by process; the methods' names are Spark's."""

    def zero(self, _: Dict[Place, Tally]) -> Dict[Place, Tally]:
        return {}

    def addInPlace(self, value1: Dict[Place, Tally], value2: Dict[Place, Tally]) -> Dict[Place, Tally]:
        for place, tally in value2.items():
            value1.setdefault(place, Tally()).add(tally)
        return value1


# What the result has elsewhere, or in another form.
_NOT_OF_A_HOST = ("compiled", "cpu", "jvm_peak_memory_mb", "verified", "wrong")


def by_host(tallies: Mapping[Place, Tally]) -> Tuple[WorkerShare, ...]:
    """The tallies of each host's processes added up, as the job's result has them; compiles counts compilations.

    Its processes share the processor alike; what the last one to compile had is given.
    """
    hosts: Dict[str, Tally] = {}
    for (host, _), tally in sorted(tallies.items()):
        hosts.setdefault(host, Tally()).add(tally)
    return tuple(
        WorkerShare(
            host=host,
            processes=sum(place[0] == host for place in tallies),
            compiles=len(tally.compiled),
            jvm_peak_memory_mb=tally.jvm_peak_memory_mb or None,
            cpu=tally.cpu[-1] if tally.cpu else None,
            **{name: value for name, value in vars(tally).items() if name not in _NOT_OF_A_HOST},
        )
        for host, tally in sorted(hosts.items())
    )


def images_by_host(tallies: Mapping[Place, Tally]) -> Dict[str, int]:
    """Images done so far, by host."""
    done: Dict[str, int] = {}
    for (host, _), tally in sorted(tallies.items()):
        done[host] = done.get(host, 0) + tally.images
    return done
