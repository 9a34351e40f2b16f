"""Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: Inverted Residuals and Linear Bottlenecks.

CVPR 2018, arXiv 1801.04381.

The form for small images that ARD, RSLAD, AdaAD and IGDM train, which is not torchvision's: the stem and the second
stage keep the resolution, ReLU instead of ReLU6, a projection on the shortcut where the channels change, no dropout.
State dict: ``conv1, bn1, layers.{0..16}.{conv1, bn1, conv2, bn2, conv3, bn3, shortcut.0, shortcut.1}, conv2, bn2,
linear``. 2,296,922 parameters for ten classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from robustill.models.architecture import Architecture
from robustill.models.classifier import Classifier
from robustill.models.layers import Float32Linear, GlobalAverage, conv1x1, conv3x3
from robustill.types import Images, Logits

STAGES = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, number of blocks and stride of the first block, for each stage."""


class MobileNetV2(Architecture):
    """The one size that is published for small images."""

    def build(self, *, num_classes: int, in_channels: int) -> MobileNetV2Module:
        return MobileNetV2Module(num_classes, in_channels)


class MobileNetV2Module(Classifier):
    """The network of :class:`MobileNetV2`."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, 32)
        self.bn1 = nn.BatchNorm2d(32)
        self.layers = nn.Sequential()
        channels = 32
        for expansion, out_channels, blocks, stride in STAGES:
            for i in range(blocks):
                self.layers.append(InvertedResidual(channels, out_channels, expansion, stride if i == 0 else 1))
                channels = out_channels
        self.conv2 = conv1x1(channels, 1280)
        self.bn2 = nn.BatchNorm2d(1280)
        self.pool = GlobalAverage()
        self.linear = Float32Linear(1280, num_classes)

    def classify(self, x: Images) -> Logits:
        out = self.layers(F.relu(self.bn1(self.conv1(x))))
        out = F.relu(self.bn2(self.conv2(out)))
        logits: Logits = self.linear(self.pool(out))
        return logits


class InvertedResidual(nn.Module):
    """1x1 to ``expansion`` times the channels, 3x3 on each alone, 1x1 down; with a shortcut only at stride 1."""

    def __init__(self, in_channels: int, out_channels: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = expansion * in_channels
        self.conv1 = conv1x1(in_channels, inner)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = conv3x3(inner, inner, stride, groups=inner)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = conv1x1(inner, out_channels)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.residual = stride == 1
        self.shortcut = nn.Sequential()
        if self.residual and in_channels != out_channels:
            self.shortcut = nn.Sequential(conv1x1(in_channels, out_channels), nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu(self.bn1(self.conv1(x)))
        wide = F.relu(self.bn2(self.conv2(wide)))
        out: Tensor = self.bn3(self.conv3(wide))
        if self.residual:
            out = out + self.shortcut(x)
        return out
