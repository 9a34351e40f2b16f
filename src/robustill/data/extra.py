"""Extra training images, synthetic ones by the million, of which every batch has a share.

Wang, Pang, Du, Lin, Liu, Yan, "Better Diffusion Models Further Improve Adversarial Training" (BDM-AT),
arXiv:2302.04638, whose teachers were trained on batches of which 0.7 were generated. Their files are archives of
``image`` and ``label``. In their code an epoch has as many steps as without extra images; here it is a pass over the
original set, so that one of their epochs at 0.7 is 0.3 of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from robustill.data.formats.arrays import Array, as_images, as_labels, open_npy, open_npz
from robustill.data.split import Split
from robustill.data.stored import Mapped
from robustill.files import at_home

if TYPE_CHECKING:
    from robustill.data.dataset import Dataset

_KEYS = ("image", "label")


@dataclass(frozen=True, eq=False)
class Extra:
    """Images of which every batch has the share ``ratio``, of the same classes and shape as the original ones."""

    split: Split
    ratio: float = 0.7

    def check(self, batch_size: int) -> None:
        """Raises ValueError if a batch would have images of one kind alone."""
        if not 0 < self.count(batch_size) < batch_size:
            raise ValueError(
                "A batch must have both extra and original images; "
                f"found a share of {self.ratio:g} extra ones of a batch of {batch_size}."
            )

    def count(self, batch_size: int) -> int:
        """How many images of a whole batch are extra."""
        return round(self.ratio * batch_size)

    def beside(self, own: int, batch_size: int) -> int:
        """How many extra images go with so many original ones; an epoch's last batch may have few."""
        count = self.count(batch_size)
        return round(own * count / (batch_size - count))


def load_extra(spec: str, dataset: Dataset, *, image_size: int | None = None, channels: int | None = None) -> Split:
    """Extra images for a dataset: ``npz:PATH``, an archive of ``image`` and ``label``, or ``npy:PATH``, a folder with
    image.npy and label.npy.

    Images are bytes (NHW, NHWC or NCHW), labels whole numbers in the order of the dataset's classes. The images of a
    folder, and those of an archive that is not compressed and larger than a share of the free memory, stay on the disk
    and are mapped. Raises FileNotFoundError if there is nothing at PATH, and ValueError, naming the array, for what
    cannot be used.
    """
    scheme, _, path = spec.partition(":")
    if scheme not in ("npz", "npy") or not path:
        raise ValueError(
            "Extra images must be given as npz:PATH, an archive of `image` and `label`, or npy:PATH, a folder with "
            f"image.npy and label.npy; found `{spec}`."
        )
    place = at_home(path)
    arrays = open_npz(place, _KEYS) if scheme == "npz" else {key: open_npy(place / f"{key}.npy") for key in _KEYS}
    split = _split(arrays, str(place), image_size, channels)
    if split.shape != dataset.train.shape:
        found, wanted = ("x".join(map(str, shape)) for shape in (split.shape, dataset.train.shape))
        raise ValueError(
            f"{place}: extra images must have the shape of the others, {wanted}; found {found} (channels x height x "
            "width). `image_size` and `channels` change both."
        )
    high = int(split.labels.max())
    if high >= dataset.num_classes or int(split.labels.min()) < 0:
        raise ValueError(
            f"{place}: extra images must be of the classes of {dataset.name}, 0 to {dataset.num_classes - 1}; "
            f"found labels from {int(split.labels.min())} to {high}."
        )
    return split


def _split(arrays: dict[str, Array], where: str, image_size: int | None, channels: int | None) -> Split:
    images, labels = (arrays[key] for key in _KEYS)
    stack, classes = as_images(images, f"{where}: image"), as_labels(np.asarray(labels), f"{where}: label")
    if len(stack) != len(classes) or len(classes) == 0:
        raise ValueError(
            f"{where}: every extra image needs one label, and there must be some; found {len(stack)} images and "
            f"{len(classes)} labels."
        )
    return Split(Mapped(stack, image_size, channels), torch.from_numpy(classes))
