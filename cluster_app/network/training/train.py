"""Trains a network on a COCO folder: `python -m cluster_app.network.training.train --data DIR --out DIR`.

OUT/checkpoint.pth is written every 100 steps and after each epoch; the same command goes on from there.
OUT/log.jsonl has a line every 50 steps. At the end OUT/weights.pth holds the averaged weights (FP32 state_dict).
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import torch
from torch import nn

from cluster_app.network.configurations import CONFIGURATIONS, configuration
from cluster_app.network.model import Yolact
from cluster_app.network.training import data, log, state
from cluster_app.network.training.loss import Objects, loss
from cluster_app.network.training.normalised import folded, normalise
from cluster_app.network.training.recipe import Settings, initialise, learning_rate, parameter_groups
from cluster_app.tasks.yolact.priors import make_priors

CHECKPOINT, LOG, WEIGHTS = "checkpoint.pth", "log.jsonl", "weights.pth"
INTERRUPTED = 130
_LOG_EVERY, _SAVE_EVERY = 50, 100


class Training:
    """A network in training: one step after another, with everything that a checkpoint must hold."""

    def __init__(self, settings: Settings, images: Sequence[data.Annotated]) -> None:
        if len(images) < settings.batch:
            raise ValueError(f"the data has {len(images)} images; a batch needs {settings.batch}")
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.images = images
        self.config = configuration(settings.configuration)
        self.model = Yolact(self.config)
        initialise(self.model)
        normalise(self.model)
        self.model = self.model.to(memory_format=torch.channels_last).train()
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self.model, settings.weight_decay), lr=settings.learning_rate
        )
        self.average = state.Average(self.model, settings.average)
        self.priors = torch.from_numpy(make_priors(self.config))
        self.watch = state.Stopwatch(time.monotonic, time.process_time)
        self.step = 0

    @property
    def steps_per_epoch(self) -> int:
        return len(self.images) // self.settings.batch

    @property
    def steps(self) -> int:
        return self.settings.epochs * self.steps_per_epoch

    def learn(self, batch: data.Batch) -> dict[str, float]:
        """One step; returns the parts of the loss. Raises RuntimeError if it is not a number."""
        self.step += 1
        for group in self.optimiser.param_groups:
            group["lr"] = group["scale"] * learning_rate(self.settings, self.step, self.steps)
        images = torch.from_numpy(batch.images).contiguous(memory_format=torch.channels_last)
        objects = [
            Objects(torch.from_numpy(one.boxes), torch.from_numpy(one.classes), torch.from_numpy(one.masks))
            for one in batch.targets
        ]
        levels = self.model.fpn(self.model.backbone(images))
        semantic = self.model.semantic_seg_conv(levels[0])
        parts = loss(self.model.predict(levels), semantic, objects, self.priors, self.config.variances)
        total = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(total):
            raise RuntimeError(f"the loss is {float(total)} in step {self.step}: lower the learning rate")
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.gradient)
        self.optimiser.step()
        self.average.update(self.model, self.step)
        return {name: float(part) for name, part in parts.items()}

    def save(self, path: Path) -> None:
        """Everything that the next step depends on, and the times spent."""
        about = {
            "settings": asdict(self.settings),
            "step": self.step,
            "cpu_seconds": self.watch.cpu,
            "active_seconds": self.watch.active,
        }
        tensors = {
            "model": self.model.state_dict(),
            "average": self.average.state,
            "moments": self.optimiser.state_dict()["state"],
        }
        state.save(path, about, tensors)

    def resume(self, path: Path) -> bool:
        """Go on from that checkpoint, if it is there. Raises ValueError for one of other settings."""
        saved = state.load(path, asdict(self.settings))
        if saved is None:
            return False
        about, tensors = saved
        self.step = about["step"]
        self.watch.cpu, self.watch.active = about["cpu_seconds"], about["active_seconds"]
        self.model.load_state_dict(tensors["model"])
        self.average.state = tensors["average"]
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": tensors["moments"], "param_groups": groups})
        return True


def run(training: Training, out: Path, stop: Sequence[int] = ()) -> bool:
    """Train to the end, or until stop is no longer empty; True if the end was reached.

    Goes on from the folder's checkpoint, if there is one. Raises ValueError for one of other settings.
    """
    out.mkdir(parents=True, exist_ok=True)
    if training.resume(out / CHECKPOINT):
        print(f"going on after step {training.step} of {training.steps}", file=sys.stderr, flush=True)
    log.cut(out / LOG, training.step)
    training.watch.start()
    recent: list[dict[str, float]] = []
    while training.step < training.steps:
        epoch, first = divmod(training.step, training.steps_per_epoch)
        settings = training.settings
        for batch in data.batches(training.images, training.config, settings.batch, settings.seed, epoch, first):
            recent.append(training.learn(batch))
            training.watch.lap()
            if training.step % _LOG_EVERY == 0 or training.step == training.steps:
                log.append(out / LOG, training, recent)
                recent = []
            if stop or training.step % _SAVE_EVERY == 0:
                training.save(out / CHECKPOINT)
            if stop:
                return False
        training.save(out / CHECKPOINT)
    state.save_tensors(out / WEIGHTS, folded(Yolact(training.config), training.average.state))
    return True


def with_data(settings: Settings, folder: Path) -> Settings:
    """The settings with the digest of the folder's annotations. Raises ValueError if there are none."""
    path = folder / "annotations.json"
    if not path.is_file():
        raise ValueError(f"{path} is missing; give a COCO folder with images/ and annotations.json")
    return replace(settings, data_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def finish(settings: Settings, folder: Path, out: Path) -> bool:
    """Train to the end, with a message if interrupted (SIGINT, SIGTERM), which is then False.

    Raises ValueError for bad data or a checkpoint of other settings, RuntimeError if the loss is no number.
    """
    stop: list[int] = []
    before = {
        number: signal.signal(number, lambda received, _: stop.append(received))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(1)  # the loader's one thread is enough; the cores are the network's
    try:
        images = data.read_folder(folder, configuration(settings.configuration).num_classes - 1)
        training = Training(settings, images)
        finished = run(training, out, stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not finished:
        print(f"interrupted after step {training.step}; the same command goes on from there", file=sys.stderr)
    return finished


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 the training failed, 2 bad input, 130 interrupted (the same command goes on)."""
    options = _parse(arguments)
    try:
        chosen = {key: value for key, value in vars(options).items() if key not in ("data", "out")}
        finished = finish(with_data(Settings(**chosen), options.data), options.data, options.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if finished else INTERRUPTED


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster_app.network.training.train", description=__doc__)
    default = Settings()
    parser.add_argument("--data", type=Path, required=True, help="COCO folder: images/ and annotations.json")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint, log and weights")
    parser.add_argument("--configuration", choices=sorted(CONFIGURATIONS), default=default.configuration)
    parser.add_argument("--epochs", type=int, default=default.epochs)
    parser.add_argument("--batch", type=int, default=default.batch)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--threads", type=int, default=default.threads)
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate)
    parser.add_argument("--warm-up", type=int, default=default.warm_up)
    parser.add_argument("--average", type=float, default=default.average)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
