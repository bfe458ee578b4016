"""GROUP=model: what each precision and library costs, what stands around the network, conversion, accuracy, Table 1."""

from __future__ import annotations

import json
from collections.abc import Sequence

from experiments.bench import model_figures as figures
from experiments.bench.containers import Photographs, build, scenes, speed
from experiments.bench.model_figures import FP16, FP32, INT8, POST, PRE, TORCH
from experiments.bench.types import Bench, Group, Record, Step
from experiments.cluster.calibration import host_seconds_per_image
from experiments.host import capacity, evaluation, images, models
from experiments.host.paths import ARTEFACTS, ROOT
from experiments.photographs import collect

# Photographs as large as COCO's, and up to a megapixel.
LEAST_SIDE, MOST_PIXELS = 600, 1_000_000
SCENES = 300
# Seconds of video, and how many of its frames each backend takes.
CASES = ((15, 20), (78, 25))


def _r50(bench: Bench, *, full: bool = False) -> models.Model:
    size = models.DEMO_SIZE if bench.quick else models.PAPER_SIZE
    return models.build(None, [size], bench.say, full=full)[size]


def _photographs(**limits: int) -> Photographs:
    folder = ARTEFACTS / "calibration-photographs"
    collect(folder, malformed=False)
    return Photographs(folder, **limits)


def calibration(bench: Bench) -> Sequence[Record]:
    """Seconds per image of the host calibration, repeated. For every group that has absolute figures."""
    model = _r50(bench)
    return [{"seconds": host_seconds_per_image(model)} for _ in range(bench.repeats(3))]


def _openvino_and_torch(bench: Bench) -> Sequence[Record]:
    return _interleaved(bench, "builder", _r50(bench), [TORCH, FP32], 20)


def _int8_and_fp32(bench: Bench) -> Sequence[Record]:
    return _interleaved(bench, "python", _r50(bench, full=True), [FP32, INT8], 30)


def _interleaved(bench: Bench, image: str, model: models.Model, sides: Sequence[str], rounds: int) -> Sequence[Record]:
    flags = [flag for flag in sorted(capacity.measure(ROOT).cpu_flags) if flag.startswith(("avx", "amx"))]
    times = speed(image, model.folder, _photographs(), sides, rounds=bench.repeats(rounds), say=bench.say)
    return [{"flags": flags}, *times]


def _around_the_network(bench: Bench) -> Sequence[Record]:
    photographs = _photographs(least_side=LEAST_SIDE, most_pixels=MOST_PIXELS)
    repeats = bench.repeats(44)
    return speed("python", _r50(bench).folder, photographs, [FP32, PRE, POST], rounds=repeats, say=bench.say)


def _conversion(bench: Bench) -> Sequence[Record]:
    size = str(models.DEMO_SIZE if bench.quick else models.PAPER_SIZE)
    words = ["--configuration", "r50", "--size", size]
    folder = _photographs().folder
    plain = build(bench.scratch / "plain", folder, words, bench.say)
    return [plain, build(bench.scratch / "full", folder, [*words, "--full"], bench.say)]


def _accuracy(bench: Bench) -> Sequence[Record]:
    model = models.trained(bench.say)
    data = scenes(bench.scratch / "scenes", _photographs().folder, 12 if bench.quick else SCENES, bench.say)
    out = bench.scratch / "accuracy"
    evaluation.evaluate_models(
        data, model.folder, out, limit=None, split=None, threads=1, backends=[FP32, FP16, INT8], say=bench.say
    )
    return [json.loads((out / "accuracy.json").read_text())]


def _video(bench: Bench) -> Sequence[Record]:
    images.build_all(bench.say, extra=[evaluation.TABLE_1_IMAGE])
    out = bench.scratch / "table-1"
    cases, loads = (((1, 5),), 1) if bench.quick else (CASES, 5)
    table = evaluation.table_1(_r50(bench, full=True).folder, out, say=bench.say, cases=cases, loads=loads)
    lines = [
        {"node": node, **json.loads(line)}
        for node in ("bare", "limited")
        for line in (out / f"{node}.jsonl").read_text().splitlines()
    ]
    return [{"table": table}, *lines]


_CODE = (
    "cluster_app/backends/",
    "cluster_app/evaluate/",
    "cluster_app/network/",
    "cluster_app/pipeline/arithmetic.py",
    "cluster_app/pipeline/decoding.py",
    "cluster_app/pipeline/embedding.py",
    "cluster_app/tasks/",
    "docker/base/",
    "docker/builder/",
    "docker/openvino-2021/",
    "docker/python/",
    "experiments/bench/containers.py",
    "experiments/bench/gate.py",
    "experiments/bench/model",
    "experiments/bench/statistics.py",
    "experiments/host/",
    "experiments/photograph",
)

MODEL = Group(
    "model",
    (
        Step("calibration", 60, calibration, figures.calibration),
        Step("openvino-over-torch", 90, _openvino_and_torch, figures.openvino_over_torch),
        Step("int8-over-f32", 60, _int8_and_fp32, figures.int8_over_f32),
        Step("around-the-network", 90, _around_the_network, figures.around_the_network),
        Step("conversion", 500, _conversion, figures.conversion),
        Step("accuracy", 240, _accuracy, figures.accuracy, timed=False),
        Step("video", 1000, _video, figures.video),
    ),
    code=_CODE,
)
