"""Images to train and to test on: where they come from, and how they get to the networks.

One text names a dataset. Loading it gives two splits, whose images are bytes:

>>> from robustill.data import load
>>> data = load("demo")                       # or "cifar10", "folder:photos", "hf:OWNER/NAME", "npz:photos.npz"
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

What a set is made of, and what is wrong with it, is found before anything is trained on it:

>>> from robustill.data import check
>>> found = check(data)
>>> found.test.classes["Bag"], found.test.sizes, found.wrong
(200, {'28x28': 2000}, [])

A split stays in the memory of one device, and batches are cut out of it there. Epoch 3 of seed 0 is the same whether
epochs 0 to 2 came before it or not, and whatever the batch size, each image is cropped and mirrored in the same way:

>>> from robustill.data import Batches, CropFlip
>>> batches = Batches(train.to("cpu"), batch_size=128, seed=0, augmentation=CropFlip(padding=2))
>>> len(batches)
36
>>> x, y = next(batches.epoch(3))
>>> x.shape, x.dtype
(torch.Size([128, 1, 28, 28]), torch.float32)

A set that is too large for that streams: threads read each batch from the disk before its turn, with the same pixels:

>>> streamed = Batches(load("demo", stream=True).train, batch_size=250, seed=0, augmentation=NoAugmentation())
>>> kept = Batches(data.train, batch_size=250, seed=0, augmentation=NoAugmentation())
>>> all((x == x_kept).all() for (x, _), (x_kept, _) in zip(streamed.epoch(3), kept.epoch(3)))
True

Synthetic images, by the million in one archive (:func:`load_extra`), can be a share of every batch; here the test
images stand for them, and an epoch is still a pass over the training images:

>>> mixed = Batches(train, batch_size=128, seed=0, augmentation=CropFlip(), extra=Extra(data.test, ratio=0.7))
>>> len(mixed)                                # 38 of 128 images are the training split's own
119

For evaluation the images come in order and unchanged, all of them or a stratified sample:

>>> from robustill.data import in_order
>>> sum(len(y) for x, y in in_order(data.test.stratified(1000, seed=0), batch_size=256))
1000

A source is one module in ``robustill.data.sources``, found there without being registered; :func:`list_sources` names
them.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

import torch

from robustill.data.augmentation import Augmentation, CropFlip, NoAugmentation
from robustill.data.batches import Batches, in_order, to_float
from robustill.data.check import DataCheck, PartCheck, check
from robustill.data.dataset import Dataset
from robustill.data.extra import Extra, load_extra
from robustill.data.placement import place
from robustill.data.seeds import generator
from robustill.data.sources import find_sources
from robustill.data.split import Split, hold_out
from robustill.files import at_home
from robustill.limits import SIDE

__all__ = [
    "load",
    "list_sources",
    "check",
    "DataCheck",
    "PartCheck",
    "Dataset",
    "Split",
    "hold_out",
    "Batches",
    "in_order",
    "to_float",
    "Augmentation",
    "CropFlip",
    "NoAugmentation",
    "Extra",
    "load_extra",
    "place",
    "generator",
]


def load(
    spec: str,
    *,
    image_size: int | None = None,
    channels: int | None = None,
    stream: bool | None = None,
    device: torch.device | str = "cpu",
) -> Dataset:
    """Load the dataset that ``spec`` names, such as ``demo``, ``cifar10`` or ``folder:PATH``.

    ``image_size`` cuts the largest middle square out of every image and resizes it to that many pixels a side;
    ``channels`` makes every image grey (1) or RGB (3). Without them images stay as they are.

    ``stream`` says whether images are read as they are needed (true) or kept in memory (false); None keeps them where
    each split fits into a quarter of what is free, here and on the ``device`` that they are for, and says so on stderr
    where it does not. The splits are on the CPU in any case.

    Raises ValueError for a source that is not known, FileNotFoundError for a path that does not exist, and what the
    source says of its files.
    """
    if image_size is not None and not 1 <= image_size <= SIDE:
        raise ValueError(f"`image_size` must be a number of pixels, 1 to {SIDE}; found {image_size}.")
    if channels not in (None, 1, 3):
        raise ValueError(f"`channels` must be 1 (grey) or 3 (RGB); found {channels}.")
    sources = find_sources()
    scheme, _, path = spec.partition(":")
    if scheme not in sources:
        raise ValueError(_unknown(spec, scheme, {name: source.SPEC for name, source in sources.items()}))
    source = sources[scheme]
    takes_path = ":" in source.SPEC
    if takes_path != bool(path) and not (takes_path and "[" in source.SPEC and spec == scheme):
        raise ValueError(f"Write `{source.SPEC}` to load {source.SUMMARY}; found `{spec}`.")
    dataset = source.load(path, image_size=image_size, channels=channels)
    train, test = (place(split, spec, stream=stream, device=device) for split in (dataset.train, dataset.test))
    return replace(dataset, train=train, test=test)


def list_sources() -> dict[str, str]:
    """How each source is named, such as ``folder:PATH``, and what it is, in one line."""
    return {source.SPEC: source.SUMMARY for source in find_sources().values()}


def _unknown(spec: str, scheme: str, known: dict[str, str]) -> str:
    near = [known[name] for name in get_close_matches(scheme.lower(), known, n=1)]
    if spec and at_home(spec).is_dir():
        near = [f"folder:{spec}"]
    hint = f" Did you mean `{near[0]}`?" if near else ""
    return f"A dataset must be one of {', '.join(known.values())}; found `{spec}`.{hint}"
