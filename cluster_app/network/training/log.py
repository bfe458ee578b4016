"""The log of a training: a line of JSON into a file, and one for people, every so many steps."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cluster_app.network.training.recipe import learning_rate

if TYPE_CHECKING:
    from cluster_app.network.training.train import Training


def append(path: Path, training: Training, recent: Sequence[dict[str, float]]) -> None:
    """One line into the log and one for people: means of the losses since the last line."""
    means = {name: round(sum(one[name] for one in recent) / len(recent), 4) for name in recent[0]}
    watch, batch = training.watch, training.settings.batch
    rate = batch / watch.step if watch.step else 0.0
    entry = {
        "step": training.step,
        "epoch": round(training.step / training.steps_per_epoch, 3),
        "images": training.step * batch,
        "loss": means,
        "learning_rate": round(learning_rate(training.settings, training.step, training.steps), 7),
        "images_per_second": round(rate, 2),
        "cpu_seconds": round(watch.cpu, 1),
        "active_seconds": round(watch.active, 1),
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    left = (training.steps - training.step) * watch.step
    shown = " ".join(f"{name} {value:.3f}" for name, value in means.items())
    print(
        f"step {training.step}/{training.steps}  epoch {entry['epoch']:.2f}/{training.settings.epochs}  "
        f"{rate:.1f} images/s  {shown}  {left / 60:.0f} min left",
        file=sys.stderr,
        flush=True,
    )


def cut(path: Path, step: int) -> None:
    """Drop the lines of steps that are not in the checkpoint: they will be made again."""
    if not path.exists():
        return
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _step_of(line) <= step]
    aside = path.with_name(f".{path.name}.part")
    aside.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    aside.replace(path)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return math.inf  # the last line of a training that was killed while it wrote
