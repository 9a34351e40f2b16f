"""He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition. CVPR 2016, arXiv 1512.03385.

The form for small images that ARD, RSLAD, AdaAD and IGDM train: a 3x3 stem at stride 1, no max-pooling, four stages
of 1, 2, 4 and 8 times the width, mean over the whole map. State dict: ``conv1, bn1, layer{1..4}.{i}.{conv1, bn1, ...,
shortcut.0, shortcut.1}, linear``. With a width of 64, depth 18 has 11,173,962 parameters for ten classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from robustill.models.architecture import Architecture, require_choice, require_positive
from robustill.models.classifier import Classifier
from robustill.models.layers import Float32Linear, GlobalAverage, conv1x1, conv3x3, stack
from robustill.types import Images, Logits

STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
"""The number of blocks in each stage, by depth."""


class ResNet(Architecture):
    """Depth 18 and 34 of basic blocks, 50 of bottlenecks; ``width`` is the number of channels of the stem."""

    depth: int = 18
    width: int = 64

    def __post_init__(self) -> None:
        require_choice(self, "depth", tuple(STAGES))
        require_positive(self, "width")

    def build(self, *, num_classes: int, in_channels: int) -> ResNetModule:
        return ResNetModule(self, num_classes, in_channels)


class ResNetModule(Classifier):
    """The network of :class:`ResNet`."""

    def __init__(self, choice: ResNet, num_classes: int, in_channels: int) -> None:
        super().__init__()
        n1, n2, n3, n4 = STAGES[choice.depth]
        block, expansion = (Bottleneck, 4) if choice.depth == 50 else (BasicBlock, 1)
        stem, out = choice.width, choice.width * expansion
        self.conv1 = conv3x3(in_channels, stem)
        self.bn1 = nn.BatchNorm2d(stem)
        self.layer1 = stack(block, stem, out, n1, stride=1)
        self.layer2 = stack(block, out, 2 * out, n2, stride=2)
        self.layer3 = stack(block, 2 * out, 4 * out, n3, stride=2)
        self.layer4 = stack(block, 4 * out, 8 * out, n4, stride=2)
        self.pool = GlobalAverage()
        self.linear = Float32Linear(8 * out, num_classes)

    def classify(self, x: Images) -> Logits:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer4(self.layer3(self.layer2(self.layer1(out))))
        logits: Logits = self.linear(self.pool(out))
        return logits


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside the shortcut."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, out_channels, stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = projection(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class Bottleneck(nn.Module):
    """1x1 to a quarter of the channels, 3x3 with the stride, 1x1 back, beside the shortcut."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        inner = out_channels // 4
        self.conv1 = conv1x1(in_channels, inner)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = conv3x3(inner, inner, stride)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = conv1x1(inner, out_channels)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.shortcut = projection(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + self.shortcut(x))


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """1x1 convolution and BatchNorm where the shape changes; nothing, and no key, where it stays."""
    if stride == 1 and in_channels == out_channels:
        return nn.Sequential()
    return nn.Sequential(conv1x1(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))
