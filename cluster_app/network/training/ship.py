"""The files that the repository ships of a training: weights, how they came about, and the log."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from cluster_app.network.configurations import CONFIGURATIONS, configuration
from cluster_app.network.manifest import sha256
from cluster_app.network.model import Yolact
from cluster_app.network.training.classes import CATEGORIES
from cluster_app.network.training.held_out import accuracy
from cluster_app.network.training.recipe import Settings
from cluster_app.network.training.state import save_tensors
from cluster_app.network.training.train import LOG, WEIGHTS
from cluster_app.network.weights import load_weights

SCHEMA = 1
LEAST_AP = 0.55
COMMAND = "make train"
_COUNTER = "num_batches_tracked"  # a count of training's steps, no number of the network


def ship(name: str, settings: Settings, run: Path, scenes: Mapping[str, Path], out: Path) -> dict[str, Any]:
    """Write OUT/NAME.pth, NAME.json and NAME-log.jsonl; returns what NAME.json says.

    run: the training's folder. scenes: COCO folders by split, of which "val" measures the weights as they are stored,
    rounded to FP16. Raises RuntimeError if the mask AP is under 0.55, and then leaves older files as they are.
    """
    aside = out / f".{name}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    names = {"weights": f"{name}.pth", "log": f"{name}-log.jsonl", "summary": f"{name}.json"}
    state = torch.load(run / WEIGHTS, map_location="cpu", weights_only=True)
    save_tensors(aside / names["weights"], halved(state))
    shutil.copyfile(run / LOG, aside / names["log"])

    model = Yolact(configuration(settings.configuration))
    load_weights(model, aside / names["weights"])
    measured = accuracy(model, scenes["val"])
    summary = _summary(name, settings, model, aside, names, scenes, measured)
    text = json.dumps(summary, indent=2, allow_nan=False)
    (aside / names["summary"]).write_text(text + "\n", encoding="utf-8")
    reached = float(measured["mask"]["AP"]["value"])
    if reached < LEAST_AP:
        raise RuntimeError(
            f"mask AP is {reached:.3f} on the held-out scenes; at least {LEAST_AP} is asked for ({aside})"
        )
    for file in names.values():
        (aside / file).replace(out / file)
    aside.rmdir()
    return summary


def halved(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state as FP16, without the counters. Raises RuntimeError for a value that FP16 does not hold."""
    rounded = {key: value.half() for key, value in state.items() if not key.endswith(_COUNTER)}
    beyond = [key for key, value in rounded.items() if not torch.isfinite(value).all()]
    if beyond:
        raise RuntimeError(f"FP16 does not hold the values of {', '.join(beyond)}")
    return rounded


def _summary(
    name: str,
    settings: Settings,
    model: Yolact,
    folder: Path,
    names: Mapping[str, str],
    scenes: Mapping[str, Path],
    measured: Mapping[str, Any],
) -> dict[str, Any]:
    log = [json.loads(line) for line in (folder / names["log"]).read_text(encoding="utf-8").splitlines()]
    last = log[-1]
    weights = folder / names["weights"]
    return {
        "schema": SCHEMA,
        "name": name,
        "command": COMMAND,
        "configuration": asdict(CONFIGURATIONS[settings.configuration]),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "categories": list(CATEGORIES),
        "weights": {
            "file": names["weights"],
            "bytes": weights.stat().st_size,
            "sha256": sha256(weights),
            "storage": "FP16",
            "what": "moving average of the weights, batch norms' statistics with them",
        },
        "training": {
            "settings": asdict(settings),
            "torch": torch.__version__,
            "images_seen": last["images"],
            "steps": last["step"],
            "cpu_seconds": last["cpu_seconds"],
            "active_seconds": last["active_seconds"],
            "loss_first": log[0]["loss"],
            "loss_last": last["loss"],
            "log": names["log"],
        },
        "data": {split: _described(folder) for split, folder in scenes.items()},
        "held_out": measured,
    }


def _described(folder: Path) -> dict[str, Any]:
    path = folder / "annotations.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    return {**content["info"], "objects": len(content["annotations"]), "annotations_sha256": sha256(path)}
