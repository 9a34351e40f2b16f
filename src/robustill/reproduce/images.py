"""The images of a reproduction: a set as it is, or a smaller training set drawn from it and kept beside the runs."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from robustill.data import load
from robustill.files import replacing


@dataclass(frozen=True)
class Images:
    """Where images come from.

    Attributes:
        source: as a recipe's ``data``.
        training: how many training images are drawn, stratified; None takes all, from the source itself. All test
            images are kept.
    """

    source: str
    training: int | None = None

    @property
    def name(self) -> str:
        """What tells these images from others, wherever the runs are."""
        if self.training is None:
            return self.source
        return f"images-{self.training}-{sha256(self.source.encode()).hexdigest()[:6]}"

    def text(self, runs: Path) -> str:
        """As a recipe's ``data``, once :meth:`prepare` was called."""
        return self.source if self.training is None else f"npz:{self._file(runs)}"

    def prepare(self, runs: Path) -> None:
        """Draws the smaller set, if there is one and it is not there yet.

        Raises:
            ValueError, FileNotFoundError: the source is not to be had.
        """
        if self.training is None:
            load(self.source, stream=True)  # is it there?
            return
        if self._file(runs).exists():
            return
        dataset = load(self.source)
        arrays = {"classes": np.array(dataset.classes)}
        for part, split in (("train", dataset.train.stratified(self.training, 0)), ("test", dataset.test)):
            arrays |= {f"x_{part}": split.images.cpu().numpy(), f"y_{part}": split.labels.cpu().numpy()}
        with replacing(self._file(runs)) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub reads ** as allow_pickle

    def _file(self, runs: Path) -> Path:
        return runs / f"{self.name}.npz"
