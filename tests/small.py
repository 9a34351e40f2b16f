"""A small world for tests of whole runs: random images of four classes, and a network of 426 parameters."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import robustill
from robustill.cli import main
from robustill.run import Run


def archive(file: Path, *, classes: int = 4, size: int = 8, train: int = 200, test: int = 40, seed: int = 0) -> str:
    """Writes an npz archive of noise, each class bright in a corner of its own, and gives the text to load it."""
    random = np.random.default_rng(seed)

    def images(labels: np.ndarray) -> np.ndarray:
        x = random.integers(0, 156, (len(labels), size, size), dtype=np.uint8)
        half = size // 2
        for image, label in zip(x, labels, strict=True):
            image[(label // 2 % 2) * half :, (label % 2) * half :][:half, :half] += 60
        return x

    parts = {name: np.arange(count) % classes for name, count in (("train", train), ("test", test))}
    arrays = {f"x_{name}": images(y) for name, y in parts.items()} | {f"y_{name}": y for name, y in parts.items()}
    np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub reads ** as allow_pickle
    return f"npz:{file}"


def texts(data: str, **changes: Any) -> dict[str, Any]:
    """The settings of a run of a fraction of a second."""
    return {
        "data": data,
        "student": "SmallCNN(width=2)",
        "attack": "PGD(budget=Linf(8/255), steps=2, step_size=4/255)",
        "epochs": 3,
        "batch_size": 48,
        "augmentation": "CropFlip(padding=1)",
        "validation": 40,
        "precision": "float32",
        "device": "cpu",  # where sums have one order, so that runs can be compared bit for bit
        **changes,
    }


def small_run(data: str, **changes: Any) -> Run:
    return Run.from_texts(texts(data, **changes))


def flags(data: str, **changes: Any) -> list[str]:
    """The same as words of a command line."""
    return [word for name, value in texts(data, **changes).items() for word in (f"--{name}", str(value))]


def command(*words: object) -> int:
    """The command line in this process; gives the exit status."""
    return main([str(word) for word in words])


def process(*words: object) -> list[str]:
    """The command line as the words of another process."""
    return [sys.executable, "-m", "robustill", *map(str, words)]


def environment(**more: str) -> dict[str, str]:
    """What that process needs in order to find this package, wherever it runs."""
    return os.environ | {"PYTHONPATH": str(Path(robustill.__file__).parents[1])} | more


def tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of every parameter and buffer."""
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_same(first: Any, second: Any, where: str = "") -> None:
    """Equal in structure and in every bit; time is nobody's to repeat."""
    assert type(first) is type(second), where
    if isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first.keys() - {"seconds"}:
            assert_same(first[key], second[key], f"{where}/{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), where
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_same(one, other, f"{where}/{index}")
    elif isinstance(first, torch.Tensor):
        assert first.dtype == second.dtype and torch.equal(first, second), where
    else:
        assert first == second, where
