"""What was measured of a network, as records and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from robustill.files import DIGEST
from robustill.results.intervals import RESAMPLES, Z95, bootstrap, wilson


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """How many of ``n`` images were classified correctly under an adversary (its full text, every parameter).

    Attributes:
        stages: how many were correct still after each attack of an AutoAttack, in the order in which they ran.
        by_class: (n, correct) of each class, in the order of the classes.
    """

    adversary: str
    n: int
    correct: int
    stages: Mapping[str, int] | None = None
    by_class: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        counts = (self.n, self.correct)
        if not all(isinstance(count, int) for count in counts) or not 0 <= self.correct <= self.n or self.n == 0:
            raise ValueError(
                f"An accuracy counts 0 to n correct images of n, at least one. Found: {self.correct} of {self.n}."
            )

    @property
    def accuracy(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.correct, self.n)

    @property
    def worst_class(self) -> int | None:
        """The class with the lowest share of correct images; None where the classes were not counted apart."""
        shares = {index: correct / n for index, (n, correct) in enumerate(self.by_class) if n}
        return min(shares, key=shares.__getitem__, default=None)

    def to_json(self, classes: tuple[str, ...]) -> dict[str, Any]:
        names = classes or tuple(map(str, range(len(self.by_class))))
        row: dict[str, Any] = {"adversary": self.adversary, **_share(self.n, self.correct)}
        if self.stages is not None:
            row["stages"] = dict(self.stages)
        if self.worst_class is not None:
            row["worst_class"] = names[self.worst_class]
            row["by_class"] = [
                {"class": name, **_share(*counts)} for name, counts in zip(names, self.by_class, strict=True)
            ]
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Accuracy:
        by_class = tuple((part["n"], part["correct"]) for part in row.get("by_class", ()))
        return cls(
            adversary=row["adversary"], n=row["n"], correct=row["correct"], stages=row.get("stages"), by_class=by_class
        )


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of a curve: the accuracy under an adversary whose budget has this radius."""

    radius: float
    accuracy: Accuracy

    def to_json(self, classes: tuple[str, ...]) -> dict[str, Any]:
        return {"radius": self.radius, **self.accuracy.to_json(classes)}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Point:
        return cls(radius=row["radius"], accuracy=Accuracy.from_json(row))


@dataclass(frozen=True, kw_only=True)
class Mean:
    """The mean of one number per image (``std`` is the spread over the images).

    Attributes:
        resampled: the bootstrap's interval; None where it was not drawn: the interval is the normal one then.
        text: what was measured, with every parameter, where the name does not say it all.
    """

    n: int
    mean: float
    std: float
    resampled: tuple[float, float] | None = None
    text: str = ""

    @property
    def interval(self) -> tuple[float, float]:
        if self.resampled is not None:
            return self.resampled
        half = Z95 * self.std / math.sqrt(self.n)
        return self.mean - half, self.mean + half

    @classmethod
    def of(cls, values: np.ndarray, text: str = "") -> Mean:
        n, mean = len(values), float(values.mean())
        if n == 1:
            return cls(n=1, mean=mean, std=0.0, text=text)
        return cls(n=n, mean=mean, std=float(values.std(ddof=1)), resampled=bootstrap(values), text=text)

    def to_json(self) -> dict[str, Any]:
        interval = list(self.interval) if self.n > 1 else None  # one image says nothing of the others
        row: dict[str, Any] = {"n": self.n, "mean": self.mean, "std": self.std, "interval_95": interval}
        row |= {"interval_by": f"bootstrap, {RESAMPLES:,} resamples"} if self.resampled else {}
        return row | ({"text": self.text} if self.text else {})

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Mean:
        resampled = (row["interval_95"][0], row["interval_95"][1]) if "interval_by" in row else None
        return cls(n=row["n"], mean=row["mean"], std=row["std"], resampled=resampled, text=row.get("text", ""))


GALLERY, TAUGHT = "gallery_", "gallery_teacher_gradient"
"""How the arrays of a gallery begin, and one that it has if it shows the teacher."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One model measured on one split.

    Attributes:
        accuracies: by the adversary's name.
        agreement: of its input gradients with the teacher's: gd and gc.
        measures: other means over the images, such as the distance to the teacher's logits.
        curves: accuracy against the radius of the budget, by the adversary's name.
        image_shape: channels, height and width of the images as they were shown to the model; None in older results.
        seconds: spent on measuring, in all processes together.
        arrays: per-image numbers and the gallery; they are kept beside the JSON.
    """

    model: str
    parameters: int
    data: str
    split: str
    classes: tuple[str, ...]
    accuracies: Mapping[str, Accuracy]
    agreement: Mapping[str, Mean] = field(default_factory=dict)
    measures: Mapping[str, Mean] = field(default_factory=dict)
    curves: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    teacher: str | None = None
    precision: str = "float32"
    batch_size: int
    seed: int
    image_shape: tuple[int, int, int] | None = None
    seconds: float
    environment: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def joined(self, later: Evaluation) -> Evaluation:
        """This one and a later one of the same network: what both measured is the later's.

        The gallery is that of one of them: of the first, unless the later one alone shows the teacher.
        """
        groups = ("accuracies", "agreement", "measures", "curves")
        found: dict[str, Any] = {group: {**getattr(self, group), **getattr(later, group)} for group in groups}
        ours, theirs = self._gallery(), later._gallery()
        shown = theirs if not ours or (TAUGHT in theirs and TAUGHT not in ours) else ours
        both = {**self.arrays, **later.arrays}
        found["arrays"] = {name: values for name, values in both.items() if name not in {**ours, **theirs}} | shown
        return replace(later, **found, teacher=later.teacher or self.teacher, seconds=self.seconds + later.seconds)

    def _gallery(self) -> dict[str, np.ndarray]:
        return {name: values for name, values in self.arrays.items() if name.startswith(GALLERY)}

    def to_json(self) -> dict[str, Any]:
        """All but the arrays, with accuracies and intervals written out for readers that are not this class."""
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "arrays"}
        row["classes"], row["environment"] = list(self.classes), dict(self.environment)
        row["image_shape"] = None if self.image_shape is None else list(self.image_shape)
        row["accuracies"] = {k: v.to_json(self.classes) for k, v in self.accuracies.items()}
        row["curves"] = {k: [point.to_json(self.classes) for point in v] for k, v in self.curves.items()}
        for group in ("agreement", "measures"):
            row[group] = {k: v.to_json() for k, v in getattr(self, group).items()}
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Evaluation:
        row = {key: value for key, value in row.items() if key != DIGEST}  # of a copy that was read as JSON
        row["classes"] = tuple(row["classes"])
        shape = row.get("image_shape")
        row["image_shape"] = None if shape is None else tuple(shape)
        row["accuracies"] = {k: Accuracy.from_json(v) for k, v in row["accuracies"].items()}
        row["curves"] = {k: tuple(map(Point.from_json, v)) for k, v in row.get("curves", {}).items()}
        for group in ("agreement", "measures"):
            row[group] = {k: Mean.from_json(v) for k, v in row.get(group, {}).items()}
        return cls(**row)


def _share(n: int, correct: int) -> dict[str, Any]:
    """Counts as JSON has them; a class of which there is no image has no share."""
    row: dict[str, Any] = {"n": n, "correct": correct}
    return row | ({"accuracy": correct / n, "interval_95": list(wilson(correct, n))} if n else {})
