"""Square: shapes of its changes, and that it accepts only what is better."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from robustill.attacks import L1, L2, Budget, Linf, Square
from robustill.attacks.square import _bump, _move_mass, _move_square, _rectangle, _stripes, _tiles
from tests.attacks.oracle import case
from tests.networks import Counting, images


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_linf_begins_with_stripes_at_the_border_of_the_ball() -> None:
    x = torch.full((2, 3, 6, 5), 0.5)
    delta = _stripes(x, Linf(0.1), generator()) - x
    torch.testing.assert_close(delta.abs(), torch.full_like(x, 0.1))
    assert torch.equal(delta, delta[:, :, :1].expand_as(delta))


@pytest.mark.parametrize("share", [0.5, 0.01])
def test_linf_moves_one_square_to_the_border_of_the_ball(share: float) -> None:
    x = torch.full((3, 2, 8, 8), 0.5)
    moved = _move_square(x, x, share, Linf(0.1), generator()) - x
    changed = (moved != 0).any(0).any(0)
    rows, columns = changed.any(1).sum(), changed.any(0).sum()
    assert rows == columns == max(round((share * 64) ** 0.5), 1) and changed.sum() == rows * columns
    torch.testing.assert_close(moved[moved != 0].abs(), torch.full_like(moved[moved != 0], 0.1))


def test_a_rectangle_is_highest_in_its_middle_and_of_norm_one() -> None:
    values = _rectangle(5, 5, 2, torch.zeros(()), L2(1))
    assert values.argmax() == 12
    torch.testing.assert_close(values.norm(), torch.tensor(1.0))
    ring = 1 / 9  # the outermost ring has one term of the sum, (2 + 1)^-2; the middle has three
    torch.testing.assert_close(values[0, 0] / values[2, 2], torch.tensor(ring / (1 + 1 / 4 + ring)))


@pytest.mark.parametrize("budget", [L2(0.5), L1(3)], ids=repr)
@pytest.mark.parametrize("side", [1, 2, 3, 6, 7])
def test_a_bump_has_norm_one_and_two_signs(budget: Budget, side: int) -> None:
    bump = _bump(side, torch.zeros(()), budget, generator())
    assert bump.shape == (side, side)
    torch.testing.assert_close(budget.norm(bump[None, None]), torch.ones(1))
    assert side == 1 or (bump.min() < 0 < bump.max())


@pytest.mark.parametrize("budget", [L2(0.5), L1(3)], ids=repr)
@pytest.mark.parametrize("shape", [(3, 10, 10), (1, 12, 12), (2, 14, 9), (1, 3, 7), (1, 5, 5)], ids=str)
def test_tiles_and_moves_fit_images_of_any_shape(budget: Budget, shape: tuple[int, ...]) -> None:
    x = images(4, *shape)
    noise = generator()
    best = _tiles(x, budget, noise)
    for share in (0.8, 0.1, 0.01):
        best = _move_mass(x, best, share, budget, noise)
        assert best.isfinite().all() and best.min() >= 0 and best.max() <= 1
        assert (budget.norm(best - x) <= budget.radius * (1 + 1e-5)).all()


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
