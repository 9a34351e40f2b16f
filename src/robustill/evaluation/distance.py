"""How far two networks' outputs are apart, point by point (IGDM paper, Section 4.4 and Table 5).

    ‖f_T(x + δ) - f_S(x + δ)‖₂        f the logits; δ = 0, uniform noise, or what the method's own inner loss finds

For the last the student is attacked as in training, by what its method climbs, with a fixed number of steps (20).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor, nn

from robustill.attacks import Attack, Budget, Uniform, frozen
from robustill.attacks.search import in_parts
from robustill.component import in_full
from robustill.evaluation.accuracy import passes
from robustill.evaluation.measurement import Measurement
from robustill.objectives import Method, StudentCE
from robustill.precision import at_least_float32
from robustill.types import Images, Labels, PerSample


def pointwise_distance(student: nn.Module, teacher: nn.Module, image: Images) -> PerSample:
    """‖f_T - f_S‖₂ of the logits at each image, both networks in eval mode."""
    with frozen(student), frozen(teacher), torch.no_grad():
        apart = at_least_float32(teacher(image)) - at_least_float32(student(image))
    length: PerSample = torch.linalg.vector_norm(apart, dim=1)
    return length


@dataclass(frozen=True, eq=False)
class Distance(Measurement):
    """The distance at the clean image, under uniform noise and under the method's own attack.

    Kept as ``distance_clean``, ``distance_uniform`` and ``distance_adversarial``.

    Attributes:
        teacher: the other network.
        budget: the ball of the noise.
        method: whose inner loss is climbed; where it attacks nothing, the student's cross-entropy is.
        attack: how it is climbed, from the method's start unless the attack has one of its own.
    """

    teacher: nn.Module
    budget: Budget
    method: Method
    attack: Attack
    name: str = "distance"

    @property
    def text(self) -> str:
        start = self.method.start_of(self.attack)
        return (
            "L2 distance of the logits of student and teacher, both in eval mode, at x, at x + δ clipped to [0, 1] with"
            f" δ uniform in {in_full(self.budget)}, and where {in_full(self.attack)} climbs "
            f"{in_full(self._attacking.inner or StudentCE())} from {in_full(start)}"
        )

    @property
    def passes(self) -> float:
        return 3 + passes(self.attack)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return (self.teacher,)

    @property
    def _attacking(self) -> Method:
        """The method as far as it attacks: BatchNorm's averages stay as they are, and no term is evaluated."""
        return replace(self.method, inner=self.method.inner or StudentCE(), attack_mode="eval", terms=(), weight=None)

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return (self.budget,)

    def __call__(self, model: nn.Module, x: Images, y: Labels, generator: Generator) -> dict[str, Tensor]:
        def apart(x: Images, y: Labels) -> Tensor:
            noisy = Uniform()(x, self.budget, generator)
            with frozen(self.teacher):
                line = self._attacking.attacked(model, self.teacher, x, y, attack=self.attack, generator=generator)
            shown = (x, noisy, line.point(1))
            return torch.stack([pointwise_distance(model, self.teacher, image) for image in shown], dim=1)

        found = in_parts(apart, x, y, generator).unbind(1)
        return dict(zip(("distance_clean", "distance_uniform", "distance_adversarial"), found, strict=True))
