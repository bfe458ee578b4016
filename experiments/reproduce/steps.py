"""The steps of the workflow: what each leaves, how long the rest of it takes, how it is made. A made one is kept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from experiments.bench.groups import measured_with, outdated
from experiments.bench.store import BENCH, read_latest
from experiments.claims.sources import SYNCHRONY
from experiments.cli.output import progress
from experiments.cluster.interrupts import uninterrupted
from experiments.errors import HostError, RunFailed
from experiments.host import evaluation, models
from experiments.host.alone import alone
from experiments.host.evaluation import Program, attend
from experiments.host.paths import ARTEFACTS, MODELS
from experiments.matrix.plan import Plan
from experiments.matrix.preset import load_preset, shipped_presets
from experiments.photographs import collect
from experiments.reproduce.boundary import boundary_fact
from experiments.run_report.facts import collect as collect_facts
from experiments.run_report.facts import write_facts
from experiments.runner import artefacts, identity, runs
from experiments.runner.progress import ENDED, TRIAL
from experiments.store import contents, packing
from experiments.store.records import RECORDS, load

# First the host's noise floor, then the paper's tables; presets that are not named follow by name.
FIRST = ("aa", "table-1", "table-2", "tables-3-4", "table-5", "table-6", "table-7", "table-8", "table-10", "reader")
# Hours on two cores: only where it is asked for.
ONLY_ASKED_FOR = ("table-10-full",)
EVALUATION, ACCURACY = "evaluation", "accuracy.json"
# Models of the presets: configuration, side of the input in pixels, seconds that a build takes on two cores.
# The paper's own comes first: what its manifest says is what the claims are about.
BUILT = (("r50", models.PAPER_SIZE, 420.0), ("small", models.SMALL_SIZE, 90.0))
SCENES = 300
_EVALUATION_SECONDS, _REPORT_SECONDS = 240.0, 30.0
# Claim S3 on R50 with a small input: six trials a repeat, some 70 s each.
_SYNCHRONY_REPEATS = 5
_SYNCHRONY = ("--size", str(models.DEMO_SIZE), "--images", "90", "--repeats", str(_SYNCHRONY_REPEATS))
_EVIDENCE = "evidence"
_SYNCHRONY_TRIALS, _SYNCHRONY_SECONDS = 6 * _SYNCHRONY_REPEATS, 2160.0

Report = Callable[[Path], object]


@dataclass(frozen=True)
class Step:
    """seconds: what is left of it, about; 0 where nothing is. make: makes what is left. says: what it is for.

    needed: nothing after it can be made without it.
    """

    name: str
    says: str
    seconds: float
    make: Callable[[], object]
    needed: bool = False


def order(asked: Sequence[str]) -> list[str]:
    """The presets asked for; without any all that ship but for those that take hours, and claim S3's experiment."""
    if asked:
        return list(dict.fromkeys(asked))
    rest = [name for name in shipped_presets() if name not in (*FIRST, *ONLY_ASKED_FOR)]
    return [*FIRST, *rest, SYNCHRONY]


def steps(folder: Path, presets: Sequence[str], changes: Sequence[str], report: Report) -> Iterator[Step]:
    """In the workflow's order. Raises UserError for a preset or a change that is wrong, before anything is made."""
    models_ = partial(_alone, _models)
    yield Step("models", "Torch, ONNX, OpenVINO in FP32, FP16, INT8", _models_left(), models_, needed=True)
    evaluated = (folder / EVALUATION / ACCURACY).exists()
    seconds = 0.0 if evaluated else _EVALUATION_SECONDS
    yield Step(
        EVALUATION,
        "accuracy of each library on held-out scenes",
        seconds,
        partial(_alone, partial(_evaluation, folder)),
    )
    for name in presets:
        if name == SYNCHRONY:
            yield _synchrony_step(folder)
            continue
        plan = runs.plan_of(name, changes)
        left = trials_left(plan, folder / plan.preset.name)
        make = partial(_preset, folder, name, changes)
        yield Step(plan.preset.name, plan.preset.title, plan.seconds.seconds * left / max(1, plan.trials), make)
    yield Step("report", "figures, claims, report.html", _REPORT_SECONDS, partial(_report, folder, report))


def trials_left(plan: Plan, folder: Path) -> int:
    """Of a plan's trials, those that have no ended record yet of what the plan now says of their cell; a guess where
    something else has changed since, such as the container images.
    """
    records, known = load(folder / RECORDS).records, contents.load(folder).by_hash
    wanted = {one.cell.name: json.loads(json.dumps(identity.of_plan(one), default=dict)) for one in plan.runnable}

    def stands(record: Mapping[str, Any]) -> bool:
        now = wanted.get(record["cell"])
        if now is None:
            return False
        before = known.get(record["hash"], now)
        return all(before.get(key) == value for key, value in now.items())

    ended = [one for one in records if one["kind"] == TRIAL and one["status"] in ENDED and stands(one)]
    done = len({(one["cell"], one["round"]) for one in ended if one["round"] <= plan.preset.repeats})
    # Warm-ups go with a block: a run of which nothing is left makes none.
    return 0 if done >= plan.preset.repeats * len(wanted) else max(0, plan.trials - done)


def _alone(make: Callable[[], object]) -> None:
    """Work that would be measured by a run beside it."""
    with alone():
        make()


def _models_left() -> float:
    """A guess by name: whether a model is up to date is found when it is asked for."""
    built = {path.parent.name for path in MODELS.glob("*/*/int8.xml")}
    return sum(seconds for name, size, seconds in BUILT if f"yolact-{name}-{size}" not in built)


def _models() -> list[models.Model]:
    return [artefacts.model(name, size, True, progress) for name, size, _ in BUILT]


def _evaluation(folder: Path) -> None:
    """All libraries on held-out scenes with the trained network; kept while the model stays the same."""
    model, target = models.trained(progress), folder / EVALUATION
    stamp = target / "model.txt"
    if stamp.exists() and stamp.read_text() == f"{model.folder.parent.name}\n":
        return
    shutil.rmtree(target, ignore_errors=True)
    data = _scenes()
    evaluation.evaluate_models(data, model.folder, target, limit=None, split=None, threads=1, backends=(), say=progress)
    shutil.rmtree(target / "detections")
    stamp.write_text(f"{model.folder.parent.name}\n")


def _scenes() -> Path:
    """Held-out synthetic scenes as a COCO folder, made once."""
    photographs, target = ARTEFACTS / "calibration-photographs", ARTEFACTS / f"held-out-scenes-{SCENES}"
    if not target.exists():
        collect(photographs, malformed=False)
        partial_ = target.with_name(f".{target.name}.partial")
        shutil.rmtree(partial_, ignore_errors=True)
        partial_.mkdir(parents=True)
        arguments = ["--out", "/out/val", "--photos", "/photographs", "--split", "val", "--count", str(SCENES)]
        mounts = {photographs: "/photographs:ro", partial_: "/out"}
        attend(Program("cluster_app.network.training.scenes", arguments, mounts), progress)
        (partial_ / "val").rename(target)
        partial_.rmdir()
    return target


def _preset(folder: Path, name: str, changes: Sequence[str]) -> None:
    preset = load_preset(name, changes)
    target = folder / preset.name
    plan = runs.run_in(target, preset, changes, resume=(target / runs.PRESET).exists(), packed=True)
    progress(runs.verdict(target, plan))


def _synchrony_step(folder: Path) -> Step:
    left = max(0, _SYNCHRONY_TRIALS - _lines(folder / SYNCHRONY / "trials.jsonl"))
    seconds = _SYNCHRONY_SECONDS * left / _SYNCHRONY_TRIALS
    return Step(SYNCHRONY, "does a slow node hold the others up (S3)", seconds, partial(_synchrony, folder))


def _synchrony(folder: Path) -> None:
    """A program of its own, which keeps its trials, and takes its cluster down also when it is interrupted."""
    command = [sys.executable, "-m", "experiments.synchrony", *_SYNCHRONY, "--out", str(folder / SYNCHRONY)]
    # In a session of its own: the terminal's Ctrl-C is answered here, and passed on once.
    with subprocess.Popen(command, stdout=sys.stderr, start_new_session=True) as process:
        try:
            status = process.wait()
        except BaseException:
            with uninterrupted():
                process.terminate()
                process.wait()
            raise
    packing.pack(folder / SYNCHRONY, [_EVIDENCE])
    if status:
        error = HostError if status == HostError.exit_status else RunFailed
        raise error(f"{SYNCHRONY}: ended with status {status}; its own message stands above")


def _report(folder: Path, report: Report) -> None:
    stale = outdated(read_latest(BENCH), measured_with())
    facts = collect_facts((model.folder / "manifest.json" for model in _models()), stale=stale)
    accuracy = folder / EVALUATION / ACCURACY
    if accuracy.exists():
        content: dict[str, Any] = json.loads(accuracy.read_text(encoding="utf-8"))
        facts |= boundary_fact(content)
    write_facts(facts, folder)
    report(folder)


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0
