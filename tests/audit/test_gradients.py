"""B: gradients that attacks cannot follow."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.audit.planting import constant, easy, reading, subject_of, verdict
from tests.networks import linear


class Through(nn.Module):
    """A linear network behind a function of the pixels."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.network = function, linear(4, 36)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.network(self.function(x)))


def rippled(x: Tensor) -> Tensor:
    """Almost the identity, with slopes that change their sign ten times within a level."""
    wave = 2 * math.pi * 255 * 10
    return x + 200 * (wave * x).sin() / wave


def test_a_linear_network_has_perfect_gradients() -> None:
    subject = easy()
    assert [verdict(id, subject)[0] for id in ("B11", "B13", "B14", "B15")] == ["pass"] * 4
    assert reading("B13", subject).value < 0.01 and reading("B15", subject).value < 1e-4


def test_no_gradient_at_all() -> None:
    blind = subject_of(constant())
    assert verdict("B11", blind)[0] == "fail"
    assert verdict("B13", blind) == verdict("B14", blind) == ("skipped", "every gradient is zero")


def test_the_gradient_of_another_function() -> None:
    assert verdict("B13", subject_of(Through(lambda x: x - 2 * (x - 0.5).detach())))[0] == "fail"
    assert verdict("B13", subject_of(Through(lambda x: (x - 0.5) * 3)))[0] == "pass"


def test_a_clamp_at_the_borders_is_honest() -> None:
    """At 0 and 1 a clamp has one slope to the left and another to the right."""
    assert verdict("B13", subject_of(Through(lambda x: ((x - 0.2) * 2).clamp(0, 1))))[0] == "pass"


def test_shattered_gradients() -> None:
    assert verdict("B14", subject_of(Through(rippled)))[0] == "fail"


@pytest.mark.parametrize(
    ("function", "expected"), [(torch.square, "pass"), (lambda x: (100 * x).sin(), "fail")], ids=["square", "sine"]
)
def test_linearity(function: Callable[[Tensor], Tensor], expected: str) -> None:
    assert verdict("B15", subject_of(Through(function)))[0] == expected


def test_images_of_black_and_white_have_no_slope_to_measure() -> None:
    subject = easy()
    subject.__dict__["x"] = subject.x.round()
    assert verdict("B13", subject) == ("skipped", "only pixels at 0 and 1 have a gradient")
