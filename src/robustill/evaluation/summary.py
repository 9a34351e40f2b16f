"""Per-image arrays as the numbers that are reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from robustill.component import in_full
from robustill.evaluation.accuracy import Under
from robustill.evaluation.curve import Curve
from robustill.evaluation.measurement import Measurement
from robustill.results import Accuracy, Mean, Point

Arrays = Mapping[str, np.ndarray]


def accuracy(under: Under, arrays: Arrays, labels: np.ndarray, classes: int) -> Accuracy:
    """The accuracy under an adversary, of each class too, and after each stage of an AutoAttack."""
    flags, broken_by = arrays[f"correct_{under.name}"], arrays.get(f"broken_by_{under.name}")
    stages = None
    if broken_by is not None:
        standing = [int(((broken_by < 0) | (broken_by > at)).sum()) for at in range(len(under.stages(classes)))]
        stages = dict(zip(under.stages(classes), standing, strict=True))
    counts = (np.bincount(part, minlength=classes).tolist() for part in (labels, labels[flags]))
    return Accuracy(
        adversary=under.text,
        n=len(flags),
        correct=int(flags.sum()),
        stages=stages,
        by_class=tuple(zip(*counts, strict=True)),
    )


def points(curve: Curve, arrays: Arrays) -> tuple[Point, ...]:
    """The accuracy at every radius of a curve, the first of which is 0: the images themselves."""
    count = arrays[f"withstood_{curve.name}"]
    return tuple(
        Point(
            radius=radius,
            accuracy=Accuracy(adversary=in_full(curve.at(index)), n=len(count), correct=int((count > index).sum())),
        )
        for index, radius in enumerate(curve.radii)
    )


def averages(measurements: Iterable[Measurement], found: Mapping[str, Arrays]) -> dict[str, Mean]:
    """The mean of every array of these measurements; ``found`` has the arrays by the name of the measurement."""
    return {
        name: Mean.of(values.astype(np.float64), measurement.text)
        for measurement in measurements
        for name, values in found[measurement.name].items()
    }
