"""The adversaries of the papers' tables by their short names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from robustill.attacks import PGD, Attack, Budget, Clean, Uniform


def adversaries_named(names: Iterable[str], budget: Budget) -> dict[str, Attack]:
    """``clean``, and ``pgd20`` (any number of steps): PGD from a uniform start, its step a quarter of the radius.

    Raises:
        ValueError: a name is not known.
    """
    return {name: _named(name, budget) for name in names}


def standard_adversaries(budget: Budget) -> dict[str, Attack]:
    """Clean and PGD-20, at 8/255 with the step 2/255 of the papers."""
    return adversaries_named(("clean", "pgd20"), budget)


def _named(name: str, budget: Budget) -> Attack:
    if name == "clean":
        return Clean()
    match = re.fullmatch(r"pgd([1-9]\d{0,4})", name)
    if match is None:
        raise ValueError(f"Required: an attack named clean or pgdN, such as pgd20. Found: {name!r}.")
    return PGD(budget=budget, steps=int(match[1]), step_size=budget.radius / 4, start=Uniform())
