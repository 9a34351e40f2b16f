"""Square: its schedule, what it accepts, what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from robustill.attacks import Linf, Square
from tests.attacks.oracle import case
from tests.networks import Counting


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_squares_shrink() -> None:
    sides: list[int] = []

    class Watching(torch.nn.Module):
        last: Tensor | None = None

        def forward(self, z: Tensor) -> Tensor:
            if self.last is not None and self.last.shape == z.shape:
                sides.append(int((z != self.last).flatten(2).any(0).any(0).sum()))
            self.last = z.clone()
            return torch.stack([1 + 0 * z.sum((1, 2, 3)), 0 * z.sum((1, 2, 3))], 1)

    x = torch.full((1, 1, 16, 16), 0.5)
    Square(budget=Linf(0.1), queries=60)(Watching(), x, torch.zeros(1, dtype=torch.int64), generator=generator())
    assert len(sides) > 40
    # Changes that are not kept are undone in the next: at most two squares of 0.8, then 0.4, then 0.2 of the image.
    assert max(sides[2:12]) > 1.5 * 0.2 * 256 and max(sides[53:]) <= 2 * 8**2


def test_queries_are_counted() -> None:
    network, x, y = case(3, 1, 6, 6)
    counting = Counting(network, len(x))
    Square(budget=Linf(1e-7), queries=9)(counting, x, y)
    assert (counting.forwards, counting.backwards) == (2 + 9, 0)


@pytest.mark.parametrize(("queries", "share"), [(0, 0.8), (10, 0.0), (10, 1.5)])
def test_numbers_out_of_range_are_refused(queries: int, share: float) -> None:
    with pytest.raises(ValueError, match=rf"a share in \(0, 1\]. Found: queries={queries}, share={share}"):
        Square(budget=Linf(0.1), queries=queries, share=share)
