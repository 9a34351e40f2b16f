"""Batches of random images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from robustill.types import Images, Labels
from tests.networks import images, labels


@dataclass(frozen=True)
class Noise:
    """An epoch of random images, other ones in each, in batches of these sizes."""

    sizes: tuple[int, ...]
    side: int = 6
    device: str = "cpu"

    def __len__(self) -> int:
        return len(self.sizes)

    def epoch(self, number: int) -> Iterator[tuple[Images, Labels]]:
        for step, size in enumerate(self.sizes):
            seed = 100 * number + step
            x, y = images(size, 3, self.side, self.side, seed=seed), labels(size, 10, seed=seed)
            yield x.to(self.device), y.to(self.device)
