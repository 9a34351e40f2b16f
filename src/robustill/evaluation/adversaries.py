"""The adversaries of the papers' tables by their short names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from robustill.attacks import (
    APGD,
    DLR,
    FGSM,
    PGD,
    Adversary,
    Ascent,
    AutoAttack,
    Budget,
    Clean,
    Margin,
    Square,
    TargetedAPGD,
    TargetedFAB,
    Uniform,
)

NAMED: dict[str, Callable[[Budget], Adversary]] = {
    "clean": lambda budget: Clean(),
    "fgsm": lambda budget: FGSM(budget=budget),
    "apgd-ce": lambda budget: APGD(budget=budget),
    "apgd-dlr": lambda budget: APGD(budget=budget, loss=DLR()),
    "apgd-t": lambda budget: TargetedAPGD(budget=budget),
    "fab-t": lambda budget: TargetedFAB(budget=budget),
    "square": lambda budget: Square(budget=budget),
    "autoattack": lambda budget: AutoAttack(budget=budget),
    "autoattack-quick": lambda budget: AutoAttack(budget=budget, version="quick"),
}


def adversaries_named(names: Iterable[str], budget: Budget) -> dict[str, Adversary]:
    """Adversaries over one ball, in the order of the names.

    ``pgd20`` (any number of steps) is PGD from a uniform start, its step a quarter of the radius, ``cw20`` the same on
    the margin of Carlini and Wagner, and ``pgd20x5`` or ``cw20x5`` five of them in turn on the images that still
    stand. ``autoattack`` is the standard version. The others are in ``NAMED``, with their published parameters.

    Raises:
        ValueError: a name is not known.
    """
    return {name: _named(name, budget) for name in names}


def standard_adversaries(budget: Budget) -> dict[str, Adversary]:
    """Clean and PGD-20, at 8/255 with the step 2/255 of the papers."""
    return adversaries_named(("clean", "pgd20"), budget)


def _named(name: str, budget: Budget) -> Adversary:
    if name in NAMED:
        return NAMED[name](budget)
    match = re.fullmatch(r"(pgd|cw)([1-9]\d{0,4})(?:x([1-9]\d{0,2}))?", name)
    if match is None:
        others = ", ".join(sorted(NAMED.keys() - {"clean"}))
        raise ValueError(
            f"Required: an attack named clean or pgdN, such as pgd20. Found: {name!r}. "
            f"Others: {others}, cwN, and pgdNxR and cwNxR with R restarts."
        )
    pgd = PGD(budget=budget, steps=int(match[2]), step_size=budget.radius / 4, start=Uniform())
    restarts = int(match[3] or 1)
    if match[1] == "cw":
        return Ascent(attack=pgd, loss=Margin(), restarts=restarts)
    return Ascent(attack=pgd, restarts=restarts) if restarts > 1 else pgd
