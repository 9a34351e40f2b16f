"""What is known of a teacher's accuracy before it is measured: published, or from an evaluation beside its weights."""

from __future__ import annotations

from dataclasses import dataclass

from robustill.attacks import Attack, AutoAttack, Budget, Linf
from robustill.component import in_full
from robustill.evaluation import standard_adversaries
from robustill.results import Accuracy, Evaluation, RunDirectory
from robustill.teachers.hub import fetch_evaluation
from robustill.teachers.load import own_folder, preset_of

TOLERANCE = 0.01
"""By how much an expected accuracy may miss the interval of a measured one, for other noise and other hardware."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Accuracies as shares of the whole test set; None where nobody has measured them.

    Attributes:
        source: who says so, for a sentence.
        clean: on the images as they are.
        robust: under the attack that was asked for.
        autoattack: on the same ball; no other attack leaves less.
    """

    source: str
    clean: float | None = None
    robust: float | None = None
    autoattack: float | None = None


def meets(found: Accuracy, expected: float) -> bool:
    """Whether a measured accuracy may be the expected one: within its 95 % interval, widened by the tolerance."""
    low, high = found.interval
    return low - TOLERANCE <= expected <= high + TOLERANCE


def expected_of(text: str, data: str, attack: Attack, budget: Budget) -> Expected | None:
    """What is known of the teacher that a text names, on the test images of ``data``; None if nothing is.

    Args:
        text: see :mod:`robustill.teachers`.
        data: the name of the dataset. An evaluation speaks of its own images only; a preset is taken at its word, for a
            folder may hold CIFAR-10 as well.
        attack, budget: what the accuracy under attack is asked for.

    Raises:
        ValueError: an evaluation beside the weights is damaged.
    """
    if (preset := preset_of(text)) is not None:
        standard = Linf(8 / 255)
        same = attack == standard_adversaries(standard)["pgd20"]
        return Expected(
            source=f"the preset {preset.key}",
            clean=preset.clean / 100,
            robust=preset.pgd / 100 if same and preset.pgd is not None else None,
            autoattack=preset.autoattack / 100 if budget == standard else None,
        )
    evaluation = _evaluation(text)
    if evaluation is None or evaluation.data != data:
        return None
    shares = {found.adversary: found.accuracy for found in evaluation.accuracies.values()}
    clean = evaluation.accuracies.get("clean")
    return Expected(
        source="its evaluation",
        clean=None if clean is None else clean.accuracy,
        robust=shares.get(in_full(attack)),
        autoattack=shares.get(in_full(AutoAttack(budget=budget))),
    )


def _evaluation(text: str) -> Evaluation | None:
    """What ``robustill evaluate`` wrote about a network of our own format, beside it or in its run."""
    folder = own_folder(text)
    if folder is None:
        return None
    if text.startswith("hf:"):
        fetch_evaluation(text.removeprefix("hf:"))  # then it lies beside the weights
    for run, name in ((folder, "model"), (folder.parent.parent, folder.name)):
        if (run / "evaluation" / f"{name}.json").is_file():
            return _read(RunDirectory(run), name)
    return None


def _read(run: RunDirectory, name: str) -> Evaluation:
    try:
        return run.evaluations()[name]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{run.path / 'evaluation'} holds a file that robustill did not write or that is damaged "
            f"({type(error).__name__}: {error}). Remove it, or evaluate again."
        ) from None
