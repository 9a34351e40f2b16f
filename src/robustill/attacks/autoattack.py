"""Croce, Hein: Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks.
ICML 2020, arXiv 2003.01690: AutoAttack, the standard evaluation of the literature.

APGD-CE, then APGD-T, then FAB-T, then Square, each on the images that the former left standing. An image is robust if
none of them broke it. The attacks search a faster copy of the network (``swift``); an image counts as broken when the
network itself errs on what they found.
"""

from __future__ import annotations

import torch
from torch import Generator, nn

from robustill.attacks.apgd import APGD, TargetedAPGD
from robustill.attacks.base import Adversary, frozen
from robustill.attacks.budgets import L1, Budget
from robustill.attacks.fab import TargetedFAB
from robustill.attacks.losses import TargetedDLR, TargetedMargin
from robustill.attacks.search import classify, column
from robustill.attacks.square import Square
from robustill.attacks.swift import swift
from robustill.types import Images, Labels

VERSIONS = ("standard", "quick")


class AutoAttack(Adversary):
    """The four attacks in turn; an image that withstood them all comes back as it was.

    Attributes:
        budget: the ball to search.
        version: ``standard`` is the four of the literature; ``quick`` ends after APGD-T, and can only report more
            robustness than the standard.
        seed: None draws from the generator of the call. A number seeds every attack on every batch anew, as the
            authors' code does with the same number: verdicts are then the reference's, up to what rounding decides.
        batch_size: how many images are attacked at a time.
    """

    budget: Budget
    version: str = "standard"
    seed: int | None = None
    batch_size: int = 256

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ValueError(f"AutoAttack requires a version of {', '.join(VERSIONS)}. Found: {self.version!r}.")
        if self.batch_size < 1:
            raise ValueError(f"AutoAttack requires a batch_size of at least 1. Found: {self.batch_size}.")

    def attacks(self, classes: int) -> dict[str, Adversary]:
        """What is run on a network of so many classes, by the names under which it is reported.

        Below four classes the ratio of logits that APGD-T climbs has no meaning; it climbs the margin and says so.
        """
        if classes < 2:
            raise ValueError(f"AutoAttack requires a network of at least 2 classes. Found: {classes}.")
        sparse, others = isinstance(self.budget, L1), classes - 1
        apgd_t = TargetedAPGD(
            budget=self.budget,
            loss=TargetedDLR() if classes >= 4 else TargetedMargin(),
            targets=min(5 if sparse else 9, others),
        )
        run: dict[str, Adversary] = {
            "apgd-ce": APGD(budget=self.budget, restarts=5 if sparse else 1),
            "apgd-t" if classes >= 4 else "apgd-t on the margin": apgd_t,
        }
        if self.version == "standard":
            run |= {
                "fab-t": TargetedFAB(budget=self.budget, targets=min(9, others)),
                "square": Square(budget=self.budget),
            }
        return run

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        x_adv = x.detach().clone()
        with frozen(model):
            clean = torch.cat([classify(model, batch) for batch in x.split(self.batch_size)])
            standing = clean.argmax(1) == y
            quicker = swift(model, x_adv[: self.batch_size])
            for attack in self.attacks(clean.shape[1]).values():
                for rows in standing.nonzero().squeeze(1).split(self.batch_size):
                    if not len(rows):
                        continue  # an empty tensor splits into one empty part
                    noise = generator if self.seed is None else Generator().manual_seed(self.seed)
                    found = attack(quicker, x_adv[rows], y[rows], generator=noise)
                    standing[rows] = classify(model, found).argmax(1) == y[rows]
                    x_adv[rows] = torch.where(column(standing[rows]), x_adv[rows], found)
        return x_adv
