"""How the network is initialised and optimised: all numbers that a training depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cluster_app.network.model import Yolact
from cluster_app.network.training.loss import NEGATIVES_PER_POSITIVE

_SHARE_OF_A_CLASS = 0.02  # of the cells of a picture


UNNORMALISED_RATE = 0.5  # of the learning rate, see parameter_groups
_UNNORMALISED = ("prediction_layers.", "semantic_seg_conv.", "proto_net.10.")


@dataclass(frozen=True)
class Settings:
    """All that a training's result depends on, beside the machine's arithmetic."""

    configuration: str = "small"
    epochs: int = 3
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
    """A start from which every output is small and at its likely value.

    Residual branches begin with small gains, and the biases say how often a class is right: in a quarter of the
    priors that are compared (three negatives for each positive), and in a fiftieth of the picture. The rest is He's
    initialisation, or Xavier's where sums follow.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif name.endswith("bn3"):
            nn.init.constant_(module.weight, 0.25)
    for layer in model.fpn.lat_layers:
        nn.init.xavier_uniform_(layer.weight, gain=0.5)
    for layer in (*model.fpn.pred_layers, *model.fpn.downsample_layers):
        nn.init.xavier_uniform_(layer.weight)
    prototypes, head, classes = model.proto_net[-1], model.prediction_layers[0], model.config.num_classes
    nn.init.kaiming_normal_(prototypes.weight, mode="fan_out", nonlinearity="linear")
    nn.init.constant_(prototypes.bias, 0.1)
    for layer in (head.bbox_layer, head.conf_layer, head.mask_layer, model.semantic_seg_conv):
        nn.init.normal_(layer.weight, std=0.01)
    with torch.no_grad():
        head.conf_layer.bias[::classes] = math.log(NEGATIVES_PER_POSITIVE * (classes - 1))
        model.semantic_seg_conv.bias.fill_(-math.log(1 / _SHARE_OF_A_CLASS - 1))


def learning_rate(settings: Settings, step: int, steps: int) -> float:
    """Rises in a line for the first steps, then falls as a cosine. step counts from 1."""
    if step <= settings.warm_up:
        return settings.learning_rate * step / settings.warm_up
    done = (step - settings.warm_up) / max(1, steps - settings.warm_up)
    cosine = 0.5 * (1 + math.cos(math.pi * done))
    return settings.learning_rate * (settings.lowest + (1 - settings.lowest) * cosine)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Kernels decay; biases and batch norms do not. What no batch norm follows learns at a part of the rate ("scale").

    Adam moves each weight by as much whatever its gradient: behind 576 inputs above 0 that add up, the full rate
    shifts an output by more than its size within some steps.
    """
    groups = []
    for kernel in (True, False):
        for normalised in (True, False):
            chosen = [
                value
                for name, value in model.named_parameters()
                if (value.ndim > 1) == kernel and name.startswith(_UNNORMALISED) != normalised
            ]
            decay = weight_decay if kernel else 0.0
            groups.append({"params": chosen, "weight_decay": decay, "scale": 1.0 if normalised else UNNORMALISED_RATE})
    return groups
