"""Accuracy, annotated video and Table 1: programs of cluster_app that run in a container, attended to their end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.cluster.interrupts import uninterrupted
from experiments.errors import HostError, RunFailed, UserError
from experiments.host import images
from experiments.host.command import run, stop
from experiments.host.engine import DOCKER, ONCE, Engine
from experiments.host.paths import ROOT
from experiments.render import LABEL_CLUSTER

TABLE_1_IMAGE = "openvino-2021"
# What the limited node of Table 1 gets, in host cores: less than the one thread would take.
LIMITED_CPUS = 0.75
_ERROR = "error: "
_READ_ONLY = ":ro"
# What image and video libraries say about harmless oddities of a file.
_CHATTER = ("libpng warning:", "OpenCV: FFMPEG:", "[ WARN:")
_SEEN = 3

Say = Callable[[str], None]


@dataclass(frozen=True)
class Program:
    """A module of cluster_app with its arguments.

    mounts: files and folders of this host, each with its place in the container, read-only where it ends in `:ro`.
    names: what else of the container's paths the user knows under another name.
    """

    module: str
    arguments: Sequence[str]
    mounts: Mapping[Path, str]
    image: str = "builder"
    options: Sequence[str] = ()
    names: Mapping[str, Path] = field(default_factory=dict)

    def told(self, text: str) -> str:
        """A message with the user's names of files instead of the container's."""
        places = {place: own for own, place in self.mounts.items() if place.endswith(_READ_ONLY)}
        inputs = {place.removesuffix(_READ_ONLY): own for place, own in places.items()}
        for inside, own in {**self.names, **inputs}.items():
            text = text.replace(inside, str(own))
        return text


def attend(program: Program, say: Say, *, timeout: float | None = None) -> str:
    """Runs it as this user, without a network; lines of its stderr go to `say`; returns its stdout.

    Whatever ends it, no container stays. Raises UserError, HostError or RunFailed with the program's own messages;
    RunFailed after `timeout` seconds.
    """
    engine = Engine()
    tag = images.tag(program.image)
    images.require(engine, {tag})
    name = f"clusterbed-once-{uuid.uuid4().hex[:12]}"
    command = [DOCKER, "run", "--rm", "--name", name, "--network", "none", "--label", f"{LABEL_CLUSTER}={ONCE}"]
    command += ["--user", f"{os.getuid()}:{os.getgid()}", "-e", "MPLCONFIGDIR=/tmp/matplotlib"]
    command += ["-e", "OPENCV_LOG_LEVEL=SILENT", *program.options]
    command += ["-v", f"{ROOT / 'cluster_app'}:/app/cluster_app:ro"]
    command += [word for source, place in program.mounts.items() for word in ("-v", f"{source.resolve()}:{place}")]
    command += [tag, "python", "-m", program.module, *program.arguments]
    with tempfile.TemporaryFile("w+") as out:
        # A session of its own: the terminal's Ctrl-C is answered here, in order, and not by the client.
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, start_new_session=True)
        late = _Late(timeout, name)
        try:
            lines = _follow(process, lambda line: say(program.told(line)))
            status = process.wait()
        except BaseException:
            with uninterrupted():
                stop(process)
                _remove(name)
            raise
        finally:
            late.end()
        if late.struck:
            raise RunFailed(f"{program.module}: did not end within {timeout:.0f} s and was ended")
        if status:
            raise _failure(program, status, lines)
        out.seek(0)
        return program.told(out.read())


class _Late:
    """Removes a container after so many seconds, unless `end` comes first; struck: whether it did."""

    def __init__(self, after: float | None, container: str) -> None:
        self.struck = False
        self._timer = threading.Timer(after, self._strike, [container]) if after is not None else None
        if self._timer:
            self._timer.daemon = True
            self._timer.start()

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _strike(self, container: str) -> None:
        self.struck = True
        _remove(container)


def _follow(process: subprocess.Popen[bytes], say: Say) -> list[str]:
    """Passes on what is said; returns it, with the errors kept back for the one place where they are shown."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        text = line.decode(errors="replace").rstrip("\n")
        if not text.startswith(_CHATTER):
            lines.append(text)
            if not text.startswith(_ERROR):
                say(text)
    return lines


def _remove(name: str) -> None:
    # More than once: an interrupted client may have left the engine a request that it still carries out.
    for _ in range(_SEEN):
        run([DOCKER, "rm", "-f", "-v", name], check=False)
        time.sleep(0.3)


def _failure(program: Program, status: int, lines: Sequence[str]) -> Exception:
    messages = [program.told(line.removeprefix(_ERROR)) for line in lines if line.startswith(_ERROR)]
    known = {2: UserError, 3: HostError}.get(status)
    if known and messages:
        return known(*messages)
    last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
    return RunFailed(f"{program.module} ended with status {status}: {program.told(last.removeprefix(_ERROR))}")


def evaluate_output(output: Path, annotations: Path, *, as_json: bool, say: Say) -> str:
    """Accuracy of a job's output, as the text to print. Raises UserError for a folder or file that is not there."""
    _there(output, "OUTPUT", folder=True)
    _there(annotations, "--annotations", folder=False)
    places = {output: f"/output/{output.resolve().name}", annotations: f"/annotations/{annotations.name}"}
    words = ["--output", places[output], "--annotations", places[annotations], *(["--json"] if as_json else [])]
    return attend(Program("cluster_app.evaluate.output", words, _read_only(places)), say)


def evaluate_models(
    data: Path,
    model: Path,
    out: Path,
    *,
    limit: int | None,
    split: str | None,
    threads: int,
    backends: Sequence[str],
    say: Say,
) -> str:
    """Accuracy of all backends on a COCO folder; `out` gets tables, figures and detections. Returns the tables."""
    _there(data, "FOLDER", folder=True)
    _there(model, "--model", folder=True)
    _free(out)
    with _aside(out) as scratch:
        places = {data: f"/data/{data.resolve().name}", model: f"/model/{model.resolve().name}"}
        words = ["--data", places[data], "--model", places[model]]
        words += ["--out", "/out/result", "--threads", str(threads)]
        words += [word for kind in backends for word in ("--backend", kind)]
        words += ["--limit", str(limit)] if limit is not None else []
        words += ["--split", split] if split is not None else []
        mounts = {**_read_only(places), scratch: "/out"}
        text = attend(Program("cluster_app.evaluate.models", words, mounts), say)
        (scratch / "result").replace(out)
    return text


def annotate_video(source: Path, target: Path, model: Path, *, arguments: Sequence[str], force: bool, say: Say) -> str:
    """Draws a model's detections into a video. Raises UserError for what is no video, or a target that is there."""
    _there(source, "IN", folder=False)
    _there(model, "--model", folder=True)
    if target.exists() and (not force or target.is_dir()):
        raise UserError(f"{target}: is there already; give another name{'' if target.is_dir() else ', or --force'}")
    with _aside(target) as scratch:
        places, inside = {source: f"/in/{source.name}", model: f"/model/{model.resolve().name}"}, f"/out/{target.name}"
        words = [places[source], inside, "--model", places[model], *arguments]
        mounts = {**_read_only(places), scratch: "/out"}
        text = attend(Program("cluster_app.evaluate.video", words, mounts, names={inside: target}), say)
        (scratch / target.name).replace(target)
    return text


def table_1(
    model: Path,
    out: Path,
    *,
    say: Say,
    cases: Sequence[tuple[int, int]] = ((15, 20), (78, 25)),
    rounds: int = 5,
    threads: int = 1,
    loads: int = 5,
    sides: Sequence[str] = (),
    limited_cpus: float = LIMITED_CPUS,
) -> dict[str, Any]:
    """The paper's Table 1 with a model folder (R50 at 550 pixels for the paper's figures), bare and in a limited node.

    cases: (seconds of video, frames of it that each side takes). `out`, a new folder, gets bare.jsonl and
    limited.jsonl (raw times), table-1.json and table-1.md. Returns table-1.json's content. With the defaults about
    16 minutes on two cores. The image must have been built: `images.build_all(say, extra=[TABLE_1_IMAGE])`.
    """
    _there(model, "model", folder=True)
    _free(out)
    words = ["--model", "/model", "--videos", "/out/videos", "--rounds", str(rounds), "--threads", str(threads)]
    words += [word for seconds, frames in cases for word in ("--case", f"{seconds}:{frames}")]
    words += [word for side in sides for word in ("--side", side)]
    with _aside(out) as scratch:
        (scratch / "result").mkdir()
        mounts = {model: "/model:ro", scratch: "/out"}
        nodes = {"bare": None, "limited": limited_cpus}
        for node, cpus in nodes.items():
            own = ["--node", node, "--out", f"/out/result/{node}.jsonl"]
            own += ["--loads", str(loads)] if cpus is None else ["--cpus", str(cpus)]
            options = [] if cpus is None else ["--cpus", str(cpus)]
            measuring = "cluster_app.evaluate.video_benchmark"
            attend(Program(measuring, [*words, *own], mounts, TABLE_1_IMAGE, options), say)
        records = [f"/out/result/{node}.jsonl" for node in nodes]
        arguments = ["--records", *records, "--out", "/out/result/table-1.json"]
        text = attend(Program("cluster_app.evaluate.table_1", arguments, {scratch: "/out"}, TABLE_1_IMAGE), say)
        (scratch / "result" / "table-1.md").write_text(text)
        (scratch / "result").replace(out)
    content: dict[str, Any] = json.loads((out / "table-1.json").read_text())
    return content


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A folder beside the target, so that moving what was made there is a rename; removed at the end."""
    parent = target.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=parent))
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}; give another place") from None
    try:
        yield scratch
    finally:
        with uninterrupted():
            shutil.rmtree(scratch, ignore_errors=True)


def _read_only(places: Mapping[Path, str]) -> dict[Path, str]:
    return {own: place + _READ_ONLY for own, place in places.items()}


def _there(path: Path, what: str, *, folder: bool) -> None:
    if not path.exists():
        raise UserError(f"{what}={path}: there is no such {'folder' if folder else 'file'}")
    if path.is_dir() != folder:
        raise UserError(f"{what}={path}: is a {'file; give a folder' if folder else 'folder; give a file'}")
    if ":" in str(path.resolve()):
        raise UserError(f"{what}={path}: Docker mounts no path with a colon in it; rename it, or give a copy")


def _free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: is there already; give a folder that is not, or remove it")
