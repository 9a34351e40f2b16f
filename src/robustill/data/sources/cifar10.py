"""CIFAR-10. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009."""

from __future__ import annotations

from pathlib import Path

from robustill.data.dataset import Dataset
from robustill.data.formats.cifar import from_bytes, from_pickles
from robustill.data.named import Content, Layout, NamedSet

_BATCHES = [f"data_batch_{i}" for i in range(1, 6)]


def _pickled(folder: Path) -> Content:
    return Content(from_pickles(folder, _BATCHES, b"labels"), from_pickles(folder, ["test_batch"], b"labels"))


def _binary(folder: Path) -> Content:
    train = from_bytes(folder, [f"{name}.bin" for name in _BATCHES], labels=1)
    return Content(train, from_bytes(folder, ["test_batch.bin"], labels=1))


SET = NamedSet(
    name="cifar10",
    title="CIFAR-10",
    num_classes=10,
    counts=(50_000, 10_000),
    shape=(3, 32, 32),
    page="https://www.cs.toronto.edu/~kriz/cifar.html",
    layouts=(
        Layout("cifar-10-batches-py", "data_batch_1", _pickled),
        Layout("cifar-10-batches-bin", "data_batch_1.bin", _binary),
    ),
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
)
SPEC = "cifar10[:PATH]"
SUMMARY = SET.summary


def load(path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the set from ``path``, or from where it is found; see :class:`~robustill.data.named.NamedSet`."""
    return SET.load(path, image_size=image_size, channels=channels)
