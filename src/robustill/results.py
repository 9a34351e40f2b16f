"""What a run leaves behind, and how it is read again. Knows files and numbers; never imports torch.

A run's directory::

    run.yaml          the resolved settings: ``robustill train DIRECTORY/run.yaml`` repeats the run
    protocol.json     what was trained and how, as label and sentence, in reading order
    environment.json  versions, machine in words, git state, command line
    metrics.jsonl     one row per epoch, appended
    checkpoints/      state.pt to resume from; last/ and best/, each model.safetensors and config.json
    evaluation/       NAME.json (:class:`Evaluation`) and NAME.npz (per-image flags, gallery), NAME = last, best, ...
    report.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from robustill.files import replacing, write_json
from robustill.recipes import read_recipe

Z95 = 1.959963984540054
"""The two-sided 95 % quantile of the normal distribution."""


def wilson(correct: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927): honest near 0 and 1, where ``p ± 1.96·se`` is not."""
    p = correct / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """How many of ``n`` images were classified correctly under an adversary (its full text, every parameter)."""

    adversary: str
    n: int
    correct: int

    @property
    def accuracy(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.correct, self.n)


@dataclass(frozen=True, kw_only=True)
class Mean:
    """The mean of one number per image, with its standard error (``std`` is the spread over the images)."""

    n: int
    mean: float
    std: float

    @property
    def interval(self) -> tuple[float, float]:
        half = Z95 * self.std / math.sqrt(self.n)
        return self.mean - half, self.mean + half

    @classmethod
    def of(cls, values: np.ndarray) -> Mean:
        std = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        return cls(n=len(values), mean=float(values.mean()), std=std)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One model measured on one split: accuracies by adversary name, agreement with the teacher by name (gd, gc)."""

    model: str
    parameters: int
    data: str
    split: str
    classes: tuple[str, ...]
    accuracies: Mapping[str, Accuracy]
    agreement: Mapping[str, Mean] = field(default_factory=dict)
    teacher: str | None = None
    precision: str = "float32"
    batch_size: int
    seed: int
    seconds: float
    environment: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """All but the arrays, with accuracies and intervals written out for readers that are not this class."""
        row = asdict(replace(self, arrays={}))
        del row["arrays"]
        for group in ("accuracies", "agreement"):
            for name, value in getattr(self, group).items():
                row[group][name]["interval_95"] = list(value.interval)
                if isinstance(value, Accuracy):
                    row[group][name]["accuracy"] = value.accuracy
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Evaluation:
        row = dict(row)
        row["classes"] = tuple(row["classes"])
        row["accuracies"] = {
            k: Accuracy(adversary=v["adversary"], n=v["n"], correct=v["correct"]) for k, v in row["accuracies"].items()
        }
        row["agreement"] = {k: Mean(n=v["n"], mean=v["mean"], std=v["std"]) for k, v in row["agreement"].items()}
        return cls(**row)


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
    def state_file(self) -> Path:
        return self.path / "checkpoints" / "state.pt"

    def checkpoint(self, name: str) -> Path:
        return self.path / "checkpoints" / name

    def settings(self) -> dict[str, Any]:
        return read_recipe(self.settings_file) if self.settings_file.exists() else {}

    def protocol(self) -> list[tuple[str, str]]:
        file = self.path / "protocol.json"
        return [(label, text) for label, text in json.loads(file.read_text(encoding="utf-8"))] if file.exists() else []

    def environment(self) -> dict[str, Any]:
        file = self.path / "environment.json"
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}

    def metrics(self) -> list[dict[str, Any]]:
        """One row per finished epoch; a torn last line (a run killed while writing) is left out."""
        rows = []
        for line in self.metrics_file.read_text(encoding="utf-8").splitlines() if self.metrics_file.exists() else ():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def evaluations(self) -> dict[str, Evaluation]:
        files = sorted((self.path / "evaluation").glob("*.json"))
        return {file.stem: Evaluation.from_json(json.loads(file.read_text(encoding="utf-8"))) for file in files}

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Per-image arrays beside an evaluation (see ``robustill.evaluation.gallery`` for their names)."""
        file = self.path / "evaluation" / f"{name}.npz"
        if not file.exists():
            return {}
        with np.load(file, allow_pickle=False) as archive:
            return dict(archive)

    def save_evaluation(self, name: str, evaluation: Evaluation) -> None:
        folder = self.path / "evaluation"
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / f"{name}.npz") as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **dict(evaluation.arrays))  # type: ignore[arg-type]  # numpy's stub reads ** as allow_pickle
        write_json(folder / f"{name}.json", evaluation.to_json())
