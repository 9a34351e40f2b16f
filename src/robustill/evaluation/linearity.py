"""Is a network locally linear? The remainder of its linearisation (IGDM paper, Section 3.1, Eq. 2).

    ‖f(x + ε) - f(x) - ∇f(x)ᵀε‖₂ / ‖f(x + ε)‖₂        f the logits, ε uniform noise or an attack's perturbation

IGDM reads gradients off output differences, so it presupposes that this is small: 0.012 to 0.016 for the paper's robust
teachers and uniform noise of 8/255. A naturally trained teacher has far more, and IGDM with it lowers robustness.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from robustill.attacks import Adversary, Budget, frozen
from robustill.attacks.search import in_portions
from robustill.component import in_full
from robustill.evaluation.accuracy import passes
from robustill.evaluation.measurement import Measurement
from robustill.precision import at_least_float32
from robustill.types import Images, Labels, PerSample


@sdpa_kernel(SDPBackend.MATH)  # the faster kernels of attention cannot be derived twice
def remainder_proportion(model: nn.Module, x: Images, epsilon: Images) -> PerSample:
    """The remainder's share of the output at ``x + epsilon`` for each image, in eval mode.

    Args:
        model: from images in [0, 1] to logits.
        x: images.
        epsilon: the perturbation of each; ``x + epsilon`` is not clipped.
    """

    def logits(image: Tensor) -> Tensor:
        return at_least_float32(model(image))

    def work(x: Images, epsilon: Images) -> tuple[PerSample]:
        with torch.enable_grad():
            # ∇f(x)ᵀε of all logits at once is one directional derivative: two passes back, however many classes.
            value, slope = torch.autograd.functional.jvp(logits, x, epsilon)
        with torch.no_grad():
            moved = logits(x + epsilon)
        remainder = torch.linalg.vector_norm(moved - value.detach() - slope.detach(), dim=1)
        return (remainder / torch.linalg.vector_norm(moved, dim=1).clamp_min(1e-12),)

    with frozen(model):
        return in_portions(work, x.detach(), epsilon.detach())[0]


@dataclass(frozen=True)
class Remainder(Measurement):
    """The model's remainder for uniform noise of a budget, and for the perturbation that an adversary finds.

    Kept as ``remainder_uniform`` and ``remainder_adversarial``.
    """

    budget: Budget
    adversary: Adversary
    name: str = "remainder"

    @property
    def text(self) -> str:
        return (
            "remainder of the logits' linearisation at x over the length of the logits at x + ε; "
            f"ε uniform in {in_full(self.budget)}, not clipped, or of {in_full(self.adversary)}"
        )

    @property
    def passes(self) -> float:
        return 2 * 5 + passes(self.adversary)  # for each ε a forward there, and a directional derivative

    @property
    def adversaries(self) -> tuple[Adversary, ...]:
        return (self.adversary,)

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return (self.budget,)

    def __call__(self, model: nn.Module, x: Images, y: Labels, generator: Generator) -> dict[str, Tensor]:
        noise = self.budget.uniform(x, generator)
        delta = self.adversary(model, x, y, generator=generator) - x
        return {
            "remainder_uniform": remainder_proportion(model, x, noise),
            "remainder_adversarial": remainder_proportion(model, x, delta),
        }
