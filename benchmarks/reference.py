"""The published training steps, by name, beside what they are in this library. Their arithmetic is in tests/reference.

They are timed as the scripts run them: float32, contiguous feature maps, teachers whose weights await gradients, a
teacher's forward for each point, every forward that is there for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn

from robustill.attacks import PGD, Linf, Uniform
from robustill.methods.adaad import AdaAD
from robustill.methods.ard import ARD
from robustill.methods.pgd_at import PGDAT
from robustill.methods.rslad import RSLAD
from robustill.methods.trades import TRADES
from robustill.objectives import IGDM, Method, StudentCE
from tests.reference import adaad, ard, pgd_at, rslad, trades
from tests.reference.common import batchmean

Step = Callable[..., Tensor]
"""From student, teacher, images, labels, ``noise`` and the attack's settings to the loss."""

CLASSES = 10  # of CIFAR-10: the elementwise mean is then RSLAD's and ARD's factor 0.1


@dataclass(frozen=True)
class Published:
    """A method of this library with the step of its authors' code, where there is one.

    Attributes:
        method: computes the same loss.
        step: the whole step up to the loss.
    """

    method: Method
    step: Step | None

    def noise(self, attack: PGD, x: Tensor, generator: Generator) -> Tensor:
        """The first perturbation, the same that the method draws."""
        if isinstance(self.method.start, Uniform):
            return attack.budget.uniform(x, generator)
        return 0.001 * torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator)

    def loss(self, student: nn.Module, teacher: nn.Module, x: Tensor, y: Tensor, attack: PGD, seed: int) -> Tensor:
        """The loss of the authors' code in the last epoch."""
        assert self.step is not None and isinstance(attack.budget, Linf)
        noise = self.noise(attack, x, Generator(x.device).manual_seed(seed))
        settings = {"epsilon": attack.budget.radius, "step_size": attack.step_size, "steps": attack.steps}
        return self.step(student, teacher, x, y, noise=noise, **settings)


def of_student(step: Callable[..., Tensor]) -> Step:
    return lambda student, teacher, x, y, **settings: step(student, x, y, **settings)


def of_both(step: Callable[..., Tensor]) -> Step:
    return lambda student, teacher, x, y, **settings: step(student, teacher, x, **settings)


TERM = IGDM(alpha=10)
ONE: dict[str, Any] = {"alpha": 10.0, "beta": 1.0, "gamma": 1.0, "share": 1.0}

PUBLISHED = {
    "PGD-AT": Published(PGDAT(), of_student(partial(pgd_at.step, in_train_mode=False))),
    "TRADES": Published(TRADES(), of_student(partial(trades.step, beta=6.0))),
    "ARD": Published(
        ARD(scale=1 / CLASSES, attack_mode="train", start=Uniform(clip=False)), partial(ard.step, alpha=1.0)
    ),
    "ARD + IGDM": Published(ARD(temperature=1.0) + TERM, partial(ard.step_of_igdm, weight=10.0)),
    "RSLAD": Published(RSLAD(), of_both(rslad.step)),
    "RSLAD + IGDM": Published(RSLAD() + TERM, of_both(partial(rslad.step_with_igdm, **ONE))),
    "AdaAD": Published(AdaAD(), of_both(partial(adaad.step, reduction=batchmean))),
    "AdaAD + IGDM": Published(AdaAD() + TERM, of_both(partial(adaad.step_with_igdm, **ONE))),
    "AdaAD w/o T_in + IGDM": Published(AdaAD(inner=StudentCE()) + TERM, None),
}
"""By name. Nobody published code of the last one, the paper's Table 3; it is timed without a reference."""
