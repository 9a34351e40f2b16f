"""A world in which accuracy is counted and not trained: ten blocks, of which the grey one is the class.

An image has ten blocks of 2x2 pixels, one grey and the others dark or bright. The network takes the block whose mean is
nearest to a level; with another normalisation than its own, dark or bright blocks are nearest. In some images another
block is nearly as grey, and an attack of 8/255 makes it greyer; some images have a wrong label.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from robustill.models import Architecture, Classifier, create_model
from robustill.teachers.presets import RAW, Constants

CLASSES = 10
TEXT = "tests.teachers.blocks:Blocks()"
GREY = 128 / 255

CLEAN, ROBUST = 0.9, 0.6
"""The accuracies of a network that is read as it was made, of every sample of the images that is a multiple of ten."""


class Blocks(Architecture):
    """The network; its ``level`` is a weight."""

    def build(self, *, num_classes: int, in_channels: int) -> nn.Module:
        return BlocksModule(num_classes, in_channels)


class BlocksModule(nn.Module):
    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.mean = nn.Conv2d(in_channels, 1, 2, stride=2, bias=False)
        self.level = nn.Parameter(torch.zeros(()))
        self.linear = nn.Linear(num_classes, num_classes, bias=False)
        nn.init.constant_(self.mean.weight, 1 / self.mean.weight.numel())
        nn.init.eye_(self.linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.linear(-1000 * (self.mean(x).flatten(1) - self.level).square())
        return scores


def blocks(constants: Constants = RAW, *, order: list[int] | None = None) -> dict[str, Tensor]:
    """Weights for images that are normalised by ``constants``, and for classes in another order."""
    state = dict(create_model(TEXT, CLASSES).state_dict())
    mean, std = torch.tensor(constants.mean or (0.0,) * 3), torch.tensor(constants.std or (1.0,) * 3)
    state["level"] = ((GREY - mean) / std).mean()
    if order is not None:
        state["linear.weight"] = state["linear.weight"][order]
    return state


def model(constants: Constants = RAW, *, given: Constants = RAW) -> Classifier:
    """A network of :func:`blocks` that normalises by ``given``."""
    network = create_model(TEXT, CLASSES, mean=given.mean, std=given.std)
    network.load_state_dict(blocks(constants))
    return network.eval()


def images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images as bytes, NHWC, and labels. Of ten of a class three have a rival, and another one a wrong label."""
    random = np.random.default_rng(seed)
    levels = random.choice([40, 220], size=(count, CLASSES)) + random.integers(-3, 4, size=(count, CLASSES))
    labels = np.arange(count) % CLASSES
    kind = np.arange(count) // CLASSES % 10
    rows = np.arange(count)
    levels[rows, labels] = 128
    levels[rows, (labels + 3) % CLASSES] = np.where(kind < 3, 140, levels[rows, (labels + 3) % CLASSES])
    x = np.kron(levels.reshape(count, 2, 5), np.ones((2, 2))).astype(np.uint8)
    return np.repeat(x[..., None], 3, axis=3), np.where(kind == 9, (labels + 1) % CLASSES, labels)


def world(file: Path, *, test: int = 200) -> str:
    """Writes the images and gives the text to load them."""
    parts = {"train": images(300, seed=0), "test": images(test, seed=1)}
    arrays = {f"{axis}_{name}": part[i] for name, part in parts.items() for i, axis in enumerate("xy")}
    np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub reads ** as allow_pickle
    return f"npz:{file}"
