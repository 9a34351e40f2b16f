"""What is measured of a student after each epoch, on images held out of the training set."""

from __future__ import annotations

from torch import nn

from robustill.attacks import PGD, Adversary, Attack, Clean, Linf
from robustill.data import Split, generator, in_order
from robustill.evaluation import Shard, Under, measure_batches, remainder_proportion
from robustill.setting import Setting

REMAINDER_IMAGES = 256
"""How many images tell how linear the student is."""


def validate(setting: Setting, student: nn.Module) -> dict[str, float]:
    """The row of an epoch, by the names of metrics.jsonl; empty where nothing is held out.

    ``validation_robust`` and ``validation_clean`` are accuracies; ``remainder`` is the student's remainder proportion
    under uniform noise of the training budget (Eq. 2 of the IGDM paper), the mean over ``REMAINDER_IMAGES``.
    """
    held_out, run = setting.validation, setting.run
    if held_out is None:
        return {}
    attack = validation_attack(run.attack)
    shares = {
        name: correct(setting, student, held_out, adversary) / len(held_out)
        for name, adversary in (("validation_robust", attack), ("validation_clean", Clean()))
    }
    x, _ = next(in_order(held_out, REMAINDER_IMAGES))
    budget = getattr(attack, "budget", Linf(8 / 255))
    noise = budget.uniform(x, generator(run.seed, "linearity", device=x.device))
    return shares | {"remainder": float(remainder_proportion(student, x, noise).mean())}


def correct(setting: Setting, student: nn.Module, held_out: Split, adversary: Adversary) -> int:
    """How many images withstand; in a team each process attacks its share of the batches."""
    team = setting.team
    own = Shard(team.rank + 1, team.size)
    found = measure_batches(student, held_out, Under("", adversary), seed=setting.run.seed, shard=own)
    return team.total(int(found["correct_"].sum()) if found else 0)


def validation_attack(attack: Attack) -> Attack:
    """The attack by which epochs are compared: PGD-10 on the training budget, or training's own attack without one."""
    budget = getattr(attack, "budget", None)
    return PGD(budget=budget, steps=10, step_size=budget.radius / 4) if budget is not None else attack
