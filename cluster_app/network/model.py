"""YOLACT in PyTorch, with the published state_dict's names and shapes, so that official weights fit.

Source: Bolya et al., "YOLACT", ICCV 2019; names and layer order read off the published code.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from cluster_app.network.backbone import ResNet, stage_channels
from cluster_app.tasks.yolact.config import YolactConfig

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
    """The backbone's features -> one level for each of the configuration's scales; as published, C3..C5 -> P3..P7.

    ReLU after the levels that a stage feeds, none on the ones that are made by downsampling.
    lat_layers and pred_layers are stored from C5 down, as published.
    """

    def __init__(self, config: YolactConfig) -> None:
        super().__init__()
        width = config.channels
        stages = stage_channels(config)[::-1]
        downsampled = len(config.base_scales) - len(stages)
        self.lat_layers = nn.ModuleList([nn.Conv2d(count, width, 1) for count in stages])
        self.pred_layers = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in stages])
        self.downsample_layers = nn.ModuleList(
            [nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(downsampled)]
        )
        finer = config.feature_sizes[: len(stages) - 1][::-1]
        self.upsample = nn.ModuleList([FixedUpsample(side) for side in finer])

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
    """One head for all levels: (B, channels, n, n) -> box regressions, class logits, mask coefficients.

    Each comes as (B, n * n * ratios, k), by row, column, ratio.
    """

    def __init__(self, config: YolactConfig) -> None:
        super().__init__()
        ratios, width = len(config.ratios), config.channels
        self.upfeature = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU())
        self.bbox_layer = nn.Conv2d(width, ratios * 4, 3, padding=1)
        self.conf_layer = nn.Conv2d(width, ratios * config.num_classes, 3, padding=1)
        self.mask_layer = nn.Conv2d(width, ratios * config.mask_dim, 3, padding=1)
        self.widths = (4, config.num_classes, config.mask_dim)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.upfeature(x)
        layers = (self.bbox_layer, self.conf_layer, self.mask_layer)
        return [
            layer(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, width) for layer, width in zip(layers, self.widths)
        ]


class Yolact(nn.Module):
    """(B, 3, S, S) float32 RGB, normalised -> loc, conf, mask, proto before any post-processing.

    loc (B, N, 4); conf (B, N, C) softmaxed, background first; mask (B, N, k) after tanh;
    proto (B, H, W, k) after ReLU, channels last. N, C, k and H = W follow from the configuration.
    """

    def __init__(self, config: YolactConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = ResNet(config)
        self.fpn = FeaturePyramid(config)
        self.proto_net = _proto_net(config)
        self.prediction_layers = nn.ModuleList([PredictionHead(config)])
        # Used in training only; kept here because the published weights hold it.
        self.semantic_seg_conv = nn.Conv2d(config.channels, config.num_classes - 1, 1)

    def forward(self, x: torch.Tensor) -> Raw:
        loc, logits, coefficients, proto = self.logits(x)
        return loc, torch.softmax(logits, dim=-1), torch.tanh(coefficients), proto

    def logits(self, x: torch.Tensor) -> Raw:
        """As forward, with class logits instead of scores and coefficients before tanh."""
        return self.predict(self.fpn(self.backbone(x)))

    def predict(self, levels: list[torch.Tensor]) -> Raw:
        """As logits, from the pyramid's levels on: training looks at the levels too."""
        heads = zip(*(self.prediction_layers[0](level) for level in levels))
        loc, logits, coefficients = (torch.cat(parts, dim=1) for parts in heads)
        proto = torch.relu(self.proto_net(levels[0])).permute(0, 2, 3, 1)
        return loc, logits, coefficients, proto


def _proto_net(config: YolactConfig) -> nn.Sequential:
    width = config.channels

    def conv() -> nn.Conv2d:
        return nn.Conv2d(width, width, 3, padding=1)

    return nn.Sequential(
        conv(), nn.ReLU(), conv(), nn.ReLU(), conv(), nn.ReLU(),
        FixedUpsample(config.proto_size), nn.ReLU(),
        conv(), nn.ReLU(), nn.Conv2d(width, config.mask_dim, 1),
    )  # fmt: skip
