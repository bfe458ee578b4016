"""From the PyTorch network to ONNX, as the paper exports it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from cluster_app.network.model import Yolact
from cluster_app.tasks.yolact.config import INPUT_NAME, OUTPUT_NAMES
from cluster_app.tasks.yolact.priors import make_priors

OPSET = 11
PRIORS_NAME = "priors"


class _WithPriors(nn.Module):
    """The published network returns its priors beside the predictions; so the exported graph holds them."""

    priors: torch.Tensor

    def __init__(self, model: Yolact) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("priors", torch.from_numpy(make_priors(model.config)))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (*self.model(x), self.priors)


def export_onnx(model: Yolact, path: Path) -> None:
    """Write ONNX opset 11: input (1, 3, S, S) float32; loc, conf, mask, proto before post-processing; priors.

    All sizes are constants: those of the feature pyramid follow from S, and nothing is scripted.
    """
    side = model.config.image_size
    torch.onnx.export(
        _WithPriors(model).eval(),
        torch.zeros(1, 3, side, side),
        str(path),
        opset_version=OPSET,
        input_names=[INPUT_NAME],
        output_names=[*OUTPUT_NAMES, PRIORS_NAME],
    )
