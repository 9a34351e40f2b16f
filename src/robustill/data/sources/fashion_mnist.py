"""Fashion-MNIST. Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", arXiv:1708.07747."""

from __future__ import annotations

from robustill.data.dataset import Dataset
from robustill.data.formats.idx import IDX, read_pair
from robustill.data.named import Layout, NamedSet

SET = NamedSet(
    name="fashion-mnist",
    title="Fashion-MNIST",
    num_classes=10,
    counts=(60_000, 10_000),
    shape=(1, 28, 28),
    page="https://github.com/zalandoresearch/fashion-mnist",
    layouts=tuple(
        Layout(folder, IDX, read_pair)
        for folder in ("fashion-mnist", "FashionMNIST/raw", "/usr/share/datasets/fashion-mnist")  # the last: Debian
    ),
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)
SPEC = "fashion-mnist[:PATH]"
SUMMARY = SET.summary


def load(path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the set from ``path``, or from where it is found; see :class:`~robustill.data.named.NamedSet`."""
    return SET.load(path, image_size=image_size, channels=channels)
