"""Batch norms where the published network has none, while it trains.

Without them pyramid and prototypes learn only at a small rate: Adam moves each weight by as much whatever its
gradient, and behind hundreds of inputs above 0 that add up the prototypes' ReLU closes and never opens again. A
batch norm behind a convolution is a part of that convolution once its statistics are fixed, so the trained network
has the published parts, names and shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cluster_app.network.model import Yolact

Layers = nn.ModuleList | nn.Sequential


def normalise(model: Yolact) -> None:
    """Put a batch norm behind each convolution of the pyramid, and of the prototypes but the last."""
    for layers, index in list(_places(model)):
        layers[index] = nn.Sequential(layers[index], nn.BatchNorm2d(layers[index].out_channels))


def folded(model: Yolact, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state_dict, under the published names, that gives in evaluation what that state of a normalised one gives.

    model: of the same configuration, not normalised; it is changed.
    """
    places = list(_places(model))
    normalise(model)
    model.load_state_dict(state)
    model.eval()
    for layers, index in places:
        layers[index] = fuse_conv_bn_eval(*layers[index])
    return model.state_dict()


def _places(model: Yolact) -> Iterator[tuple[Layers, int]]:
    for layers in (model.fpn.lat_layers, model.fpn.pred_layers, model.fpn.downsample_layers):
        yield from ((layers, index) for index in range(len(layers)))
    prototypes = model.proto_net
    yield from ((prototypes, index) for index, layer in enumerate(prototypes[:-1]) if isinstance(layer, nn.Conv2d))
