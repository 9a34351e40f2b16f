"""MNIST. LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 1998."""

from __future__ import annotations

from robustill.data.dataset import Dataset
from robustill.data.formats.idx import IDX, read_pair
from robustill.data.named import Layout, NamedSet

SET = NamedSet(
    name="mnist",
    title="MNIST",
    num_classes=10,
    counts=(60_000, 10_000),
    shape=(1, 28, 28),
    page="http://yann.lecun.com/exdb/mnist",
    layouts=tuple(Layout(folder, IDX, read_pair) for folder in ("mnist", "MNIST/raw")),
    classes=tuple("0123456789"),
)
SPEC = "mnist[:PATH]"
SUMMARY = SET.summary


def load(path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the set from ``path``, or from where it is found; see :class:`~robustill.data.named.NamedSet`."""
    return SET.load(path, image_size=image_size, channels=channels)
