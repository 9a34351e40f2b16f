"""E: what a distilled network's number needs beside it."""

from __future__ import annotations

import numpy as np

from robustill.audit.check import CONTRACT, Check, Reading, Skipped
from robustill.audit.subject import Subject
from robustill.data.split import Split
from robustill.results import wilson

FACTS = ("python", "torch", "robustill", "machine")
"""What of the environment a number is reported with."""


class WeakerThanTheTeacher(Check):
    """By how much the network is more robust than its teacher, both under PGD on the same images."""

    id = "E30"
    title = "The teacher, measured on the same images"
    meaning = "The network is more robust than what it was taught by: look at the teacher, and at the attack."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0.05

    def measure(self, subject: Subject) -> Reading | Skipped:
        teacher = subject.teacher
        if teacher is None:
            return Skipped("no teacher was given")
        taught = subject.under(subject.pgd()).correct[subject.strong]
        teaching = teacher.under(teacher.pgd()).correct
        said = f"more images stand than with the teacher, which keeps {int(teaching.sum())}"
        return Reading.share(max(0, int(taught.sum()) - int(teaching.sum())), len(teaching), said)


class NotOverfitted(Check):
    """What robust accuracy on held-out images lost between its best epoch and the last."""

    id = "E31"
    title = "The best epoch against the last"
    meaning = "Robust overfitting: the last epoch is worse than the best; report both, and stop earlier."
    unit = "%"
    warn: float = 0.02

    def measure(self, subject: Subject) -> Reading | Skipped:
        epochs = subject.record.validation
        if not epochs:
            return Skipped("no robust accuracy on held-out images is on record")
        best = int(np.argmax(epochs))
        lost = epochs[best] - epochs[-1]
        return Reading.of(lost, f"{epochs[best]:.1%} in epoch {best + 1}, {epochs[-1]:.1%} in epoch {len(epochs)}")


class NotChosenOnTest(Check):
    """Audited images that are also, byte for byte, among those that the network was trained on or chosen by."""

    id = "E32"
    title = "Not trained and not chosen on these images"
    meaning = "The audited images took part in making the network; accuracy on them is no estimate for others."
    unit = "%"
    warn: float = 0
    fail: float = 0.01

    def measure(self, subject: Subject) -> Reading | Skipped:
        train = subject.record.train
        if train is None or train.streamed:
            return Skipped("the training images are not known" if train is None else "the training images stream")
        known = set(_bytes(train))
        twice = sum(image in known for image in _bytes(subject.split))
        return Reading.share(twice, len(subject), f"images are among {len(train):,} for training and validation")


class WorstClass(Check):
    """How far the robust accuracy of the worst class is below the average, under PGD, less what the sample explains."""

    id = "E33"
    title = "The worst class"
    meaning = "The average hides a class that an attacker can have at will; report it beside the average."
    presupposes = CONTRACT
    unit = "%"
    warn: float = 0.3

    def measure(self, subject: Subject) -> Reading:
        right = subject.under(subject.pgd()).correct
        counts, standing = (y.bincount(minlength=subject.classes).tolist() for y in (subject.y, subject.y[right]))
        keeps = {label: standing[label] / count for label, count in enumerate(counts) if count}
        worst = min(keeps, key=lambda label: keeps[label])
        average, most = float(right.double().mean()), wilson(standing[worst], counts[worst])[1]
        said = f"class {worst} keeps {standing[worst]} of {counts[worst]} (at most {most:.0%}), all keep {average:.1%}"
        return Reading.of(max(0.0, average - most), said)


class Reported(Check):
    """Facts that the evaluation on record lacks: n, seed, batch size, float32, versions and machine."""

    id = "E34"
    title = "The report says what a number needs"
    meaning = "Without n, seed, batch split, precision and versions nobody can repeat the number or know its error."
    unit = "facts"
    fail: float = 0

    def measure(self, subject: Subject) -> Reading | Skipped:
        evaluation = subject.record.evaluation
        if evaluation is None:
            return Skipped("no evaluation is on record: run robustill evaluate")
        lacking = [name for name in FACTS if not evaluation.environment.get(name)]
        lacking += ["n"] if any(found.n < 1 for found in evaluation.accuracies.values()) else []
        lacking += ["accuracies"] if not evaluation.accuracies else []
        lacking += ["batch size"] if evaluation.batch_size < 1 else []
        lacking += ["float32"] if evaluation.precision != "float32" else []
        said = f"lacks {', '.join(lacking)}" if lacking else f"{_errors(subject)}; seed, batch size, versions, machine"
        return Reading.of(len(lacking), said)


def _errors(subject: Subject) -> str:
    """The intervals of the accuracies on record."""
    assert subject.record.evaluation is not None
    said = []
    for name, found in subject.record.evaluation.accuracies.items():
        low, high = found.interval
        said.append(f"{name} {found.accuracy:.1%} ({low:.1%} to {high:.1%}, n = {found.n:,})")
    return ", ".join(said)


def _bytes(split: Split) -> list[bytes]:
    return [image.tobytes() for image in split.images.cpu().numpy()]
