"""`python -m experiments.worker_settings`: measures the ways in which a worker can use its cores, in turn.

For each share of the host that nodes have (so many workers on so many cores, each with its quota) all workers run the
same way at the same time; the ways take turns, round by round, so that their ratios are of runs side by side. Each run
is on disk before the next begins; started again with the same folder, it goes on. docs/engines.md, "Threads", has the
choice. Needs a quiet host.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from experiments import trials
from experiments.cli.app import guarded
from experiments.cli.output import progress, table
from experiments.copies import copies
from experiments.errors import HostError, RunFailed
from experiments.host import capacity, models
from experiments.host.alone import alone
from experiments.host.evaluation import Program, attend
from experiments.host.paths import RESULTS

# Until all workers of a run have compiled, under the smallest quota.
_COMPILE_SECONDS, _LATE_SECONDS = 20.0, 1.0


@dataclass(frozen=True)
class Share:
    """So many workers on the same cores, each with a quota in host cores."""

    workers: int
    cores: int
    quota: float


@dataclass(frozen=True)
class Way:
    threads: int = 1
    streams: int = 1
    ahead: int = 1
    pinned: bool = False

    @property
    def arguments(self) -> list[str]:
        words = ["--threads", str(self.threads), "--streams", str(self.streams), "--ahead", str(self.ahead)]
        return [*words, "--pin"] if self.pinned else words


SHARES: Mapping[str, Share] = MappingProxyType(
    {
        "three, 0.5 of two cores each": Share(3, 2, 0.5),
        "two, one of two cores each": Share(2, 2, 1.0),
        "one, two cores": Share(1, 2, 2.0),
    }
)
CHOSEN = "one thread"
WAYS: Mapping[str, Way] = MappingProxyType(
    {
        CHOSEN: Way(),
        "one thread, pinned": Way(pinned=True),
        "one thread, two under way": Way(ahead=2),
        "two threads": Way(threads=2),
        "two threads, pinned": Way(threads=2, pinned=True),
        "two threads, two under way": Way(threads=2, ahead=2),
        "two streams, two under way": Way(threads=2, streams=2, ahead=2),
    }
)


def main() -> None:
    """Status 0 when all runs are there, or the minutes are over; what is there is kept either way."""
    raise SystemExit(guarded(_run))


def _run() -> None:
    options = _parse()
    with alone():
        _experiment(options)


def _experiment(options: argparse.Namespace) -> None:
    host = capacity.measure(Path.cwd())
    if host.cores < 2:
        raise HostError(f"this host has {host.cores} core; the experiment needs 2")
    model = options.model or models.build(None, [options.size], progress)[options.size].folder
    photos = copies(options.out / "images", 4)
    settings = {"size": options.size, "images": options.images}
    runs = trials.read(options.out / "runs.jsonl", settings)
    have = {(one["round"], one["share"], one["way"]) for one in runs}
    missing = [one for one in order(options.rounds) if one not in have]
    deadline = time.monotonic() + options.minutes * 60
    while missing and time.monotonic() < deadline:
        number, share, way = missing.pop(0)
        progress(f"round {number}: {share}: {way}")
        measured = _measure(SHARES[share], WAYS[way], model, photos, options.images)
        runs.append({"round": number, "share": share, "way": way, "workers": measured})
        trials.append(options.out / "runs.jsonl", settings, runs[-1])
    rows = summary(runs)
    about = {key: getattr(host, key) for key in ("cpu_model", "cores", "kernel", "cgroup")}
    trials.write_table(options.out / "table.json", {**settings, "host": about, "rows": rows})
    table(("share", "way", "images/s", "over the chosen", "CPU s/image"), [tuple(row.values())[:5] for row in rows])
    if missing:
        progress(f"{len(missing)} runs are not done; the same command goes on with them")


def order(rounds: int) -> list[tuple[int, str, str]]:
    """(round, share, way) of all runs. Each round begins with another way: what drifts does not meet the same one."""
    ways = [*WAYS]
    turns = [ways[number % len(ways) :] + ways[: number % len(ways)] for number in range(rounds)]
    return [(number, share, way) for number, turn in enumerate(turns) for share in SHARES for way in turn]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="experiments.worker_settings", description=__doc__)
    parser.add_argument("--size", type=int, default=models.PAPER_SIZE, help="side of the network's input in pixels")
    parser.add_argument("--images", type=int, default=10, help="of each worker in a run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no run after so long")
    parser.add_argument("--model", type=Path, help="a folder with fp16.xml and priors.npy; else one is built")
    parser.add_argument("--out", type=Path, default=RESULTS / "worker-settings")
    return parser.parse_args()


def _measure(share: Share, way: Way, model: Path, photos: Path, images: int) -> list[dict[str, Any]]:
    """What each worker of a run says. Raises RunFailed if one was not ready when the others began."""
    first = capacity.first_core()
    options = ["--entrypoint", "env", "--cpuset-cpus", f"{first}-{first + share.cores - 1}", "--cpus", f"{share.quota}"]
    options += ["-e", "PYTHONPATH=/app", "-e", "PYTHONDONTWRITEBYTECODE=1", "-e", f"OMP_NUM_THREADS={way.threads}"]
    words = ["--model", "/model/fp16.xml", "--priors", "/model/priors.npy", "--photos", "/photographs"]
    words += ["--images", str(images), "--begin", f"{time.time() + _COMPILE_SECONDS / share.quota**0.5:.3f}"]
    mounts = {model: "/model:ro", photos: "/photographs:ro"}
    program = Program("cluster_app.evaluate.worker_settings", [*words, *way.arguments], mounts, "spark", options)
    with ThreadPoolExecutor(share.workers) as pool:
        texts = list(pool.map(lambda _: attend(program, progress), range(share.workers)))
    found: list[dict[str, Any]] = [json.loads(text) for text in texts]
    late = max(float(one["late"]) for one in found)
    if late > _LATE_SECONDS:
        raise RunFailed(f"a worker was not ready in time ({late:.1f} s late); is the host busy?")
    return found


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a share and way: medians over the rounds; the ratio to the chosen way, its least and its most."""
    rate = {(run["round"], run["share"], run["way"]): _rate(run["workers"]) for run in runs}
    rows = []
    for share in dict.fromkeys(run["share"] for run in runs):
        for way in dict.fromkeys(run["way"] for run in runs if run["share"] == share):
            same = [run for run in runs if (run["share"], run["way"]) == (share, way)]
            ratios = [
                rate[run["round"], share, way] / rate[run["round"], share, CHOSEN]
                for run in same
                if (run["round"], share, CHOSEN) in rate
            ]
            used = [worker["cpu_seconds"] / worker["images"] for run in same for worker in run["workers"]]
            rows.append(
                {
                    "share": share,
                    "way": way,
                    "images_per_second": round(statistics.median(_rate(run["workers"]) for run in same), 3),
                    "over_chosen": round(statistics.median(ratios), 3) if ratios else None,
                    "cpu_seconds_per_image": round(statistics.median(used), 3),
                    "least": round(min(ratios), 3) if ratios else None,
                    "most": round(max(ratios), 3) if ratios else None,
                    "rounds": len(same),
                }
            )
    return rows


def _rate(workers: list[dict[str, Any]]) -> float:
    """Images per second of all workers together."""
    return float(sum(worker["images"] / worker["seconds"] for worker in workers))


if __name__ == "__main__":
    main()
