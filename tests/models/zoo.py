"""Small networks of every family, for the tests that all of them must pass."""

from __future__ import annotations

import torch
from torch import nn

from robustill.models import Classifier, create_model

TINY = (
    "SmallCNN(width=4)",
    "ResNet(width=4)",
    "ResNet(depth=34, width=2)",
    "ResNet(depth=50, width=2)",
    "PreActResNet(width=4)",
    "PreActResNet(width=4, activated_shortcut=False, final_norm=False)",
    "MobileNetV2()",
    "WideResNet(depth=10, factor=1)",
    "WideResNet(depth=16, factor=2, sub_block1=True)",
    "DeepMindWideResNet(depth=10, factor=1)",
    "DeepMindWideResNet(depth=16, factor=2)",
    "DeepMindPreActResNet(width=4)",
)


def lived_in(text: str, *, num_classes: int = 5, in_channels: int = 3, normalised: bool = False) -> Classifier:
    """A network whose BatchNorms have statistics and weights of their own, in eval mode."""
    torch.manual_seed(0)
    mean, std = (0.3,) * in_channels, (0.4,) * in_channels
    model = create_model(
        text, num_classes, in_channels=in_channels, mean=mean if normalised else None, std=std if normalised else None
    )
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None and layer.running_var is not None
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.2)
            nn.init.normal_(layer.running_mean, std=0.2)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    return model.eval()
