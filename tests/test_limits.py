"""Absurd numbers are refused before anything is computed with them."""

from __future__ import annotations

import pytest

from robustill.limits import STEPS, require_between, require_steps


@pytest.mark.parametrize("value", [1, 5, 10])
def test_a_number_in_its_range(value: int) -> None:
    require_between("jobs", value, 1, 10)
    require_steps("PGD", value)


@pytest.mark.parametrize(
    ("value", "message"),
    [(0, r"^jobs must be at least 1\. Found: 0\.$"), (11, r"^jobs must be at most 10\. Found: 11\.$")],
)
def test_a_number_out_of_its_range(value: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_between("jobs", value, 1, 10)


def test_steps_out_of_their_range() -> None:
    require_steps("PGD", STEPS)
    with pytest.raises(ValueError, match=r"^PGD requires at most 100000 steps\. Found: steps=100001\.$"):
        require_steps("PGD", STEPS + 1)
    with pytest.raises(ValueError, match=r"^PGD requires at least 1 step\. Found: steps=0\.$"):
        require_steps("PGD", 0)
