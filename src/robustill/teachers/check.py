"""Is this teacher what it should be? Asked before hours are spent on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from robustill.attacks import Attack, Budget, Linf
from robustill.data import Dataset, in_order
from robustill.evaluation import adversaries_named, measure_batches
from robustill.limits import IMAGES, SEED, require_between
from robustill.models import ModelConfig, count_parameters
from robustill.results import Accuracy, Mean
from robustill.teachers.diagnosis import Reading, accuracy_of, better_reading
from robustill.teachers.expected import TOLERANCE, Expected, expected_of, meets
from robustill.teachers.footprint import Footprint, footprint
from robustill.teachers.load import check_fits, load_teacher
from robustill.teachers.probe import LINEAR, Attacked


@dataclass(frozen=True, kw_only=True)
class TeacherCheck:
    """What was found of a teacher, beside what was expected.

    Attributes:
        teacher, data: the texts that loaded them.
        config: what the weights are for, and what happens to the pixels first.
        parameters: how many it has.
        clean, robust: accuracies on the same test images, as they are and under PGD-20.
        expected: what was known before; None if nothing was.
        better: how the weights should rather be read, where that explains what was found.
        uniform, along: remainder proportions under uniform noise of the budget and along the attack's perturbation.
        footprint: time and memory of a batch.
    """

    teacher: str
    data: str
    config: ModelConfig
    parameters: int
    clean: Accuracy
    robust: Accuracy
    expected: Expected | None
    better: Reading | None
    uniform: Mean
    along: Mean
    footprint: Footprint

    @property
    def linear(self) -> bool:
        """Whether IGDM may read the teacher's gradients off its outputs."""
        return max(self.uniform.mean, self.along.mean) <= LINEAR

    @property
    def wrong(self) -> list[str]:
        """What is not as it should be, a sentence each; empty for a sound teacher."""
        found, expected = against_chance(self.clean, self.config.num_classes), self.expected
        if expected is not None and expected.clean is not None and not meets(self.clean, expected.clean):
            found = [f"Clean accuracy is {in_words(self.clean)}; by {expected.source} it is {expected.clean:.2%}."]
        if self.better is not None:
            found.append(f"With {self.better.words} clean accuracy would be {self.better.clean.accuracy:.1%}.")
        return found + (_under_attack(self.robust, expected) if expected is not None else [])

    @property
    def notes(self) -> list[str]:
        """What should be known besides, a sentence each."""
        found = []
        if self.expected is None or self.expected.clean is None:
            found.append(f"Nothing is known of its accuracy on {self.data}: no preset, and no evaluation beside it.")
        if self.robust.accuracy <= 1 / self.config.num_classes:
            found.append("It withstands the attack no better than by chance: it is a second, natural teacher at best.")
        if not self.linear:
            found.append(f"It is not locally linear (remainder above {LINEAR}): IGDM with it is likely to hurt.")
        return found


def against_chance(clean: Accuracy, classes: int) -> list[str]:
    """The sentence about a network that knows nothing of its images, or no sentence."""
    if clean.interval[0] > 1 / classes:
        return []
    return [f"Clean accuracy is {in_words(clean)}, no better than chance ({1 / classes:.1%})."]


def in_words(accuracy: Accuracy) -> str:
    """``85.3 % (83.0 to 87.4 %)``, with the 95 % interval."""
    low, high = accuracy.interval
    return f"{100 * accuracy.accuracy:.1f} % ({100 * low:.1f} to {100 * high:.1f} %)"


def _under_attack(robust: Accuracy, expected: Expected) -> list[str]:
    if expected.robust is not None:
        if meets(robust, expected.robust):
            return []
        return [f"Under PGD-20 {in_words(robust)} stay correct; by {expected.source} it is {expected.robust:.2%}."]
    if expected.autoattack is None or robust.interval[1] + TOLERANCE >= expected.autoattack:
        return []
    return [
        f"Under PGD-20 {in_words(robust)} stay correct, fewer than under AutoAttack, which is stronger; "
        f"by {expected.source} it is {expected.autoattack:.2%}."
    ]


def check_teacher(
    text: str,
    dataset: Dataset,
    *,
    samples: int | None = 1000,
    budget: Budget | None = None,
    batch_size: int = 128,
    seed: int = 0,
    device: torch.device | str = "cpu",
    advance: Callable[[float], None] | None = None,
) -> TeacherCheck:
    """Measures a teacher on test images and compares it with what is known of it.

    Args:
        text: which teacher (see :mod:`robustill.teachers`).
        dataset: what it should classify.
        samples: a stratified sample of so many test images; None, or more than there are, takes all.
        budget: the ball that PGD-20 searches; None is Linf(8/255).
        batch_size: images at a time, and of the batch that is timed.
        seed: of the sample and of all noise.
        device: where it runs.
        advance: told after each batch what share of the work it was.

    Raises:
        FileNotFoundError: there is nothing behind the text.
        ValueError: it cannot be read, or cannot speak about these images.
    """
    require_between("batch_size", batch_size, 1, IMAGES)
    require_between("seed", seed, 0, SEED)
    teacher = load_teacher(text)
    check_fits("Teacher", text, teacher, dataset)
    teacher.to(device)
    split = dataset.test if samples is None or samples >= len(dataset.test) else dataset.test.stratified(samples, seed)
    budget = budget or Linf(8 / 255)
    measured = Attacked(_pgd20(budget), budget)
    share = 1 / (len(split) * measured.passes)
    tell = (lambda passes: advance(passes * share)) if advance is not None else None
    found = measure_batches(teacher, split, measured, batch_size=batch_size, seed=seed, advance=tell)
    clean = accuracy_of(split, found["prediction"])
    expected = expected_of(text, dataset.name, measured.attack, budget)
    known = expected is not None and expected.clean is not None and meets(clean, expected.clean)
    return TeacherCheck(
        teacher=text,
        data=dataset.name,
        config=teacher.config,
        parameters=count_parameters(teacher),
        clean=clean,
        robust=Accuracy(adversary=measured.text, n=len(split), correct=int(found["correct"].sum())),
        expected=expected,
        better=None if known else better_reading(teacher, split, dataset, clean, found["prediction"], expected),
        uniform=Mean.of(found["uniform"].astype(np.float64)),
        along=Mean.of(found["along"].astype(np.float64)),
        footprint=footprint(teacher, *next(in_order(split.to(device), batch_size))),
    )


def _pgd20(budget: Budget) -> Attack:
    attack = adversaries_named(("pgd20",), budget)["pgd20"]
    assert isinstance(attack, Attack)
    return attack
