"""Adversaries by what is written on the command line: short names, their own budgets, expressions, own functions.

    clean                             no attack
    fgsm, pgd20, cw20, pgd20x5        N steps of radius / 4 from a uniform start; xR: R restarts
    apgd-ce, apgd-dlr, apgd-t, fab-t, square, autoattack, autoattack-quick
    noise, noise100                   uniform noise; 100 draws, the first that fools the model
    vmi                               VMI-FGSM on a surrogate, shown to the model
    NAME@BUDGET                       any of them in a ball of its own: pgd20@L1(12), pgd20@L2(128/255)
    PGD(budget=Linf(8/255), ...)      any adversary as an expression
    pkg.mod:function                  somebody else's attack, called with the model, images and labels

Of the IGDM paper's Table 6: ``pgd20@L1(12)``, ``pgd20@L2(128/255)`` and ``vmi@Linf(16/255)``.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from robustill.attacks import (
    APGD,
    DLR,
    FGSM,
    PGD,
    VMIFGSM,
    Adversary,
    Ascent,
    AutoAttack,
    Budget,
    Clean,
    Foreign,
    Margin,
    Square,
    TargetedAPGD,
    TargetedFAB,
    Transfer,
    Uniform,
    UniformNoise,
)
from robustill.expression import parse

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
_FUNCTION = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)")


@dataclass(frozen=True, eq=False)
class Surrogate:
    """The network on which transferred attacks are found, and what it is called."""

    network: nn.Module
    name: str


def adversaries_named(
    names: Iterable[str], budget: Budget, *, surrogate: Surrogate | None = None, engine: str = "ours"
) -> dict[str, Adversary]:
    """Adversaries in the order of their names (see the top of this file), over ``budget`` where they name none.

    Args:
        names: of the adversaries.
        budget: the ball of those that name none.
        surrogate: the network on which ``vmi`` is found.
        engine: of every AutoAttack; ``reference`` is pyautoattack.

    Raises:
        ValueError: a name is not known, ``vmi`` has no surrogate, or a surrogate or an engine has nothing to do.
    """
    found = {name.strip(): _adversary(name.strip(), budget, surrogate) for name in names}
    if engine != "ours":
        if not any(isinstance(adversary, AutoAttack) for adversary in found.values()):
            raise ValueError(
                f"An engine is for autoattack. Found: {', '.join(found)}. Name it too, or leave the engine out."
            )
        found = {k: replace(v, engine=engine) if isinstance(v, AutoAttack) else v for k, v in found.items()}
    if surrogate is not None and not any(isinstance(adversary, Transfer) for adversary in found.values()):
        raise ValueError(
            f"A surrogate is for vmi. Found: {', '.join(found)}. Name vmi too, or leave the surrogate out."
        )
    return found


def standard_adversaries(budget: Budget) -> dict[str, Adversary]:
    """Clean and PGD-20, at 8/255 with the step 2/255 of the papers."""
    return adversaries_named(("clean", "pgd20"), budget)


def split_names(text: str) -> list[str]:
    """The names between the commas of a text; a comma inside brackets or quotes belongs to an expression."""
    names, depth, quote = [""], 0, ""
    for sign in text:
        if quote or sign in "\"'":
            quote = "" if sign == quote else quote or sign
        else:
            depth += (sign in "([") - (sign in ")]")
        if sign == "," and not depth and not quote:
            names.append("")
        else:
            names[-1] += sign
    return names


def _adversary(text: str, budget: Budget, surrogate: Surrogate | None) -> Adversary:
    name, own_ball, ball = text.partition("@")
    if own_ball and "(" not in name:
        return _adversary(name.strip(), parse(ball, Budget), surrogate)
    if match := _FUNCTION.fullmatch(text):
        imported = _imported(match[1], match[2])
        if not isinstance(imported, type):
            return Foreign(function=imported, budget=budget, name=text)
    if match or "(" in text:
        return parse(text, Adversary)
    if name == "vmi":
        if surrogate is None:
            raise ValueError("vmi is found on another network. Found: none. Name it, with --surrogate run:DIRECTORY.")
        return Transfer(attack=VMIFGSM(budget=budget), surrogate=surrogate.network, name=surrogate.name)
    return _named(name, budget)


def _named(name: str, budget: Budget) -> Adversary:
    if name in NAMED:
        return NAMED[name](budget)
    if match := re.fullmatch(r"noise([1-9]\d{0,5})?", name):
        return UniformNoise(budget=budget, draws=int(match[1] or 1))
    match = re.fullmatch(r"(pgd|cw)([1-9]\d{0,4})(?:x([1-9]\d{0,2}))?", name)
    if match is None:
        others = ", ".join(sorted(NAMED.keys() - {"clean"}))
        raise ValueError(
            f"Required: an attack named clean or pgdN, such as pgd20. Found: {name!r}. Others: {others}, cwN, pgdNxR "
            "and cwNxR with R restarts, noise, vmi; NAME@L2(0.5) has a budget of its own, and expressions are welcome."
        )
    pgd = PGD(budget=budget, steps=int(match[2]), step_size=budget.radius / 4, start=Uniform())
    restarts = int(match[3] or 1)
    if match[1] == "cw":
        return Ascent(attack=pgd, loss=Margin(), restarts=restarts)
    return Ascent(attack=pgd, restarts=restarts) if restarts > 1 else pgd


def _imported(module: str, name: str) -> Any:
    """Somebody's function or class."""
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ValueError(
            f"Cannot import {module!r} for {module}:{name}: {error}. Is its folder in PYTHONPATH?"
        ) from None
    if not callable(found):
        raise ValueError(f"{module}:{name} must be a function of (model, x, y), or an adversary. Found: {found!r}.")
    return found
