"""pyautoattack, the reference implementation of AutoAttack that installs from PyPI (the extra ``[reference]``).

Its attacks are called one by one, as its own standard evaluation calls them, with that evaluation's parameters. What
surrounds them there stays out: the tracer that ends every debugger, the log, the checks that only warn.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from torch import Generator, nn

from robustill.attacks.base import Adversary
from robustill.attacks.budgets import Budget, Linf
from robustill.attacks.foreign import Foreign
from robustill.attacks.search import classify
from robustill.precision import at_least_float32
from robustill.types import Images, Labels, Logits

Name = Literal["apgd-ce", "apgd-t", "fab-t", "square"]
ATTACKS: tuple[Name, ...] = get_args(Name)


class Reference(Adversary):
    """One attack of pyautoattack's standard version; ``AutoAttack(engine="reference")`` runs all four.

    What it finds counts as far as any :class:`Foreign` attack's, and as there nothing is left behind.

    Attributes:
        budget: the ball to search.
        attack: ``apgd-ce``, ``apgd-t``, ``fab-t`` or ``square``.
        steps: gradients a restart or a target, of the first three.
        queries: of ``square``.
        seed: every batch begins with it; None draws one from the generator of the call.
    """

    budget: Budget
    attack: Name
    steps: int = 100
    queries: int = 5000
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.steps < 1 or self.queries < 1:
            raise ValueError(
                "Reference requires at least 1 step and at least 1 query. "
                f"Found: steps={self.steps}, queries={self.queries}."
            )

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        """Raises ValueError where pyautoattack is missing, or would fail on such a network or such images."""
        foreign = Foreign(function=self._search, budget=self.budget, name=f"pyautoattack's {self.attack}")
        noise = generator if self.seed is None else Generator().manual_seed(self.seed)
        return foreign(model, x, y, generator=noise)

    def require(self, x: Images, classes: int) -> None:
        """Raises ValueError where pyautoattack is missing, or would fail on so many classes or such images."""
        require_classes(classes)
        _require_size(x, self.budget)
        _package()

    def _search(self, model: nn.Module, x: Images, y: Labels) -> Images:
        self.require(x, classify(model, x[:1]).shape[1])

        def network(image: Images) -> Logits:
            return at_least_float32(model(image.to(x.dtype)))

        with _silence():
            theirs = _standard(network, self.budget, torch.initial_seed() if self.seed is None else self.seed, x)
            self._shorten(theirs)
            theirs.apgd.loss, theirs.fab.targeted = "ce", True
            run = {
                "apgd-ce": theirs.apgd,
                "apgd-t": theirs.apgd_targeted,
                "fab-t": theirs.fab,
                "square": theirs.square,
            }[self.attack]
            found: Images = run.perturb(x.float().contiguous(), y)
        return found

    def _shorten(self, theirs: Any) -> None:
        for apgd in (theirs.apgd, theirs.apgd_targeted):
            apgd.n_iter = apgd.n_iter_orig = self.steps
            apgd.n_iter_2, apgd.size_decr, apgd.n_iter_min = (
                max(int(share * self.steps), 1) for share in (0.22, 0.03, 0.06)
            )
        theirs.fab.n_iter, theirs.square.n_queries = self.steps, self.queries


def require_classes(classes: int) -> None:
    """Raises ValueError where there are fewer than the ten classes that pyautoattack's nine targets need."""
    if classes < 10:
        raise ValueError(
            f"pyautoattack requires at least 10 classes, for 9 targets. Found: {classes}. "
            'AutoAttack(engine="ours") takes as many targets as there are.'
        )


def _require_size(x: Images, budget: Budget) -> None:
    """In L2 and L1 its Square lays tiles that run over the border of some images."""
    height, width = x.shape[2:]
    side = height // 5
    first = (height - 5 * side) // 2
    over = any(first + size // side * side > size for size in (height, width)) if side > 1 else side == 0
    if over and not isinstance(budget, Linf):
        raise ValueError(
            f"pyautoattack's Square in L2 and L1 requires a size that its tiles fit, such as 28 or 32 pixels. "
            f'Found: {height} x {width}. AutoAttack(engine="ours") takes any size.'
        )


def _package() -> Any:
    try:
        return importlib.import_module("pyautoattack")
    except ImportError as error:
        raise ValueError(
            f'AutoAttack(engine="reference") needs the package pyautoattack, which cannot be imported ({error}); '
            "install it with: pip install 'robustill[reference]'."
        ) from None


def _standard(network: Callable[[Images], Logits], budget: Budget, seed: int, x: Images) -> Any:
    return _package().AutoAttack(network, norm=type(budget).__name__, eps=budget.radius, seed=seed, device=x.device)


@contextmanager
def _silence() -> Iterator[None]:
    """It logs its own construction, and gradients of zero as warnings."""
    logger = logging.getLogger("auto-attack")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
