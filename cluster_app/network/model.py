"""YOLACT in PyTorch, with the published state_dict's names and shapes, so that official weights fit.

Source: Bolya et al., "YOLACT", ICCV 2019; names and layer order read off the published code.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from cluster_app.network.backbone import EXPANSION, STAGE_PLANES, ResNet
from cluster_app.tasks.yolact.config import YolactConfig

BACKBONES = {"r50": (3, 4, 6, 3), "r101": (3, 4, 23, 3)}
CHANNELS = 256

Raw = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class FixedUpsample(nn.Module):
    """Bilinear upsampling to a size known when the network is built, so that the export holds a constant."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = (self.side, self.side)
        larger: torch.Tensor = functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
        return larger


class FeaturePyramid(nn.Module):
    """C3..C5 -> P3..P7, each of 256 channels. ReLU after P3..P5, none on P6 and P7.

    lat_layers and pred_layers are stored from C5 down, as published.
    """

    def __init__(self, config: YolactConfig) -> None:
        super().__init__()
        channels = [planes * EXPANSION for planes in STAGE_PLANES[:0:-1]]
        self.lat_layers = nn.ModuleList([nn.Conv2d(count, CHANNELS, 1) for count in channels])
        self.pred_layers = nn.ModuleList([nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in channels])
        self.downsample_layers = nn.ModuleList(
            [nn.Conv2d(CHANNELS, CHANNELS, 3, stride=2, padding=1) for _ in range(2)]
        )
        p3, p4, _, _, _ = config.feature_sizes
        self.upsample = nn.ModuleList([FixedUpsample(p4), FixedUpsample(p3)])

    def forward(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        merged = [self.lat_layers[0](features[-1])]
        for lateral, upsample, feature in zip(self.lat_layers[1:], self.upsample, features[-2::-1]):
            merged.append(upsample(merged[-1]) + lateral(feature))
        down = [torch.relu(layer(x)) for layer, x in zip(self.pred_layers, merged)]
        levels = down[::-1]
        for layer in self.downsample_layers:
            levels.append(layer(levels[-1]))
        return levels


class PredictionHead(nn.Module):
    """One head for all levels: (1, 256, n, n) -> box regressions, class logits, mask coefficients.

    Each comes as (1, n * n * ratios, k), by row, column, ratio.
    """

    def __init__(self, config: YolactConfig) -> None:
        super().__init__()
        ratios = len(config.ratios)
        self.upfeature = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.ReLU())
        self.bbox_layer = nn.Conv2d(CHANNELS, ratios * 4, 3, padding=1)
        self.conf_layer = nn.Conv2d(CHANNELS, ratios * config.num_classes, 3, padding=1)
        self.mask_layer = nn.Conv2d(CHANNELS, ratios * config.mask_dim, 3, padding=1)
        self.widths = (4, config.num_classes, config.mask_dim)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.upfeature(x)
        layers = (self.bbox_layer, self.conf_layer, self.mask_layer)
        return [
            layer(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, width) for layer, width in zip(layers, self.widths)
        ]


class Yolact(nn.Module):
    """(B, 3, S, S) float32 RGB, normalised -> loc, conf, mask, proto before any post-processing.

    loc (B, N, 4); conf (B, N, C) softmaxed, background first; mask (B, N, 32) after tanh;
    proto (B, H, W, 32) after ReLU, channels last.
    """

    def __init__(self, config: YolactConfig, backbone: str = "r50") -> None:
        super().__init__()
        self.config = config
        self.backbone = ResNet(BACKBONES[backbone])
        self.fpn = FeaturePyramid(config)
        self.proto_net = _proto_net(config)
        self.prediction_layers = nn.ModuleList([PredictionHead(config)])
        # Used in training only; kept here because the published weights hold it.
        self.semantic_seg_conv = nn.Conv2d(CHANNELS, config.num_classes - 1, 1)

    def forward(self, x: torch.Tensor) -> Raw:
        loc, logits, coefficients, proto = self.logits(x)
        return loc, torch.softmax(logits, dim=-1), torch.tanh(coefficients), proto

    def logits(self, x: torch.Tensor) -> Raw:
        """As forward, with class logits instead of scores and coefficients before tanh."""
        levels = self.fpn(self.backbone(x))
        heads = zip(*(self.prediction_layers[0](level) for level in levels))
        loc, logits, coefficients = (torch.cat(parts, dim=1) for parts in heads)
        proto = torch.relu(self.proto_net(levels[0])).permute(0, 2, 3, 1)
        return loc, logits, coefficients, proto


def _proto_net(config: YolactConfig) -> nn.Sequential:
    def conv() -> nn.Conv2d:
        return nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)

    return nn.Sequential(
        conv(), nn.ReLU(), conv(), nn.ReLU(), conv(), nn.ReLU(),
        FixedUpsample(config.proto_size), nn.ReLU(),
        conv(), nn.ReLU(), nn.Conv2d(CHANNELS, config.mask_dim, 1),
    )  # fmt: skip
