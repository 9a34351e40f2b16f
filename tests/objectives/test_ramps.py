"""Ramps."""

from __future__ import annotations

from robustill.objectives import Constant, Linear


def test_linear_follows_the_progress_and_ends_at_one() -> None:
    assert [Linear()(epoch / 4) for epoch in range(1, 5)] == [0.25, 0.5, 0.75, 1]


def test_constant_does_not_move() -> None:
    assert [Constant()(progress) for progress in (0.005, 1.0)] == [1, 1]
