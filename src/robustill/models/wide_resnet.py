"""Zagoruyko, Komodakis: Wide Residual Networks. BMVC 2016, arXiv 1605.07146.

The form of TRADES (Zhang et al. 2019), in which most robust networks since are published, LTD's teachers among them.
State dict: ``conv1, block{1,2,3}.layer.{i}.{bn1, conv1, bn2, conv2, convShortcut}, bn1, fc``. WRN-34-10 has
46,160,474 parameters for ten classes. For the form of DeepMind see :mod:`robustill.models.deepmind_wide_resnet`.
"""

from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from robustill.models.architecture import Architecture, require_positive
from robustill.models.classifier import Classifier
from robustill.models.layers import Float32Linear, GlobalAverage, conv1x1, conv3x3, stack
from robustill.types import Images, Logits

DEEPEST = 1000


class WideResNet(Architecture):
    """``depth`` is 6n + 4 with n blocks in each of three groups of 16, 32 and 64 times ``factor`` channels.

    Attributes:
        sub_block1: a second copy of the first group, which takes no part in the result. Some published files carry its
            weights (LTD's for CIFAR-100), because the code of TRADES has it. For loading, not for training.
    """

    depth: int = 34
    factor: int = 10
    sub_block1: bool = False

    def __post_init__(self) -> None:
        require_wide_depth(self, self.depth)
        require_positive(self, "factor")

    def build(self, *, num_classes: int, in_channels: int) -> WideResNetModule:
        return WideResNetModule(self, num_classes, in_channels)


class WideResNetModule(Classifier):
    """The network of :class:`WideResNet`."""

    def __init__(self, choice: WideResNet, num_classes: int, in_channels: int) -> None:
        super().__init__()
        blocks, width = (choice.depth - 4) // 6, 16 * choice.factor
        self.conv1 = conv3x3(in_channels, 16)
        self.block1 = group(16, width, blocks, stride=1)
        if choice.sub_block1:
            self.sub_block1 = group(16, width, blocks, stride=1)
        self.block2 = group(width, 2 * width, blocks, stride=2)
        self.block3 = group(2 * width, 4 * width, blocks, stride=2)
        self.bn1 = nn.BatchNorm2d(4 * width)
        self.pool = GlobalAverage()
        self.fc = Float32Linear(4 * width, num_classes)
        self.apply(initialize)

    def classify(self, x: Images) -> Logits:
        out = self.block3(self.block2(self.block1(self.conv1(x))))
        logits: Logits = self.fc(self.pool(F.relu(self.bn1(out))))
        return logits


class WideBlock(nn.Module):
    """BatchNorm, ReLU and 3x3 convolution, twice, beside the shortcut.

    Where the channels change, the activated input goes both ways; elsewhere the shortcut is the input as it is.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = conv3x3(in_channels, out_channels, stride)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)
        changes = stride != 1 or in_channels != out_channels
        self.convShortcut = conv1x1(in_channels, out_channels, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.bn1(x))
        out: Tensor = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return out + (x if self.convShortcut is None else self.convShortcut(active))


def group(in_channels: int, out_channels: int, blocks: int, stride: int) -> nn.Sequential:
    """A stage under the name that the published keys give it."""
    return nn.Sequential(OrderedDict(layer=stack(WideBlock, in_channels, out_channels, blocks, stride)))


def initialize(layer: nn.Module) -> None:
    """As TRADES starts: He et al.'s normal distribution by the outputs of a convolution, no bias in the last layer."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(layer, nn.Linear):
        nn.init.zeros_(layer.bias)


def require_wide_depth(owner: Architecture, depth: int) -> None:
    """Refuses depths that do not divide into three groups of blocks.

    Raises:
        ValueError: names the depth.
    """
    if not 10 <= depth <= DEEPEST or (depth - 4) % 6:
        raise ValueError(
            f"{type(owner).__name__} needs a depth of 10, 16, 22, 28, ... (6n + 4), up to {DEEPEST}; "
            f"found depth={depth}."
        )
