"""ResNet as YOLACT uses it, with the published names and shapes of its parameters.

Source: He et al., "Deep Residual Learning", 2016; the stride sits in the 3x3 convolution, as in the
weights that YOLACT starts from.
"""

from __future__ import annotations

import torch
from torch import nn

from cluster_app.tasks.yolact.config import YolactConfig

EXPANSION = 4
FIRST_STAGE = 2  # the first stage gives C2


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions beside a shortcut."""

    def __init__(self, channels: int, planes: int, stride: int) -> None:
        super().__init__()
        out = planes * EXPANSION
        self.conv1 = nn.Conv2d(channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out:
            shortcut = nn.Conv2d(channels, out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + shortcut)


class ResNet(nn.Module):
    """(B, 3, S, S) -> the features of every stage from C{first_level} on.

    As published, that is C3, C4, C5 with 512, 1024, 2048 channels at strides 8, 16, 32.
    """

    def __init__(self, config: YolactConfig) -> None:
        super().__init__()
        channels = config.planes
        self.conv1 = nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = []
        for index, count in enumerate(config.blocks):
            planes = config.planes << index
            stages.append(_stage(channels, planes, count, stride=1 if index == 0 else 2))
            channels = planes * EXPANSION
        self.layers = nn.ModuleList(stages)
        self._first = config.first_level - FIRST_STAGE

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        features = []
        for stage in self.layers:
            x = stage(x)
            features.append(x)
        return features[self._first :]


def stage_channels(config: YolactConfig) -> list[int]:
    """Channels of what the ResNet returns, finest first."""
    widths = [(config.planes << index) * EXPANSION for index in range(len(config.blocks))]
    return widths[config.first_level - FIRST_STAGE :]


def _stage(channels: int, planes: int, count: int, stride: int) -> nn.Sequential:
    first = Bottleneck(channels, planes, stride)
    rest = [Bottleneck(planes * EXPANSION, planes, 1) for _ in range(count - 1)]
    return nn.Sequential(first, *rest)
