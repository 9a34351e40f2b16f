"""CIFAR-100, the 100 fine classes. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009."""

from __future__ import annotations

from pathlib import Path

from robustill.data.dataset import Dataset
from robustill.data.formats.cifar import from_bytes, from_pickles
from robustill.data.named import Content, Layout, NamedSet

_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""


def _pickled(folder: Path) -> Content:
    return Content(from_pickles(folder, ["train"], b"fine_labels"), from_pickles(folder, ["test"], b"fine_labels"))


def _binary(folder: Path) -> Content:
    return Content(from_bytes(folder, ["train.bin"], labels=2), from_bytes(folder, ["test.bin"], labels=2))


SET = NamedSet(
    name="cifar100",
    title="CIFAR-100",
    num_classes=100,
    counts=(50_000, 10_000),
    shape=(3, 32, 32),
    page="https://www.cs.toronto.edu/~kriz/cifar.html",
    layouts=(
        Layout("cifar-100-python", "train", _pickled),
        Layout("cifar-100-binary", "train.bin", _binary),
    ),
    classes=tuple(_CLASSES.split()),
)
SPEC = "cifar100[:PATH]"
SUMMARY = SET.summary


def load(path: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the set from ``path``, or from where it is found; see :class:`~robustill.data.named.NamedSet`."""
    return SET.load(path, image_size=image_size, channels=channels)
