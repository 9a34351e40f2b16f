"""He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks. ECCV 2016, arXiv 1603.05027.

For small images. State dict: ``conv1, layer{1..4}.{i}.{bn1, conv1, bn2, conv2, shortcut.0}, bn, linear``. Published
robust networks come in variants that share these keys: Rice et al. 2020 and Addepalli et al. 2021 project the
activated input (the default here), Wong et al. 2020 projects the input as it is and has no last ``bn``. Check which
one a checkpoint wants: a wrong ``activated_shortcut`` loads without complaint.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from robustill.models.architecture import Architecture, require_choice, require_positive
from robustill.models.classifier import Classifier
from robustill.models.layers import Float32Linear, GlobalAverage, conv1x1, conv3x3, stack
from robustill.types import Images, Logits

STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""The number of blocks in each stage, by depth."""


class PreActResNet(Architecture):
    """Depth 18 or 34; ``width`` is the number of channels of the stem.

    Attributes:
        activated_shortcut: where the shape changes, the shortcut takes ``relu(bn1(x))`` instead of ``x``.
        final_norm: BatchNorm and ReLU before the mean over the map.
    """

    depth: int = 18
    width: int = 64
    activated_shortcut: bool = True
    final_norm: bool = True

    def __post_init__(self) -> None:
        require_choice(self, "depth", tuple(STAGES))
        require_positive(self, "width")

    def build(self, *, num_classes: int, in_channels: int) -> PreActResNetModule:
        return PreActResNetModule(self, num_classes, in_channels)


class PreActResNetModule(Classifier):
    """The network of :class:`PreActResNet`."""

    def __init__(self, choice: PreActResNet, num_classes: int, in_channels: int) -> None:
        super().__init__()

        def block(in_channels: int, out_channels: int, stride: int) -> PreActBlock:
            return PreActBlock(in_channels, out_channels, stride, activated_shortcut=choice.activated_shortcut)

        n1, n2, n3, n4 = STAGES[choice.depth]
        width = choice.width
        self.conv1 = conv3x3(in_channels, width)
        self.layer1 = stack(block, width, width, n1, stride=1)
        self.layer2 = stack(block, width, 2 * width, n2, stride=2)
        self.layer3 = stack(block, 2 * width, 4 * width, n3, stride=2)
        self.layer4 = stack(block, 4 * width, 8 * width, n4, stride=2)
        self.bn = nn.BatchNorm2d(8 * width) if choice.final_norm else None
        self.pool = GlobalAverage()
        self.linear = Float32Linear(8 * width, num_classes)

    def classify(self, x: Images) -> Logits:
        out = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        if self.bn is not None:
            out = F.relu(self.bn(out))
        logits: Logits = self.linear(self.pool(out))
        return logits


class PreActBlock(nn.Module):
    """BatchNorm, ReLU and 3x3 convolution, twice, beside the shortcut."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, *, activated_shortcut: bool) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = conv3x3(in_channels, out_channels, stride)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)
        changes = stride != 1 or in_channels != out_channels
        self.shortcut = nn.Sequential(conv1x1(in_channels, out_channels, stride)) if changes else None
        self.activated_shortcut = activated_shortcut

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.bn1(x))
        out: Tensor = self.conv2(F.relu(self.bn2(self.conv1(active))))
        if self.shortcut is not None:
            x = self.shortcut(active if self.activated_shortcut else x)
        return out + x
