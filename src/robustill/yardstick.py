"""What networks are measured with: images, attacks, curves and measures from their names, a teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from robustill.attacks import PGD, Adversary, Attack, Budget, Foreign
from robustill.cost import forward_macs
from robustill.data import Dataset
from robustill.data.batches import in_order
from robustill.data.split import Split
from robustill.evaluation import Distance, Measurement, Remainder, adversaries_named, plan
from robustill.evaluation.device import device_of
from robustill.evaluation.radius import budget_of
from robustill.expression import parse
from robustill.limits import IMAGES, SEED, require_between
from robustill.methods.pgd_at import PGDAT
from robustill.models import Classifier
from robustill.objectives import Method

MEASURES = ("distance", "remainder")
"""What can be measured besides accuracies and the agreement of gradients."""

INNER_STEPS = 20
"""Steps of a method's own attack where the distance to the teacher is measured (IGDM paper, Section 4.4)."""


@dataclass(frozen=True)
class Yardstick:
    """What networks are measured with: the same images, attacks and teacher for all of them.

    Attributes:
        dataset: where the images come from, with the names of their classes.
        split: the test images, or a sample of them.
        adversaries: by name.
        teacher, teacher_name: for GD and GC; None without.
        radii: of a curve, by the name of the adversary.
        more: other measurements.
        batch_size, seed: of the evaluation.
        force: whether a model at chance is attacked at length all the same.
    """

    dataset: Dataset
    split: Split
    adversaries: Mapping[str, Adversary]
    teacher: Classifier | None = None
    teacher_name: str | None = None
    radii: Mapping[str, Sequence[float]] = field(default_factory=dict)
    more: tuple[Measurement, ...] = ()
    batch_size: int = 256
    seed: int = 0
    force: bool = False

    def __post_init__(self) -> None:
        require_between("batch_size", self.batch_size, 1, IMAGES)
        require_between("seed", self.seed, 0, SEED)

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        return plan(self.adversaries, self.radii, self.teacher, self.more)

    def pass_macs(self, model: Classifier) -> float:
        """Multiply-accumulates of one pass of one image."""
        x, _ = next(in_order(self.split, 1))
        return forward_macs(model, x.to(device_of(model)))

    def work(self, model: Classifier) -> float:
        """What measuring a network takes, in multiply-accumulates."""
        return len(self.split) * self.pass_macs(model) * sum(one.passes for one in self.measurements)


def radii_of(
    adversaries: Mapping[str, Adversary], budget: Budget, eps: Sequence[float]
) -> dict[str, tuple[float, ...]]:
    """The radii for every attack over the budget; somebody else's function knows its own radius only.

    Raises:
        ValueError: there are radii, and no attack for them.
    """
    over = [k for k, v in adversaries.items() if budget_of(v) == budget and not isinstance(v, Foreign)]
    if eps and not over:
        raise ValueError(
            f"eps needs an attack over {budget}. Found: {', '.join(adversaries)}. Name one, such as pgd20."
        )
    return {name: tuple(eps) for name in over if eps}


def measure_named(name: str, settings: Mapping[str, Any], budget: Budget, teacher: Classifier | None) -> Measurement:
    """One of :data:`MEASURES`; the distance is measured with the method and the attack of the run's settings.

    Raises:
        ValueError: the name is not known, or the distance has no teacher.
    """
    if name == "remainder":
        return Remainder(budget, adversaries_named(("pgd20",), budget)["pgd20"])
    if name != "distance":
        raise ValueError(f"measures must be of {', '.join(MEASURES)}. Found: {name!r}.")
    if teacher is None:
        raise ValueError("distance needs a teacher. Found: none. Give --teacher demo, run:DIRECTORY or file:PATH.")
    method = parse(settings["method"], Method) if "method" in settings else PGDAT()
    attack = parse(settings["attack"], Attack) if "attack" in settings else None
    return Distance(teacher, budget, method, inner_attack(attack, budget))


def inner_attack(attack: Attack | None, budget: Budget) -> Attack:
    """Training's PGD with :data:`INNER_STEPS`, or one over the budget where training had another attack."""
    if isinstance(attack, PGD):
        return replace(attack, steps=INNER_STEPS)
    return PGD(budget=budget, steps=INNER_STEPS, step_size=budget.radius / 4)
