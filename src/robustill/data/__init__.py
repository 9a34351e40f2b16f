"""Images to train and to test on: where they come from, and how they get to the networks.

One text names a dataset. Loading it gives two splits, each whole in memory as bytes:

>>> from robustill.data import load
>>> data = load("demo")                       # or "folder:photos", or "npz:photos.npz"
>>> data.num_classes, data.channels, data.image_size
(10, 1, (28, 28))
>>> len(data.train), len(data.test), data.train.images.dtype
(5000, 2000, torch.uint8)

Images of mixed sizes are cut and resized with ``load("folder:photos", image_size=32)``. A validation split is held out
of the training split, with the same share of every class; ``data.test`` is not touched:

>>> from robustill.data import hold_out
>>> train, validation = hold_out(data.train, 0.1, seed=0)
>>> len(train), len(validation)
(4500, 500)

A split stays on one device, and batches are cut out of it there. Epoch 3 of seed 0 is the same whether epochs 0 to 2
came before it or not, and whatever the batch size, each image is cropped and mirrored in the same way:

>>> from robustill.data import Batches, CropFlip
>>> batches = Batches(train.to("cpu"), batch_size=128, seed=0, augmentation=CropFlip(padding=2))
>>> len(batches)
36
>>> x, y = next(batches.epoch(3))
>>> x.shape, x.dtype
(torch.Size([128, 1, 28, 28]), torch.float32)

For evaluation the images come in order and unchanged, all of them or a stratified sample:

>>> from robustill.data import in_order
>>> sum(len(y) for x, y in in_order(data.test.stratified(1000, seed=0), batch_size=256))
1000

A source is one module in ``robustill.data.sources``, found there without being registered; :func:`list_sources` names
them.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from robustill.data.augmentation import Augmentation, CropFlip, NoAugmentation
from robustill.data.batches import Batches, in_order, to_float
from robustill.data.dataset import Dataset
from robustill.data.seeds import generator
from robustill.data.sources import find_sources
from robustill.data.split import Split, hold_out

__all__ = [
    "load",
    "list_sources",
    "Dataset",
    "Split",
    "hold_out",
    "Batches",
    "in_order",
    "to_float",
    "Augmentation",
    "CropFlip",
    "NoAugmentation",
    "generator",
]


def load(spec: str, *, image_size: int | None = None, channels: int | None = None) -> Dataset:
    """Load the dataset that ``spec`` names, such as ``demo``, ``folder:PATH`` or ``npz:PATH``.

    ``image_size`` cuts the largest middle square out of every image and resizes it to that many pixels a side;
    ``channels`` makes every image grey (1) or RGB (3). Without them images stay as they are. Raises ValueError for a
    source that is not known, FileNotFoundError for a path that does not exist, and what the source says of its files.
    """
    if image_size is not None and image_size < 1:
        raise ValueError(f"`image_size` must be a number of pixels, 1 or more; found {image_size}.")
    if channels not in (None, 1, 3):
        raise ValueError(f"`channels` must be 1 (grey) or 3 (RGB); found {channels}.")
    sources = find_sources()
    scheme, _, path = spec.partition(":")
    if scheme not in sources:
        raise ValueError(_unknown(spec, scheme, {name: source.SPEC for name, source in sources.items()}))
    source = sources[scheme]
    if (":" in source.SPEC) != bool(path):
        raise ValueError(f"Write `{source.SPEC}` to load {source.SUMMARY}; found `{spec}`.")
    return source.load(path, image_size=image_size, channels=channels)


def list_sources() -> dict[str, str]:
    """How each source is named, such as ``folder:PATH``, and what it is, in one line."""
    return {source.SPEC: source.SUMMARY for source in find_sources().values()}


def _unknown(spec: str, scheme: str, known: dict[str, str]) -> str:
    near = [known[name] for name in get_close_matches(scheme.lower(), known, n=1)]
    if spec and Path(spec).expanduser().is_dir():
        near = [f"folder:{spec}"]
    hint = f" Did you mean `{near[0]}`?" if near else ""
    return f"A dataset must be one of {', '.join(known.values())}; found `{spec}`.{hint}"
