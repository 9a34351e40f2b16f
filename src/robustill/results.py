"""What a run leaves behind, and how it is read again. Knows files and numbers; never imports torch.

A run's directory::

    run.yaml          the resolved settings: ``robustill train DIRECTORY/run.yaml`` repeats the run
    protocol.json     what was trained and how, as label and sentence, in reading order
    environment.json  versions, machine in words, git state, command line
    profile.json      where a training step's time goes, where that was asked for
    metrics.jsonl     one row per epoch, appended
    checkpoints/      state-*.pt to resume from; last/ and best/, each model.safetensors and config.json
    failure-*         the batch of a step that was not finite (safetensors: x, y, x_adv; metadata: epoch, step, what)
    evaluation/       NAME.json (:class:`Evaluation`) and NAME.npz (per-image flags, gallery), NAME = last, best, ...;
                      NAME.parts/ while it is being measured
    audit.json        the findings of ``robustill audit``
    report.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from robustill.files import DIGEST, read_json, read_signed, replacing, write_signed
from robustill.recipes import read_recipe
from robustill.wording import brief, in_words

Z95 = 1.959963984540054
"""The two-sided 95 % quantile of the normal distribution."""

RESAMPLES = 1000
"""How many samples the bootstrap of a mean draws."""

SETTINGS = {
    **dict.fromkeys(("data", "teacher", "student", "method", "attack"), str),
    **dict.fromkeys(("epochs", "seed", "image_size", "channels"), int),
    "stream": bool,
}
"""The settings of a run that are read without the others, and their types; each may be missing, or null."""

AGAIN = "remove it, and let robustill evaluate write it again."
"""What to do with a file of an evaluation that cannot be read."""


def wilson(correct: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927): honest near 0 and 1, where ``p ± 1.96·se`` is not."""
    p = correct / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def _share(n: int, correct: int) -> dict[str, Any]:
    """Counts as JSON has them; a class of which there is no image has no share."""
    row: dict[str, Any] = {"n": n, "correct": correct}
    return row | ({"accuracy": correct / n, "interval_95": list(wilson(correct, n))} if n else {})


def bootstrap(values: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of a mean (Efron 1979), from means of samples drawn with replacement.

    The seed is fixed: the same numbers have the same interval.
    """
    random = np.random.default_rng(0)
    means = [values[random.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


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
        row: dict[str, Any] = {"n": self.n, "mean": self.mean, "std": self.std, "interval_95": list(self.interval)}
        row |= {"interval_by": f"bootstrap, {RESAMPLES:,} resamples"} if self.resampled else {}
        return row | ({"text": self.text} if self.text else {})

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Mean:
        low, high = row["interval_95"]
        resampled = (low, high) if "interval_by" in row else None
        return cls(n=row["n"], mean=row["mean"], std=row["std"], resampled=resampled, text=row.get("text", ""))


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One model measured on one split.

    Attributes:
        accuracies: by the adversary's name.
        agreement: of its input gradients with the teacher's: gd and gc.
        measures: other means over the images, such as the distance to the teacher's logits.
        curves: accuracy against the radius of the budget, by the adversary's name.
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
    seconds: float
    environment: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def joined(self, later: Evaluation) -> Evaluation:
        """This one and a later one of the same network: what both measured is the later's, the gallery the first's."""
        groups = ("accuracies", "agreement", "measures", "curves", "arrays")
        found: dict[str, Any] = {group: {**getattr(self, group), **getattr(later, group)} for group in groups}
        found["arrays"] |= {name: values for name, values in self.arrays.items() if name.startswith("gallery_")}
        return replace(later, **found, teacher=later.teacher or self.teacher, seconds=self.seconds + later.seconds)

    def to_json(self) -> dict[str, Any]:
        """All but the arrays, with accuracies and intervals written out for readers that are not this class."""
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "arrays"}
        row["classes"], row["environment"] = list(self.classes), dict(self.environment)
        row["accuracies"] = {k: v.to_json(self.classes) for k, v in self.accuracies.items()}
        row["curves"] = {k: [point.to_json(self.classes) for point in v] for k, v in self.curves.items()}
        for group in ("agreement", "measures"):
            row[group] = {k: v.to_json() for k, v in getattr(self, group).items()}
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Evaluation:
        row = {key: value for key, value in row.items() if key != DIGEST}  # of a copy that was read as JSON
        row["classes"] = tuple(row["classes"])
        row["accuracies"] = {k: Accuracy.from_json(v) for k, v in row["accuracies"].items()}
        row["curves"] = {k: tuple(map(Point.from_json, v)) for k, v in row.get("curves", {}).items()}
        for group in ("agreement", "measures"):
            row[group] = {k: Mean.from_json(v) for k, v in row.get(group, {}).items()}
        return cls(**row)


def _evaluation(file: Path) -> Evaluation:
    try:
        return Evaluation.from_json(read_signed(file))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is no evaluation ({type(error).__name__}: {error}); {AGAIN}") from None


def _row(line: bytes) -> dict[str, Any] | None:
    """A row of metrics.jsonl, or None for what is none: an epoch, and numbers."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    sound = isinstance(row, dict) and isinstance(row.get("epoch"), int)
    return row if sound and all(isinstance(v, int | float | None) for v in row.values()) else None


@dataclass(frozen=True)
class RunDirectory:
    """The paths of a run's directory, and reading what is there. Missing parts read as empty: it may be training."""

    path: Path

    @property
    def settings_file(self) -> Path:
        return self.path / "run.yaml"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def profile_file(self) -> Path:
        return self.path / "profile.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def checkpoint(self, name: str) -> Path:
        return self.checkpoints / name

    def settings(self) -> dict[str, Any]:
        """What run.yaml says.

        Raises:
            ValueError: it is no recipe, or a setting that is read without the others is of another type.
        """
        found = read_recipe(self.settings_file) if self.settings_file.exists() else {}
        for key, kind in SETTINGS.items():
            value = found.get(key)
            if value is not None and type(value) is not kind:
                raise ValueError(f"{self.settings_file}: {key} must be {in_words(kind)}. Found: {brief(value)}.")
        return found

    def protocol(self) -> list[tuple[str, str]]:
        file = self.path / "protocol.json"
        return [(label, text) for label, text in read_json(file)] if file.exists() else []

    def environment(self) -> dict[str, Any]:
        file = self.path / "environment.json"
        return dict(read_json(file)) if file.exists() else {}

    def audit(self) -> dict[str, Any]:
        """What ``robustill audit`` wrote."""
        file = self.path / "audit.json"
        return dict(read_json(file)) if file.exists() else {}

    def profile(self) -> dict[str, Any]:
        file = self.profile_file
        return dict(read_json(file)) if file.exists() else {}

    def metrics(self) -> list[dict[str, Any]]:
        """One row per finished epoch; a torn last line (a run killed while writing) is left out.

        Raises:
            ValueError: another line is no row.
        """
        file = self.metrics_file
        lines = file.read_bytes().splitlines() if file.exists() else []
        rows = []
        for number, line in enumerate(lines, start=1):
            row = _row(line)
            if row is None and number < len(lines):
                raise ValueError(f"{file}: line {number} is no row of an epoch. Resuming the run writes it anew.")
            rows += [] if row is None else [row]
        return rows

    def evaluations(self) -> dict[str, Evaluation]:
        """By name.

        Raises:
            ValueError: one is damaged, or nothing that this version wrote.
        """
        files = sorted((self.path / "evaluation").glob("*.json"))
        return {file.stem: _evaluation(file) for file in files}

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Per-image arrays beside an evaluation (see ``robustill.evaluation.gallery`` for their names)."""
        file = self.path / "evaluation" / f"{name}.npz"
        if not file.exists():
            return {}
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                return dict(archive)
        except Exception as error:  # numpy, zipfile and zlib have their own errors for what is damaged
            raise ValueError(f"{file} is damaged or no archive of arrays ({error}); {AGAIN}") from None

    def parts(self, name: str) -> Path:
        """Where the finished batches of an evaluation are kept until all of it is there."""
        return self.path / "evaluation" / f"{name}.parts"

    def save_evaluation(self, name: str, evaluation: Evaluation) -> None:
        folder = self.path / "evaluation"
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / f"{name}.npz") as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **dict(evaluation.arrays))  # type: ignore[arg-type]  # numpy's stub reads ** as allow_pickle
        write_signed(folder / f"{name}.json", evaluation.to_json())
