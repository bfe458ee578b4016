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
from experiments.host.evaluation import LIMITED_CPUS, TABLE_1_IMAGE, Program, attend
from experiments.host.models import Model
from experiments.host.paths import ARTEFACTS
from experiments.matrix.plan import PlannedCell
from experiments.matrix.settings import MODELS
from experiments.runner import artefacts, environment, steady
from experiments.runner.seam import Outcome, TimedOut
from experiments.store.packing import SAMPLES

Say = Callable[[str], None]

# Parts of cluster_app that the benchmark is made of.
_PROGRAMS = ("backends", "evaluate", "tasks")
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
        return environment.describe()

    def content(self, planned: PlannedCell) -> Mapping[str, Any]:
        built = self._model(planned)
        return {
            "model": {"name": built.folder.name, "made_from": artefacts.made_from(built)},
            "node_images": {TABLE_1_IMAGE: images.fingerprints((*images.IMAGES, *images.OPTIONAL))[TABLE_1_IMAGE]},
            "programs": artefacts.code_digest(*_PROGRAMS),
            "limited_cpus": LIMITED_CPUS,
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
        options = ["--cpus", str(LIMITED_CPUS)] if limited else []
        begin = time.monotonic()
        program = Program("cluster_app.evaluate.video_benchmark", words, mounts, TABLE_1_IMAGE, options)
        try:
            attend(program, self._say, timeout=planned.timeout)
        except RunFailed as error:
            if time.monotonic() - begin >= planned.timeout:
                raise TimedOut(*error.messages) from None
            raise
        seconds = time.monotonic() - begin
        lines = [json.loads(line) for line in (out / "times.jsonl").read_text().splitlines()]
        kept = self._folder / SAMPLES / f"{trial}.jsonl"
        kept.parent.mkdir(exist_ok=True)
        (out / "times.jsonl").replace(kept)
        return Outcome(
            {"container_seconds": round(seconds, 2), "per_frame": per_frame(lines)},
            invalid(lines, frames, int(str(settings["threads_per_task"]))),
        )

    def down(self) -> Mapping[str, Any]:
        return {}

    def clear(self) -> None:
        shutil.rmtree(self._folder / ".trial", ignore_errors=True)

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
    return (int(trial[:3]) - 1) % rounds + 1


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
