"""Rebuffi, Gowal, Calian, Stimberg, Wiles, Mann: Fixing Data Augmentation to Improve Adversarial Robustness.

2021, arXiv 2103.01946.

The pre-activation ResNet of DeepMind's robust models: SiLU, TensorFlow's padding, and a 3x3 convolution of the raw
input as the shortcut where the shape changes. State dict: ``conv_2d, layer_{0..3}.{i}.{batchnorm_0, conv_2d_1,
batchnorm_1, conv_2d_2, shortcut}, batchnorm, logits``. The published weights expect normalised images: give ``mean``
and ``std``.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from robustill.models.architecture import Architecture, require_choice, require_positive
from robustill.models.classifier import Classifier
from robustill.models.layers import Float32Linear, GlobalAverage, SameConv2d, conv3x3, stack
from robustill.models.preact_resnet import STAGES
from robustill.types import Images, Logits


class DeepMindPreActResNet(Architecture):
    """Depth 18 or 34; ``width`` is the number of channels of the stem, 64 in everything published."""

    depth: int = 18
    width: int = 64

    def __post_init__(self) -> None:
        require_choice(self, "depth", tuple(STAGES))
        require_positive(self, "width")

    def build(self, *, num_classes: int, in_channels: int) -> DeepMindPreActResNetModule:
        return DeepMindPreActResNetModule(self, num_classes, in_channels)


class DeepMindPreActResNetModule(Classifier):
    """The network of :class:`DeepMindPreActResNet`."""

    def __init__(self, choice: DeepMindPreActResNet, num_classes: int, in_channels: int) -> None:
        super().__init__()
        n0, n1, n2, n3 = STAGES[choice.depth]
        width = choice.width
        self.conv_2d = conv3x3(in_channels, width)
        self.layer_0 = stack(DeepMindPreActBlock, width, width, n0, stride=1)
        self.layer_1 = stack(DeepMindPreActBlock, width, 2 * width, n1, stride=2)
        self.layer_2 = stack(DeepMindPreActBlock, 2 * width, 4 * width, n2, stride=2)
        self.layer_3 = stack(DeepMindPreActBlock, 4 * width, 8 * width, n3, stride=2)
        self.batchnorm = nn.BatchNorm2d(8 * width)
        self.pool = GlobalAverage()
        self.logits = Float32Linear(8 * width, num_classes)

    def classify(self, x: Images) -> Logits:
        out = self.layer_3(self.layer_2(self.layer_1(self.layer_0(self.conv_2d(x)))))
        logits: Logits = self.logits(self.pool(F.silu(self.batchnorm(out))))
        return logits


class DeepMindPreActBlock(nn.Module):
    """BatchNorm, SiLU and 3x3 convolution, twice, beside the shortcut, which takes the input before its activation."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.batchnorm_0 = nn.BatchNorm2d(in_channels)
        self.conv_2d_1 = SameConv2d(in_channels, out_channels, stride)
        self.batchnorm_1 = nn.BatchNorm2d(out_channels)
        self.conv_2d_2 = conv3x3(out_channels, out_channels)
        changes = stride != 1 or in_channels != out_channels
        self.shortcut = SameConv2d(in_channels, out_channels, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        active = F.silu(self.batchnorm_0(x))
        out: Tensor = self.conv_2d_2(F.silu(self.batchnorm_1(self.conv_2d_1(active))))
        return out + (x if self.shortcut is None else self.shortcut(x))
