"""Why a teacher errs: normalisations, and orders of the classes, under which the same weights would do better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from torch import nn

from robustill.data import Dataset, Split
from robustill.evaluation import measure_batches
from robustill.models import Classifier, Normalize
from robustill.results import Accuracy
from robustill.teachers.expected import Expected, meets
from robustill.teachers.foreign import same_constants
from robustill.teachers.presets import CIFAR10, CIFAR100, RAW, Constants
from robustill.teachers.probe import Predictions
from robustill.types import Images, Logits

KNOWN = {
    "cifar10": CIFAR10,
    "cifar100": CIFAR100,
    "imagenet": Constants((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "mnist": Constants((0.1307,), (0.3081,)),
    "fashion-mnist": Constants((0.2860,), (0.3530,)),
}
"""Constants that code in circulation normalises with, by the images that they were computed of."""

HALF = 0.5
"""The share of correct images from which on another order of the classes is believed without an expected accuracy."""


@dataclass(frozen=True)
class Reading:
    """Another way to read the same weights: what it would be, for a sentence, and how accurate."""

    words: str
    clean: Accuracy


def better_reading(
    model: Classifier,
    split: Split,
    dataset: Dataset,
    clean: Accuracy,
    predictions: np.ndarray,
    expected: Expected | None,
) -> Reading | None:
    """The most accurate of the other readings that explain what was found, or None if none does.

    One explains it that meets the expected accuracy; where that is not known, one that is better than the network as it
    is beyond chance.

    Args:
        model: the network.
        split: the images that it was measured on.
        dataset: where they come from.
        clean: its accuracy on them.
        predictions: its class for each.
        expected: what is known of its accuracy.
    """
    order = Reading("its classes in another order", _in_another_order(split, predictions, dataset.num_classes))
    others = [
        Reading(
            words, accuracy_of(split, measure_batches(_Under(model, constants), split, Predictions())["prediction"])
        )
        for words, constants in normalisations(model, dataset)
    ]
    if expected is not None and expected.clean is not None:
        found = [reading for reading in (order, *others) if meets(reading.clean, expected.clean)]
    else:
        found = [order] if order.clean.interval[0] > max(HALF, clean.interval[1]) else []
        found += [reading for reading in others if reading.clean.interval[0] > clean.interval[1]]
    return max(found, key=lambda reading: reading.clean.accuracy, default=None)


def normalisations(model: Classifier, dataset: Dataset) -> Iterator[tuple[str, Constants]]:
    """What a network may have been trained to expect, in words and as constants, without what it gets now.

    A network that takes raw pixels may normalise by itself, and twice: then undoing one of the two helps.
    """
    own = Constants(model.config.mean, model.config.std)
    if own != RAW:
        yield "raw pixels (no mean, no std)", RAW
    for name, constants in _candidates(model.config.in_channels, dataset).items():
        if not same_constants(own, constants):
            mean, std = (",".join(f"{value:.4g}" for value in part or ()) for part in constants)
            yield f"the constants of {name} (mean={mean}&std={std})", constants
        if own == RAW:
            yield f"a normalisation by the constants of {name} undone (it makes two)", _inverse(constants)


def _candidates(channels: int, dataset: Dataset) -> Mapping[str, Constants]:
    found = {name: constants for name, constants in KNOWN.items() if len(constants.mean or ()) == channels}
    found["one half"] = Constants((0.5,) * channels, (0.5,) * channels)
    statistics = Constants(*dataset.channel_statistics())
    if not any(same_constants(constants, statistics) for constants in found.values()):
        found[dataset.name] = statistics
    return found


def _inverse(constants: Constants) -> Constants:
    """``x·std + mean``, written as a normalisation."""
    mean, std = constants.mean or (), constants.std or ()
    return Constants(tuple(-m / s for m, s in zip(mean, std, strict=True)), tuple(1 / s for s in std))


class _Under(nn.Module):
    """A network with another normalisation before it; its own is left out."""

    def __init__(self, model: Classifier, constants: Constants) -> None:
        super().__init__()
        self.net, self.normalize = model, Normalize(*constants).to(next(model.parameters()).device)

    def forward(self, x: Images) -> Logits:
        return self.net.classify(self.normalize(x))


def accuracy_of(split: Split, predictions: np.ndarray) -> Accuracy:
    """How many of the predictions are the labels of the split."""
    correct = int((predictions == split.labels.cpu().numpy()).sum())
    return Accuracy(adversary=Predictions().text, n=len(predictions), correct=correct)


def _in_another_order(split: Split, predictions: np.ndarray, classes: int) -> Accuracy:
    """As if the network's classes were matched to the data's one to one, the most frequent pair first."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (split.labels.cpu().numpy(), predictions), 1)
    correct = 0
    for _ in range(classes):
        truth, guess = np.unravel_index(counts.argmax(), counts.shape)
        correct += max(0, int(counts[truth, guess]))
        counts[truth], counts[:, guess] = -1, -1
    return Accuracy(adversary=Predictions().text, n=len(predictions), correct=correct)
