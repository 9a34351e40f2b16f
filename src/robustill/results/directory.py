"""A run's directory: where its files are, and what is in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robustill.files import read_json, read_signed, replacing, write_signed
from robustill.recipes import read_recipe
from robustill.results.evaluation import Evaluation
from robustill.wording import brief, in_words

SETTINGS = {
    **dict.fromkeys(("data", "teacher", "student", "method", "attack"), str),
    **dict.fromkeys(("epochs", "seed", "image_size", "channels"), int),
    "stream": bool,
}
"""The settings of a run that are read without the others, and their types; each may be missing, or null."""

AGAIN = "remove it, and let robustill evaluate write it again."
"""What to do with a file of an evaluation that cannot be read."""


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
        return [(str(label), str(text)) for label, text in read_json(file)] if file.exists() else []

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
