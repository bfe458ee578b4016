"""What a training carries from step to step, and how it gets through an interruption."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

_GAP = 4.0  # a step of so many times the usual length was a pause, not work
_REMEMBERED = 50


class Average:
    """An exponential moving average of a model's parameters and running statistics.

    The decay grows from 0.1 to its final value, so that the average forgets the first steps soon.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def update(self, model: nn.Module, step: int) -> None:
        """step: of the training, from 1."""
        decay = min(self.decay, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                if value.dtype.is_floating_point:
                    self.state[name].lerp_(value, 1 - decay)
                else:
                    self.state[name].copy_(value)


@dataclass
class Stopwatch:
    """Seconds spent: of the processor, and of time without pauses.

    clock and processor are in seconds. A step that takes more than four times the median of the last ones was
    held up from outside (a paused container, a sleeping machine), and counts as the median.
    """

    clock: Callable[[], float]
    processor: Callable[[], float]
    cpu: float = 0.0
    active: float = 0.0
    _steps: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _at: tuple[float, float] = (0.0, 0.0)

    def start(self) -> None:
        self._at = (self.clock(), self.processor())

    def lap(self) -> None:
        """The end of a step, and the start of the next."""
        now = (self.clock(), self.processor())
        took = now[0] - self._at[0]
        if len(self._steps) >= 5 and took > _GAP * median(self._steps):
            took = median(self._steps)
        self._steps.append(took)
        self.active += took
        self.cpu += now[1] - self._at[1]
        self._at = now

    @property
    def step(self) -> float:
        """The usual length of a step, in seconds."""
        return median(self._steps) if self._steps else 0.0


def save(path: Path, about: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
    """Write aside, then rename: the file is the old one or the new one, never half of it.

    about: plain data that JSON holds; tensors: nested dictionaries of tensors. They are apart because torch.load
    restricted to tensors, which is how `load` reads, knows no floating-point numbers.
    """
    save_tensors(path, {"about": json.dumps(dict(about)), **tensors})


def save_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """As `save`, of a state_dict alone."""
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as file:
        torch.save(dict(content), file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def load(path: Path, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What `save` was given, or None if there is no checkpoint yet. about["settings"] must be these.

    Raises ValueError for a file that is no checkpoint, or one of a training with other settings, which it names.
    """
    if not path.exists():
        return None
    try:
        tensors = dict(torch.load(path, map_location="cpu", weights_only=True))
        about = json.loads(tensors.pop("about"))
        before = about["settings"]
    except Exception as error:  # torch raises many kinds for a file that is no checkpoint
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is not a checkpoint of this training: {cause}; remove it to begin anew") from error
    other = [
        f"{key} was {before.get(key)!r}, is {value!r}" for key, value in settings.items() if before.get(key) != value
    ]
    if other:
        raise ValueError(f"{path} is of a training with other settings ({'; '.join(other)}); give another folder")
    return about, tensors
