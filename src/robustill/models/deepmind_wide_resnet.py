"""Gowal, Qin, Uesato, Mann, Kohli: Uncovering the Limits of Adversarial Training. 2020, arXiv 2010.03593.

The wide residual networks of DeepMind's robust models, which later work took over (Wang et al. 2023, Cui et al.
2023): SiLU instead of ReLU and TensorFlow's padding. State dict: ``init_conv, layer.{0,1,2}.block.{i}.{batchnorm_0,
conv_0, batchnorm_1, conv_1, shortcut}, batchnorm, logits``. WRN-28-10 has 36,479,194 parameters for ten classes. The
published weights expect normalised images: give ``mean`` and ``std``.
"""

from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from robustill.models.architecture import Architecture, require_positive
from robustill.models.classifier import Classifier
from robustill.models.layers import Float32Linear, GlobalAverage, SameConv2d, conv1x1, conv3x3, stack
from robustill.models.wide_resnet import require_wide_depth
from robustill.types import Images, Logits


class DeepMindWideResNet(Architecture):
    """``depth`` is 6n + 4 with n blocks in each of three groups of 16, 32 and 64 times ``factor`` channels."""

    depth: int = 28
    factor: int = 10

    def __post_init__(self) -> None:
        require_wide_depth(self, self.depth)
        require_positive(self, "factor")

    def build(self, *, num_classes: int, in_channels: int) -> DeepMindWideResNetModule:
        return DeepMindWideResNetModule(self, num_classes, in_channels)


class DeepMindWideResNetModule(Classifier):
    """The network of :class:`DeepMindWideResNet`."""

    def __init__(self, choice: DeepMindWideResNet, num_classes: int, in_channels: int) -> None:
        super().__init__()
        blocks, width = (choice.depth - 4) // 6, 16 * choice.factor
        self.init_conv = conv3x3(in_channels, 16)
        self.layer = nn.Sequential(
            group(16, width, blocks, stride=1),
            group(width, 2 * width, blocks, stride=2),
            group(2 * width, 4 * width, blocks, stride=2),
        )
        self.batchnorm = nn.BatchNorm2d(4 * width)
        self.pool = GlobalAverage()
        self.logits = Float32Linear(4 * width, num_classes)

    def classify(self, x: Images) -> Logits:
        out = F.silu(self.batchnorm(self.layer(self.init_conv(x))))
        logits: Logits = self.logits(self.pool(out))
        return logits


class DeepMindWideBlock(nn.Module):
    """BatchNorm, SiLU and 3x3 convolution, twice, beside the shortcut.

    Where the channels change, the activated input goes both ways; elsewhere the shortcut is the input as it is.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.batchnorm_0 = nn.BatchNorm2d(in_channels)
        self.conv_0 = SameConv2d(in_channels, out_channels, stride)
        self.batchnorm_1 = nn.BatchNorm2d(out_channels)
        self.conv_1 = conv3x3(out_channels, out_channels)
        changes = stride != 1 or in_channels != out_channels
        self.shortcut = conv1x1(in_channels, out_channels, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        active = F.silu(self.batchnorm_0(x))
        out: Tensor = self.conv_1(F.silu(self.batchnorm_1(self.conv_0(active))))
        return out + (x if self.shortcut is None else self.shortcut(active))


def group(in_channels: int, out_channels: int, blocks: int, stride: int) -> nn.Sequential:
    """A stage under the name that the published keys give it."""
    return nn.Sequential(OrderedDict(block=stack(DeepMindWideBlock, in_channels, out_channels, blocks, stride)))
