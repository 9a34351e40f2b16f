"""What is looked at before anything is measured: bad input gives a sentence at once, and no hours are spent on it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from robustill.attacks import APGD, Adversary, Ascent, AutoAttack, Clean, Reference, TargetedAPGD, frozen
from robustill.data.batches import in_order
from robustill.data.split import Split
from robustill.evaluation.accuracy import correct_under
from robustill.evaluation.device import device_of
from robustill.evaluation.measurement import Measurement
from robustill.precision import at_least_float32, exact_float32
from robustill.results import wilson
from robustill.types import Images, Logits

LONG = 1000
"""Passes for each image from which an evaluation is long: APGD-T, FAB-T, Square and AutoAttack are."""


@exact_float32()
def admit(model: nn.Module, split: Split, measurements: Sequence[Measurement], *, batch_size: int, force: bool) -> int:
    """Checks networks, budgets, images and labels against each other, and gives the number of classes.

    Before a long evaluation clean accuracy is measured, one pass for each image: an attack on a model that does not
    know its classes says nothing about robustness. ``force`` leaves that out.

    Raises:
        ValueError: there are no images, a network is on another device, a label is none of the model's classes, logits
            are not finite, a budget holds every image, an attack needs more classes or a package that is missing, or
            clean accuracy is at chance before a long evaluation.
    """
    if not len(split):
        raise ValueError("An evaluation needs at least one image. Found: none.")
    device = device_of(model)
    for network in {other for measurement in measurements for other in measurement.networks}:
        other = device_of(network)
        if other != device:
            raise ValueError(
                f"All networks must be on one device. Found: the model on {device}, another on {other}. "
                "Move one of them with .to(device)."
            )
    x, _ = next(in_order(split.subset(torch.arange(1)).to(device), 1))
    for budget in {budget for measurement in measurements for budget in measurement.budgets}:
        budget.require_room(x)
    with frozen(model), torch.no_grad():
        logits = at_least_float32(model(x))
    if not logits.isfinite().all():
        raise ValueError("The model must give finite logits. Found NaN or infinity on the first image.")
    classes = int(logits.shape[1])
    _require_labels(split, classes)
    for measurement in measurements:
        for adversary in measurement.adversaries:
            _require_fit(adversary, x, logits)
    if not force and sum(measurement.passes for measurement in measurements) >= LONG:
        _require_more_than_chance(model, split, classes, batch_size)
    return classes


def _require_labels(split: Split, classes: int) -> None:
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"Labels must be from 0 to {classes - 1}, the classes of the model. Found: {low if low < 0 else high}."
        )


def _require_fit(adversary: Adversary, x: Images, logits: Logits) -> None:
    """Refuses an attack that would end with an error on the first image, after all shorter ones."""
    y = logits.argmax(1)
    match adversary:
        case AutoAttack():
            for attack in adversary.attacks(logits.shape[1]).values():
                _require_fit(attack, x, logits)
        case Reference():
            adversary.require(x, logits.shape[1])
        case APGD(loss=loss) | Ascent(loss=loss):
            loss(logits, y)
        case TargetedAPGD(loss=loss):
            loss(logits, y, y)


def _require_more_than_chance(model: nn.Module, split: Split, classes: int, batch_size: int) -> None:
    """Clean accuracy must be above that of always naming the commonest class, by more than sampling explains.

    Where all images are of one class it says nothing. A model that errs on none is not at chance, however few they are.
    """
    flags = correct_under(model, split, Clean(), batch_size=batch_size)
    correct, n = int(flags.sum()), len(flags)
    commonest = int(split.labels.bincount().max())
    chance = max(1 / classes, commonest / n if commonest < n else 0)
    if correct < n and wilson(correct, n)[0] <= chance:
        raise ValueError(
            f"Clean accuracy must be above chance, {chance:.1%}, before a long attack. Found: {correct / n:.1%} of "
            f"{n:,} images. Do images, labels and normalisation belong to this model? "
            "--force (force=True) attacks it anyway."
        )
