"""Small checkpoints such as other people's code would write, of a network whose logits are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robustill.models import Classifier
from robustill.teachers import Preset
from robustill.teachers.presets import RAW, Constants
from tests.models.zoo import lived_in
from tests.networks import images

ARCHITECTURE = "WideResNet(depth=10, factor=1)"
CLASSES = 5
STATISTICS = Constants((0.3, 0.4, 0.5), (0.2, 0.25, 0.3))

X = images(4, 3, 8, 8)


def network(num_classes: int = CLASSES) -> Classifier:
    """Of raw pixels."""
    return lived_in(ARCHITECTURE, num_classes=num_classes)


def weights(num_classes: int = CLASSES) -> dict[str, Tensor]:
    return dict(network(num_classes).state_dict())


def normalised(x: Tensor, constants: Constants = STATISTICS) -> Tensor:
    mean, std = torch.tensor(constants.mean), torch.tensor(constants.std)
    return (x - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)


def saved(file: Path, content: Any, *, legacy: bool = False) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    return file


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def tiny_preset(**changes: Any) -> Preset:
    """A preset whose network is small, with the classes of CIFAR-10."""
    facts: dict[str, Any] = {
        "dataset": "cifar10",
        "name": "Tiny2024",
        "architecture": ARCHITECTURE,
        "constants": RAW,
        "clean": 80.0,
        "autoattack": 50.0,
        "drive": "x" * 33,
    }
    return Preset(**facts | changes)
