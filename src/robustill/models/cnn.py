"""A plain convolutional network, small enough to be trained adversarially on a CPU."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from robustill.models.architecture import Architecture, require_positive
from robustill.models.classifier import Classifier
from robustill.models.layers import Float32Linear, GlobalAverage, conv3x3
from robustill.types import Images, Logits


class SmallCNN(Architecture):
    """Four 3x3 convolutions, each with BatchNorm and ReLU, of ``width`` and three times ``2 * width`` channels.

    For grey images and ten classes 24 thousand parameters at the default width, 835 thousand at 96. It halves the
    resolution at once, which costs little on 28x28 images and lets a PGD step take a fraction of a millisecond per
    image.
    """

    width: int = 16

    def __post_init__(self) -> None:
        require_positive(self, "width")

    def build(self, *, num_classes: int, in_channels: int) -> SmallCNNModule:
        return SmallCNNModule(self.width, num_classes, in_channels)


class SmallCNNModule(Classifier):
    """The network of :class:`SmallCNN`. State dict: ``conv{1..4}, bn{1..4}, linear``."""

    def __init__(self, width: int, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, width, stride=2)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, 2 * width, stride=2)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.conv3 = conv3x3(2 * width, 2 * width)
        self.bn3 = nn.BatchNorm2d(2 * width)
        self.conv4 = conv3x3(2 * width, 2 * width, stride=2)
        self.bn4 = nn.BatchNorm2d(2 * width)
        self.pool = GlobalAverage()
        self.linear = Float32Linear(2 * width, num_classes)

    def classify(self, x: Images) -> Logits:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = F.relu(self.bn3(self.conv3(out)))
        out = F.relu(self.bn4(self.conv4(out)))
        logits: Logits = self.linear(self.pool(out))
        return logits
