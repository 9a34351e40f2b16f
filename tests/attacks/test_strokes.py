"""What Square paints: shapes, norms, and the numbers that the authors' code would draw."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from robustill.attacks import L1, L2, Budget, Linf
from robustill.attacks.strokes import Bumps, Squares, bump, rectangle
from tests.networks import images


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_linf_begins_with_stripes_at_the_border_of_the_ball() -> None:
    x = torch.full((2, 3, 6, 5), 0.5)
    delta = Squares(x, Linf(0.1), [0.8], generator()).first() - x
    torch.testing.assert_close(delta.abs(), torch.full_like(x, 0.1))
    assert torch.equal(delta, delta[:, :, :1].expand_as(delta))


@pytest.mark.parametrize("share", [0.5, 0.01])
def test_linf_moves_one_square_to_the_border_of_the_ball(share: float) -> None:
    x = torch.full((3, 2, 8, 8), 0.5)
    strokes = Squares(x, Linf(0.1), [share], generator())
    window, pixels = strokes.stroke(0, x)
    assert strokes.size(0) == 2 * (max(round((share * 64) ** 0.5), 1),) == pixels.shape[2:]
    torch.testing.assert_close((pixels - window.of(x)).abs(), torch.full_like(pixels, 0.1))
    assert (pixels == pixels[:1, :, :1, :1]).all()  # one side for a channel, in all images


def test_linf_draws_at_once_what_the_authors_code_draws_query_by_query() -> None:
    x = images(2, 3, 9, 7)
    noise, strokes = generator(3), Squares(x, Linf(0.1), [0.3] * 20, generator(3))
    torch.rand(2, 3, 1, 7, generator=noise)  # the stripes
    for query in range(20):
        top, left = (int((length - 4) * torch.rand(1, generator=noise)) for length in (9, 7))
        signs = (2 * torch.rand(3, 1, 1, generator=noise) - 1).sign()
        window, pixels = strokes.stroke(query, x)
        assert window == ((top, top + 4), (left, left + 4))
        torch.testing.assert_close(pixels, (window.of(x) + 0.1 * signs).clamp(0, 1))


def test_a_rectangle_is_highest_in_its_middle_and_of_norm_one() -> None:
    values = rectangle(5, 5, 2, torch.zeros(()), L2(1))
    assert values.argmax() == 12
    torch.testing.assert_close(values.norm(), torch.tensor(1.0))
    ring = 1 / 9  # the outermost ring has one term of the sum, (2 + 1)^-2; the middle has three
    torch.testing.assert_close(values[0, 0] / values[2, 2], torch.tensor(ring / (1 + 1 / 4 + ring)))


@pytest.mark.parametrize("budget", [L2(0.5), L1(3)], ids=repr)
@pytest.mark.parametrize("side", [1, 2, 3, 6, 7])
def test_a_bump_has_norm_one_and_two_signs(budget: Budget, side: int) -> None:
    both = bump(side, torch.zeros(()), budget)
    assert both.shape == (side, side)
    torch.testing.assert_close(budget.norm(both[None, None]), torch.ones(1))
    assert side == 1 or (both.min() < 0 < both.max())


@pytest.mark.parametrize("budget", [L2(0.5), L1(3)], ids=repr)
@pytest.mark.parametrize("shape", [(3, 10, 10), (1, 12, 12), (2, 14, 9), (1, 3, 7), (1, 5, 5)], ids=str)
def test_bumps_fit_images_of_any_shape(budget: Budget, shape: tuple[int, ...]) -> None:
    x = images(4, *shape)
    strokes = Bumps(x, budget, [0.8, 0.1, 0.01], generator())
    best = strokes.first()
    for query in range(3):
        window, best = strokes.stroke(query, best)
        assert strokes.size(query) == shape[1:] and torch.equal(window.of(x), x)
        assert best.isfinite().all() and best.min() >= 0 and best.max() <= 1
        assert (budget.norm(best - x) <= budget.radius * (1 + 1e-5)).all()


@pytest.mark.parametrize("budget", [Linf(0.1), L2(0.5)], ids=repr)
def test_images_that_left_are_not_painted(budget: Budget) -> None:
    x = images(4, 3, 10, 10)
    stay = torch.tensor([True, False, True, True])
    strokes = (Squares if isinstance(budget, Linf) else Bumps)(x, budget, [0.1], generator())
    best = strokes.first()[stay]
    strokes.keep(stay)
    window, pixels = strokes.stroke(0, best)
    painted = best.clone()
    window.of(painted).copy_(pixels)
    assert not torch.equal(painted, best) and (budget.norm(painted - x[stay]) <= budget.radius * (1 + 1e-5)).all()
