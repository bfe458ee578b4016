"""The seam over a workload of one node: Table 1's video benchmark in a container."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from experiments.errors import RunFailed
from experiments.host import images
from experiments.host.command import run
from experiments.host.engine import DOCKER
from experiments.host.evaluation import LIMITED_CPUS, TABLE_1_IMAGE, Program, attend
from experiments.host.models import Model
from experiments.host.paths import ARTEFACTS
from experiments.matrix.plan import PlannedCell
from experiments.matrix.settings import MODELS
from experiments.runner import artefacts, environment, steady
from experiments.runner.instructions import reached
from experiments.runner.once import Watched
from experiments.runner.seam import Outcome, TimedOut
from experiments.runner.verdict import QUOTA_TOLERANCE
from experiments.store.packing import EVENTS, LOGS, SAMPLES

Say = Callable[[str], None]

# Parts of cluster_app that the benchmark is made of.
_PROGRAMS = ("backends", "evaluate", "tasks")
# Below a trial's scratch folder: the id of its container, as Docker writes it.
_CIDFILE = "container"
# Arithmetic of half the width.
_HALF = {"bf16", "f16"}
# The parts of a frame's time, as the benchmark names them.
PARTS = ("decode", "preprocess", "inference", "postprocess")


class Videos:
    """Trials that are one round of the video benchmark: all backends, interleaved, in one container."""

    def __init__(self, rounds: int, folder: Path, say: Say) -> None:
        self._rounds, self._folder, self._say = rounds, folder, say

    def environment(self) -> Mapping[str, Any]:
        images.build_all(self._say, extra=[TABLE_1_IMAGE])
        return {**environment.describe(), "also_up": environment.beside((), self._say)}

    def content(self, planned: PlannedCell) -> Mapping[str, Any]:
        built = self._model(planned)
        return {
            "model": {"name": built.folder.name, "made_from": artefacts.made_from(built)},
            "node_images": {TABLE_1_IMAGE: images.fingerprints((*images.IMAGES, *images.OPTIONAL))[TABLE_1_IMAGE]},
            "programs": artefacts.code_digest(*_PROGRAMS),
            "limited_cpus": LIMITED_CPUS,
            "instructions": reached(None, environment.host().cpu_flags or ()),
            # They decide which frames a round has, and in which order its backends come.
            "rounds": self._rounds,
        }

    def steady(self) -> Mapping[str, Any]:
        return asdict(steady.wait(self._say))

    def up(self, planned: PlannedCell) -> Mapping[str, Any]:
        raise RunFailed(f"{planned.cell.name}: a video needs no cluster")

    def run(self, planned: PlannedCell, trial: str) -> Outcome:
        settings = planned.cell.settings
        limited = settings["node"] == "limited"
        out = self._folder / ".trial"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        # Each round has its frames, and its place in an order that is balanced over all of them.
        number, frames = round_of(trial, self._rounds), int(str(settings["frames"]))
        words = ["--model", "/model", "--videos", "/videos", "--out", "/out/times.jsonl"]
        words += ["--rounds", str(self._rounds), "--round", str(number)]
        words += ["--threads", str(settings["threads_per_task"]), "--node", str(settings["node"])]
        words += ["--case", f"{settings['seconds']}:{frames * self._rounds}"]
        words += ["--cpus", str(LIMITED_CPUS)] if limited else []
        videos = ARTEFACTS / "videos"
        videos.mkdir(parents=True, exist_ok=True)
        mounts = {self._model(planned).folder: "/model:ro", videos: "/videos", out: "/out"}
        cidfile, node = out / _CIDFILE, str(settings["node"])
        options = ["--cidfile", str(cidfile), *(["--cpus", str(LIMITED_CPUS)] if limited else [])]
        program = Program("cluster_app.evaluate.video_benchmark", words, mounts, TABLE_1_IMAGE, options)
        watched, host, said = Watched(cidfile, node), steady.Elsewhere(), list[str]()

        def hear(text: str) -> None:
            said.append(text)
            self._say(text)

        begin = time.monotonic()
        try:
            with host, watched:
                attend(program, hear, timeout=planned.timeout)
        except RunFailed as error:
            if time.monotonic() - begin >= planned.timeout:
                raise TimedOut(*error.messages) from None
            raise
        finally:
            self._keep(out, trial, node, watched, said)
        seconds, used = time.monotonic() - begin, watched.used
        lines = [json.loads(line) for line in self._frames(trial).read_text().splitlines()]
        return Outcome(
            {
                "container_seconds": round(seconds, 2),
                "per_frame": per_frame(lines),
                "used": {node: asdict(used)} if used else {},
                "sampler": {
                    "share": round(watched.share, 5),
                    "problems": {node: watched.problem} if watched.problem else {},
                },
                "cores_elsewhere": host.cores(used.cpu_s if used else 0.0),
            },
            (
                *invalid(lines, frames, int(str(settings["threads_per_task"]))),
                *of_quota(watched.cpus, LIMITED_CPUS if limited else None),
            ),
        )

    def _keep(self, out: Path, trial: str, node: str, watched: Watched, said: Sequence[str]) -> None:
        """A trial's raw evidence: samples, what its program said, each frame's times."""
        watched.save(self._folder / SAMPLES / f"{trial}.jsonl")
        log = self._folder / LOGS / trial / f"{node}-video.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(f"{line}\n" for line in said), encoding="utf-8")
        if (out / "times.jsonl").exists():
            self._frames(trial).parent.mkdir(parents=True, exist_ok=True)
            (out / "times.jsonl").replace(self._frames(trial))

    def _frames(self, trial: str) -> Path:
        return self._folder / EVENTS / trial / "frames.jsonl"

    def down(self) -> Mapping[str, Any]:
        return {}

    def clear(self) -> None:
        """Also the container that a session left when it was killed."""
        scratch = self._folder / ".trial"
        named = scratch / _CIDFILE
        if named.exists() and (container := named.read_text().strip()):
            run([DOCKER, "rm", "-f", container], check=False)
        shutil.rmtree(scratch, ignore_errors=True)

    def able(self) -> None:
        environment.able()

    def _model(self, planned: PlannedCell) -> Model:
        name = str(planned.cell.settings["model"])
        size = int(str(planned.cell.settings.get("image_size") or MODELS[name]))
        return artefacts.model(name, size, True, self._say)


def per_frame(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """By backend: mean seconds of a frame's parts, and of the whole."""
    by_side: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        if line["kind"] == "frame":
            by_side.setdefault(line["side"], []).append(line)
    found = {}
    for side, frames in by_side.items():
        parts = {part: round(fmean(frame[part] for frame in frames), 5) for part in PARTS}
        found[side] = {**parts, "total": round(sum(parts.values()), 5), "frames": len(frames)}
    return found


def round_of(trial: str, rounds: int) -> int:
    """The round that a trial is of, by its name, from 1 to `rounds`."""
    return (int(trial.partition("-")[0]) - 1) % rounds + 1


def of_quota(found: float | None, wanted: float | None) -> tuple[str, ...]:
    """Why a round may not be used: its container had another quota than asked for, in host cores; None for none."""
    same = found is None if wanted is None else found is not None and abs(found - wanted) <= QUOTA_TOLERANCE
    return () if same else (f"its quota was {found}, asked for was {wanted} host cores",)


def invalid(lines: Sequence[Mapping[str, Any]], frames: int, threads: int) -> tuple[str, ...]:
    """Why a round may not be used: a backend that was loaded with fewer frames than asked for, or none loaded; other
    threads than asked for, or arithmetic of half the width, as each backend says itself.
    """
    sides = {side: about for line in lines if line["kind"] == "header" for side, about in line["sides"].items()}
    counted = dict.fromkeys(sides, 0) | {side: int(one["frames"]) for side, one in per_frame(lines).items()}
    if not counted:
        return ("no backend was timed",)
    reasons = [f"{side}: {number} of {frames} frames" for side, number in counted.items() if number != frames]
    for side, about in sides.items():
        if about.get("threads") != threads:
            reasons.append(f"{side}: {about.get('threads')} threads, asked for were {threads}")
        # A backend that is there for such arithmetic has it in its name.
        if half := sorted((_HALF - {side.rpartition("-")[2]}) & set(about.get("arithmetic", ()))):
            reasons.append(f"{side}: computed in {', '.join(half)}")
    return tuple(reasons)
