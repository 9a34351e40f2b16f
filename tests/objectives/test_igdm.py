"""IGDM: on linear networks it is known in closed form; its weight, its points, its refusals."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from robustill.methods.pgd_at import PGDAT
from robustill.objectives import IGDM, Constant, Line, Linear, igdm, kl, l1, squared_l2
from robustill.objectives.igdm import DISTANCES
from tests.networks import Counting, conv_net, frozen_teacher, images, labels, linear, logits

POINTS = [(1.0, 1.0), (0.5, 0.25), (1.0, 0.0), (0.0, 2.0), (3.0, 1.0)]
over_points = pytest.mark.parametrize(("beta", "gamma"), POINTS)


def linear_line() -> tuple[Line, torch.Tensor, torch.Tensor]:
    """A line through two linear networks in float64, with W_S δ and W_T δ."""
    student, teacher = (linear(5, 12, seed=seed, dtype=torch.float64) for seed in (0, 1))
    x = images(6, 3, 2, 2, dtype=torch.float64)
    x_adv = images(6, 3, 2, 2, seed=2, dtype=torch.float64)
    delta = (x_adv - x).flatten(1)
    along_s, along_t = ((delta @ network.weight.T).detach() for network in (student, teacher))
    return Line(student, teacher, x, labels(6, 5), x_adv), along_s, along_t


@over_points
def test_with_squared_l2_on_linear_networks_it_is_the_distance_of_the_gradients_along_delta(
    beta: float, gamma: float
) -> None:
    """(β + γ)² ‖(W_S - W_T) δ‖²: biases cancel, and so does x. To the last digits of float64."""
    line, along_s, along_t = linear_line()
    loss = IGDM(alpha=3, beta=beta, gamma=gamma, ramp=Constant(), distance="squared_l2")(line)
    expected = 3 * (beta + gamma) ** 2 * (along_s - along_t).square().sum(1)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


@over_points
def test_with_l1_on_linear_networks(beta: float, gamma: float) -> None:
    line, along_s, along_t = linear_line()
    loss = IGDM(alpha=1, beta=beta, gamma=gamma, distance="l1")(line)
    torch.testing.assert_close(loss, (beta + gamma) * (along_s - along_t).abs().sum(1), rtol=1e-12, atol=0)


@over_points
def test_with_kl_on_linear_networks_the_teachers_difference_is_the_target(beta: float, gamma: float) -> None:
    line, along_s, along_t = linear_line()
    p, q = ((beta + gamma) * along_t).softmax(1), ((beta + gamma) * along_s).softmax(1)
    loss = IGDM(alpha=1, beta=beta, gamma=gamma)(line)
    torch.testing.assert_close(loss, (p * (p / q).log()).sum(1), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("distance", list(DISTANCES))
def test_it_is_zero_where_both_networks_agree_up_to_a_shift(distance: Any) -> None:
    line, *_ = linear_line()
    for c in (1, -1):
        line.student_logits[c] = line.teacher(c) + 5  # the shift stands for different predictions at x
    assert IGDM(alpha=1, distance=distance)(line).abs().max() < 1e-12


def test_the_function_takes_plain_logits() -> None:
    s_plus, s_minus, t_plus, t_minus = (logits(4, 3, seed=seed) for seed in range(4))
    torch.testing.assert_close(igdm(s_plus, s_minus, t_plus, t_minus), kl(t_plus - t_minus, s_plus - s_minus))
    for distance in (squared_l2, l1):
        expected = distance(t_plus - t_minus, s_plus - s_minus)
        assert torch.equal(igdm(s_plus, s_minus, t_plus, t_minus, distance=distance), expected)


def test_the_weight_follows_the_ramp() -> None:
    student, teacher = ({1.0: logits(4, 3, seed=s), -1.0: logits(4, 3, seed=s + 1)} for s in (0, 2))

    def at(progress: float, term: IGDM) -> torch.Tensor:
        return term(Line.from_logits(labels(4, 3), student=student, teacher=teacher, progress=progress))

    whole = igdm(student[1], student[-1], teacher[1], teacher[-1])
    torch.testing.assert_close(at(0.25, IGDM(alpha=8)), 2 * whole)  # α · epoch / epochs
    torch.testing.assert_close(at(1.0, IGDM(alpha=8)), 8 * whole)
    torch.testing.assert_close(at(0.25, IGDM(alpha=8, ramp=Constant())), 8 * whole)
    assert IGDM(alpha=8).ramp == Linear()


def test_images_beyond_the_pixels_reach_the_networks_unclipped() -> None:
    seen = list[torch.Tensor]()

    class Seeing(Counting):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return super().forward(x)

    x = images(2, 1, 2, 2).round()
    delta = 0.1 * (1 - 2 * x)
    line = Line(Seeing(linear(3, 4), 2), Seeing(linear(3, 4, seed=1), 2), x, labels(2, 3), x + delta)
    IGDM(alpha=1, beta=2)(line)
    plus, minus = x + 2 * delta, x - delta
    assert minus.min() < 0 and minus.max() > 1
    for image, expected in zip(seen, (plus, minus, plus, minus), strict=True):
        torch.testing.assert_close(image, expected)


def test_it_shares_its_points_with_whatever_else_is_on_the_line() -> None:
    student, teacher = Counting(conv_net(), 2), Counting(frozen_teacher(conv_net(seed=1)), 2)
    line = Line(student, teacher, images(2, 3, 6, 6), labels(2, 10), images(2, 3, 6, 6, seed=1))
    line.student(1)
    IGDM(alpha=1)(line)
    IGDM(alpha=2, gamma=0.5)(line)
    assert student.calls == teacher.calls == 3


def test_it_needs_a_teacher() -> None:
    x = images(2, 3, 6, 6)
    line = Line(conv_net(), None, x, labels(2, 10), x)
    with pytest.raises(ValueError, match=r"asks for a teacher. Found: teacher=None"):
        (PGDAT() + IGDM(alpha=1))(line)


@pytest.mark.parametrize("alpha", [-1.0, math.inf, math.nan])
def test_alpha_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=f"IGDM requires a finite alpha of at least 0. Found: {alpha}"):
        IGDM(alpha=alpha)


@pytest.mark.parametrize(("beta", "gamma"), [(0, 0), (-1, 2), (2, -1), (math.inf, 1), (1, math.nan)])
def test_points_are_refused(beta: float, gamma: float) -> None:
    with pytest.raises(ValueError, match=rf"not both 0. Found: beta={beta}, gamma={gamma}"):
        IGDM(alpha=1, beta=beta, gamma=gamma)


def test_a_distance_is_refused() -> None:
    """By the component itself: without the type checks of the tests, and whoever builds it."""
    term = object.__new__(IGDM)
    for name, value in {"alpha": 1.0, "beta": 1.0, "gamma": 1.0, "ramp": Linear(), "distance": "cosine"}.items():
        object.__setattr__(term, name, value)
    with pytest.raises(ValueError, match=r"IGDM requires a distance among kl, squared_l2, l1. Found: 'cosine'"):
        term.__post_init__()
