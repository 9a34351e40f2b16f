"""What was measured, over the seeds of a group, and what an added term changed, seed by seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from robustill.report.facts import number_of_test_images
from robustill.report.labels import NO_BREAK, adversary, signed
from robustill.report.records import Group, Pair, Record, Study, ordered
from robustill.report.statistics import Interval, over_images, over_seeds, spread
from robustill.results import Accuracy, Evaluation, Mean

Tone = Literal["better", "worse", "unclear"]
AGREEMENT = {
    "gd": ("GD", "lower", "mean L2 distance between the input gradients of student and teacher; lower is closer"),
    "gc": ("GC", "higher", "mean cosine between the input gradients of student and teacher; higher is closer"),
}
STRONGEST = ("aa", "autoattack")
"""Adversaries a verdict is read from where they were run; otherwise the last search over the usual ball."""


@dataclass(frozen=True)
class Metric:
    """One column of a table: an accuracy (shown in percent) or an agreement with the teacher."""

    key: str
    accuracy: bool

    @property
    def label(self) -> str:
        return adversary(self.key) if self.accuracy else AGREEMENT.get(self.key, (self.key.upper(),))[0]

    @property
    def title(self) -> str:
        """The label with its unit, or with the direction that is wanted."""
        if self.accuracy:
            return f"{self.label}{NO_BREAK}%"
        return self.label + (f"{NO_BREAK}↓" if self.lower else f"{NO_BREAK}↑")

    @property
    def meaning(self) -> str:
        if not self.accuracy:
            return AGREEMENT[self.key][2] if self.key in AGREEMENT else ""
        return "images classified correctly" + ("" if self.key == "clean" else f" under {self.label}")

    @property
    def lower(self) -> bool:
        """Whether a lower value is the better one."""
        return not self.accuracy and AGREEMENT.get(self.key, ("", "higher"))[1] == "lower"

    @property
    def scale(self) -> float:
        return 100.0 if self.accuracy else 1.0

    @property
    def decimals(self) -> int:
        return 1 if self.accuracy else 3

    def show(self, value: float) -> str:
        return f"{self.scale * value:.{self.decimals}f}".replace("-", "−")

    def difference(self, value: float) -> str:
        return signed(self.scale * value, self.decimals)

    def range(self, interval: Interval) -> str:
        return f"{self.show(interval[0])}–{self.show(interval[1])}"

    def difference_range(self, interval: Interval) -> str:
        return f"{self.difference(interval[0])} to {self.difference(interval[1])}"

    def of(self, evaluation: Evaluation) -> Accuracy | Mean | None:
        return evaluation.accuracies.get(self.key) if self.accuracy else evaluation.agreement.get(self.key)

    def flags(self, record: Record, checkpoint: str) -> np.ndarray | None:
        """The measured number of each image, where it was kept."""
        return record.arrays[checkpoint].get(f"correct_{self.key}" if self.accuracy else self.key)


def value(measured: Accuracy | Mean) -> float:
    return measured.accuracy if isinstance(measured, Accuracy) else measured.mean


def metrics_of(study: Study) -> tuple[Metric, ...]:
    """Every metric of any evaluation: clean first, attacks as they were run, then agreement with the teacher."""
    evaluations = [evaluation for record in study.records for evaluation in record.evaluations.values()]
    attacks = dict.fromkeys(key for evaluation in evaluations for key in evaluation.accuracies)
    agreements = dict.fromkeys(key for evaluation in evaluations for key in evaluation.agreement)
    return tuple(Metric(key, accuracy=True) for key in sorted(attacks, key=lambda key: key != "clean")) + tuple(
        Metric(key, accuracy=False) for key in sorted(agreements, key=[*AGREEMENT, *agreements].index)
    )


def headline(metrics: Sequence[Metric]) -> Metric | None:
    """The accuracy a verdict is read from: under the strongest attack that was run, or clean if none was."""
    accuracies = [metric for metric in metrics if metric.accuracy]
    for key in STRONGEST:
        if Metric(key, accuracy=True) in accuracies:
            return Metric(key, accuracy=True)
    searching = [metric for metric in accuracies if re.fullmatch(r"(a?pgd|cw)[-\w]*", metric.key)]
    return next(reversed(searching or accuracies), None)


@dataclass(frozen=True)
class Measurement:
    """One metric of a group at one checkpoint: a value per seed that was evaluated."""

    checkpoint: str
    values: tuple[float, ...]
    images: tuple[int, ...]
    interval: Interval
    """95 %: over the images for one seed, of the mean over the seeds for several."""

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def std(self) -> float | None:
        return spread(self.values) if len(self.values) > 1 else None


def measure(group: Group, checkpoint: str | None, metric: Metric) -> Measurement | None:
    """None where no run of the group has that metric at that checkpoint."""
    if checkpoint is None:
        return None
    found = [measured for evaluation in counted(group, checkpoint, metric) if (measured := metric.of(evaluation))]
    if not found:
        return None
    values = tuple(value(measured) for measured in found)
    low, high = over_seeds(values) if len(values) > 1 else found[0].interval
    interval = (max(low, 0.0), min(high, 1.0)) if metric.accuracy else (low, high)
    return Measurement(checkpoint, values, tuple(measured.n for measured in found), interval)


def holding(group: Group, checkpoint: str, metric: Metric) -> list[Evaluation]:
    """The evaluations of a group at a checkpoint that hold a metric, one a seed."""
    found = [record.evaluations.get(checkpoint) for record in group.records]
    return [evaluation for evaluation in found if evaluation and metric.of(evaluation)]


def counted(group: Group, checkpoint: str, metric: Metric) -> list[Evaluation]:
    """Those of :func:`holding` that may share a mean: measured as the first one was."""
    return like_the_first(holding(group, checkpoint, metric), metric)


def like_the_first(found: Sequence[Evaluation], metric: Metric) -> list[Evaluation]:
    """The evaluations in which a metric was measured as in the first one."""
    return [evaluation for evaluation in found if alike(found[0], evaluation, metric)]


def comparable(found: Sequence[Evaluation], metric: Metric) -> bool:
    """Whether a metric was measured in the same way in all of them."""
    return len(like_the_first(found, metric)) == len(found)


def measured_alike(shown: Iterable[tuple[Group, str]], metric: Metric) -> bool:
    """Whether a metric of groups, each at a checkpoint, was measured in the same way in all of them."""
    return comparable([one for group, checkpoint in shown for one in counted(group, checkpoint, metric)], metric)


@dataclass(frozen=True)
class Comparison:
    """What the added terms of a pair changed in one metric, paired by seed."""

    pair: Pair
    checkpoint: str
    metric: Metric
    seeds: tuple[int | None, ...]
    base: tuple[float, ...]
    plus: tuple[float, ...]
    images: int
    interval: Interval | None
    """95 % of the mean difference: over the seeds if there are several, else over the images if flags were kept."""
    overlap: bool
    """For one seed: whether the 95 % intervals of the two values overlap."""

    @property
    def differences(self) -> tuple[float, ...]:
        return tuple(after - before for before, after in zip(self.base, self.plus, strict=True))

    @property
    def mean(self) -> float:
        return float(np.mean(self.differences))

    @property
    def base_mean(self) -> float:
        return float(np.mean(self.base))

    @property
    def plus_mean(self) -> float:
        return float(np.mean(self.plus))

    @property
    def tone(self) -> Tone:
        """Better or worse only where the interval leaves zero out."""
        clear = not self.overlap if self.interval is None else not self.interval[0] <= 0 <= self.interval[1]
        if not clear or self.mean == 0:
            return "unclear"
        return "better" if (self.mean < 0) == self.metric.lower else "worse"


def compare(pair: Pair, checkpoint: str, metric: Metric) -> Comparison | None:
    """The paired comparison over the seeds where both runs were measured in the same way; None if there is none."""
    measured: list[tuple[Record, Record, Evaluation, Evaluation]] = []
    for before, after in pair.seeds():
        one, other = before.evaluations.get(checkpoint), after.evaluations.get(checkpoint)
        if one and other and _paired(before, one, other, metric):
            measured.append((before, after, one, other))
    measured = [m for m in measured if alike(measured[0][2], m[2], metric)]
    if not measured:
        return None
    values = [(b, a) for _, _, one, other in measured if (b := metric.of(one)) and (a := metric.of(other))]
    base, plus = tuple(value(b) for b, _ in values), tuple(value(a) for _, a in values)
    (before, after, *_), (first, second) = measured[0], values[0]
    if len(measured) > 1:
        interval: Interval | None = over_seeds([p - b for b, p in zip(base, plus, strict=True)])
    else:
        interval = _over_images(before, after, checkpoint, metric)
    return Comparison(
        pair=pair,
        checkpoint=checkpoint,
        metric=metric,
        seeds=tuple(m[0].seed for m in measured),
        base=base,
        plus=plus,
        images=first.n,
        interval=interval,
        overlap=first.interval[0] <= second.interval[1] and second.interval[0] <= first.interval[1],
    )


def alike(one: Evaluation, other: Evaluation, metric: Metric) -> bool:
    """Whether both hold the metric, from as many images of the same data, by the same attack or to the same teacher."""
    a, b = metric.of(one), metric.of(other)
    if a is None or b is None or (one.data, one.split, a.n) != (other.data, other.split, b.n):
        return False
    if one.image_shape and other.image_shape and one.image_shape != other.image_shape:
        return False
    if isinstance(a, Accuracy) and isinstance(b, Accuracy):
        return a.adversary == b.adversary
    return one.teacher == other.teacher


def _paired(record: Record, one: Evaluation, other: Evaluation, metric: Metric) -> bool:
    """Whether two evaluations are alike and of the very same images: the same sample, or all there are."""
    measured = metric.of(one)
    return alike(one, other, metric) and (
        one.seed == other.seed
        or (measured is not None and number_of_test_images(record.protocol) == (one.data, measured.n))
    )


def _over_images(before: Record, after: Record, checkpoint: str, metric: Metric) -> Interval | None:
    a, b = metric.flags(after, checkpoint), metric.flags(before, checkpoint)
    return None if a is None or b is None or a.shape != b.shape else over_images(a, b)


def shown_checkpoint(study: Study, group: Group) -> str | None:
    """What to show where there is room for one: ``best`` before ``last``, and one that both of a pair have."""
    for pair in study.pairs:
        if group in (pair.base, pair.plus) and (shared := shared_checkpoint(pair)):
            return shared
    return next(iter(group.checkpoints), None)


def shared_checkpoint(pair: Pair) -> str | None:
    """What both sides of a pair were evaluated at: ``best`` before ``last``."""
    return next(iter(ordered(set(pair.base.checkpoints) & set(pair.plus.checkpoints))), None)


def headline_comparison(pair: Pair, metric: Metric | None) -> Comparison | None:
    """What a pair's terms changed in a metric, at the checkpoint that both sides have."""
    checkpoint = shared_checkpoint(pair)
    return compare(pair, checkpoint, metric) if checkpoint and metric else None
