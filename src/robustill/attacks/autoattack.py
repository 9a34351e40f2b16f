"""Croce, Hein: Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks.
ICML 2020, arXiv 2003.01690: AutoAttack, the standard evaluation of the literature.

APGD-CE, then APGD-T, then FAB-T, then Square, each on the images that the former left standing. An image is robust if
none of them broke it. The attacks search a faster copy of the network (``swift``); an image counts as broken when the
network itself errs on what they found.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int8
from torch import Generator, Tensor, nn

from robustill.attacks.apgd import APGD, TargetedAPGD
from robustill.attacks.base import Adversary, frozen
from robustill.attacks.budgets import L1, Budget
from robustill.attacks.fab import TargetedFAB
from robustill.attacks.losses import TargetedDLR, TargetedMargin
from robustill.attacks.reference import ATTACKS, Reference, require_classes
from robustill.attacks.search import classify
from robustill.attacks.square import Square
from robustill.attacks.swift import swift
from robustill.types import Images, Labels

VERSIONS = ("standard", "quick")
ENGINES = ("ours", "reference")
STANDS = -1
"""What ``Staged.broken_by`` holds of an image that nothing broke."""


@dataclass(frozen=True, eq=False)
class Staged:
    """What AutoAttack found, and by which of its attacks.

    Attributes:
        images: an adversarial example of each broken image; the image itself where it was wrong already or stands.
        broken_by: an index into ``stages`` for each image, 0 for one that was wrong already, -1 for one that stands.
        stages: ``clean``, then the attacks in the order in which they ran.
    """

    images: Images
    broken_by: Int8[Tensor, " batch"]
    stages: tuple[str, ...]


class AutoAttack(Adversary):
    """The four attacks in turn; an image that withstood them all comes back as it was.

    Attributes:
        budget: the ball to search.
        version: ``standard`` is the four of the literature; ``quick`` ends after APGD-T, and can only report more
            robustness than the standard.
        seed: None draws from the generator of the call. A number seeds every attack on every batch anew, as the
            authors' code does with the same number: verdicts are then the reference's, up to what rounding decides.
        batch_size: how many images are attacked at a time.
        engine: ``reference`` runs the attacks of pyautoattack, of the extra ``[reference]``, on the network itself.
    """

    budget: Budget
    version: str = "standard"
    seed: int | None = None
    batch_size: int = 256
    engine: str = "ours"

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ValueError(f"AutoAttack requires a version of {', '.join(VERSIONS)}. Found: {self.version!r}.")
        if self.batch_size < 1:
            raise ValueError(f"AutoAttack requires a batch_size of at least 1. Found: {self.batch_size}.")
        if self.engine not in ENGINES:
            raise ValueError(f"AutoAttack requires an engine of {', '.join(ENGINES)}. Found: {self.engine!r}.")

    def attacks(self, classes: int) -> dict[str, Adversary]:
        """What is run on a network of so many classes, by the names under which it is reported.

        Below four classes the ratio of logits that APGD-T climbs has no meaning; it climbs the margin and says so.
        """
        if classes < 2:
            raise ValueError(f"AutoAttack requires a network of at least 2 classes. Found: {classes}.")
        run = self._ours(classes) if self.engine == "ours" else self._theirs(classes)
        return run if self.version == "standard" else dict(list(run.items())[:2])

    def _ours(self, classes: int) -> dict[str, Adversary]:
        sparse, others = isinstance(self.budget, L1), classes - 1
        return {
            "apgd-ce": APGD(budget=self.budget, restarts=5 if sparse else 1),
            "apgd-t" if classes >= 4 else "apgd-t on the margin": TargetedAPGD(
                budget=self.budget,
                loss=TargetedDLR() if classes >= 4 else TargetedMargin(),
                targets=min(5 if sparse else 9, others),
            ),
            "fab-t": TargetedFAB(budget=self.budget, targets=min(9, others)),
            "square": Square(budget=self.budget),
        }

    def _theirs(self, classes: int) -> dict[str, Adversary]:
        require_classes(classes)
        return {name: Reference(budget=self.budget, attack=name, seed=self.seed) for name in ATTACKS}

    def __call__(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Images:
        return self.staged(model, x, y, generator=generator).images

    def staged(self, model: nn.Module, x: Images, y: Labels, *, generator: Generator | None = None) -> Staged:
        """The same, and for each image which of the attacks broke it."""
        x_adv = x.detach().clone()
        with frozen(model):
            clean = torch.cat([classify(model, batch) for batch in x.split(self.batch_size)])
            run = self.attacks(clean.shape[1])
            broken_by = torch.where(clean.argmax(1) == y, STANDS, 0).to(torch.int8)
            searched = swift(model, x_adv[: self.batch_size]) if self.engine == "ours" else model
            for stage, attack in enumerate(run.values(), start=1):
                for rows in (broken_by == STANDS).nonzero().squeeze(1).split(self.batch_size):
                    if not len(rows):
                        continue  # an empty tensor splits into one empty part
                    noise = generator if self.seed is None else Generator().manual_seed(self.seed)
                    found = attack(searched, x_adv[rows], y[rows], generator=noise)
                    fooled = classify(model, found).argmax(1) != y[rows]
                    x_adv[rows[fooled]] = found[fooled]
                    broken_by[rows[fooled]] = stage
        return Staged(x_adv, broken_by, ("clean", *run))
