"""How the network is initialised and optimised: all numbers that a training depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import nn

from cluster_app.network.model import Yolact


@dataclass(frozen=True)
class Settings:
    """All that a training's result depends on, beside the machine's arithmetic."""

    configuration: str = "small"
    epochs: int = 5
    batch: int = 16
    seed: int = 0
    threads: int = 2
    learning_rate: float = 1.5e-3  # AdamW's, at its highest
    weight_decay: float = 0.02
    warm_up: int = 150  # steps
    lowest: float = 0.01  # share of the learning rate that the cosine ends with
    average: float = 0.998  # decay of the weights' moving average
    gradient: float = 10.0  # largest norm
    data_sha256: str = ""


def initialise(model: Yolact) -> None:
    """He initialisation of the convolutions, Xavier's where no ReLU follows, and outputs that begin near 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for layer in (*model.fpn.lat_layers, *model.fpn.downsample_layers):
        nn.init.xavier_uniform_(layer.weight)
    for layer in _outputs(model):
        nn.init.normal_(layer.weight, std=0.01)


def learning_rate(settings: Settings, step: int, steps: int) -> float:
    """Rises in a line for the first steps, then falls as a cosine. step counts from 1."""
    if step <= settings.warm_up:
        return settings.learning_rate * step / settings.warm_up
    done = (step - settings.warm_up) / max(1, steps - settings.warm_up)
    cosine = 0.5 * (1 + math.cos(math.pi * done))
    return settings.learning_rate * (settings.lowest + (1 - settings.lowest) * cosine)


def _outputs(model: Yolact) -> tuple[nn.Conv2d, ...]:
    head = model.prediction_layers[0]
    return head.bbox_layer, head.conf_layer, head.mask_layer, model.semantic_seg_conv


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Kernels decay; biases and batch norms do not."""
    kernels = [value for value in model.parameters() if value.ndim > 1]
    others = [value for value in model.parameters() if value.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
