"""The images inside the package, a part of Fashion-MNIST that ``scripts/embed_fashion_mnist.py`` has drawn.

Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
arXiv:1708.07747. Their licence is beside the images, in ``FASHION-MNIST-NOTICE``.
"""

from __future__ import annotations

from importlib.resources import as_file, files

from robustill.data.dataset import Dataset
from robustill.data.sources import npz

SPEC = "demo"
SUMMARY = "Fashion-MNIST in the package: 5,000 training and 2,000 test images, 28x28, grey, 10 classes"


def load(path: str = "", *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the embedded images; there is no path to give."""
    with as_file(files("robustill.data") / "fashion_mnist.npz") as file:
        return npz.read(file, name=SPEC, image_size=image_size, channels=channels)
