"""The file of a sweep, and the points that it means.

::

    recipe: demo                       # optional: a name or a file, as `robustill train` takes it
    settings: {epochs: 10}             # optional: what all points share, over the recipe
    grid:                              # every combination of these
      method: ["PGDAT()", "PGDAT() + IGDM(alpha=10)"]
      seed: [0, 1, 2]
    runs:                              # optional: each of these with every combination of the grid
      - {student: SmallCNN()}
    evaluate: {attacks: [clean, pgd20], samples: 1000}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from robustill.attacks import Budget
from robustill.evaluation import adversaries_named
from robustill.expression import fits, parse
from robustill.limits import IMAGES, SEED, require_between
from robustill.recipes import read_recipe, recipe
from robustill.run import Run
from robustill.wording import brief, in_words, unknown_setting

KEYS = ("recipe", "settings", "grid", "runs", "evaluate")
MEASURES: dict[str, type] = {"attacks": list, "budget": str, "samples": int, "batch_size": int, "seed": int}
RANGES = {"samples": (1, IMAGES), "batch_size": (1, IMAGES), "seed": (0, SEED)}
POINTS = 10_000
"""A file that means more was not meant so."""


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes:
        name: of its directory: the run's own name and eight digits of its settings, so that a sweep may grow.
        run: its settings.
        measures: how it is evaluated, as keywords of :func:`robustill.measure.measure_run`, all of them texts or
            numbers.
    """

    name: str
    run: Run
    measures: Mapping[str, Any]


@dataclass(frozen=True)
class Sweep:
    """Points without duplicates, in the order of the file."""

    points: tuple[Point, ...]


def read_sweep(file: Path) -> Sweep:
    """The points of a sweep's file, every one of them checked.

    Raises:
        ValueError: the file cannot be read, a key is unknown, or a point is no run; the message names the point.
    """
    content = read_recipe(file)
    for key in content:
        if key not in KEYS:
            raise ValueError(f"{file}: {unknown_setting(key, KEYS)}")
    measures = _mapping(file, content, "evaluate")
    try:
        _check_measures(measures)
    except ValueError as error:
        raise ValueError(f"{file}: evaluate: {error}") from None
    name = content.get("recipe")
    shared = (recipe(str(name)) if name is not None else {}) | _mapping(file, content, "settings")
    points = {point.name: point for point in _points(file, content, shared, measures)}
    if not points:
        raise ValueError(f"{file} must have a grid or runs with at least one point. Found: none.")
    return Sweep(tuple(points.values()))


def _check_measures(measures: Mapping[str, Any]) -> None:
    """Refuses now what would be refused after the first point was trained."""
    for key, value in measures.items():
        if key not in MEASURES:
            raise ValueError(unknown_setting(key, MEASURES))
        if not fits(value, MEASURES[key]):
            such = ", such as [clean, pgd20]" if key == "attacks" else ""
            raise ValueError(f"{key} must be {in_words(MEASURES[key])}{such}. Found: {brief(value)}.")
        if key in RANGES:
            require_between(key, value, *RANGES[key])
    adversaries_named(map(str, measures.get("attacks", [])), parse(measures.get("budget", "Linf(8/255)"), Budget))


def _points(
    file: Path, content: Mapping[str, Any], shared: Mapping[str, Any], measures: Mapping[str, Any]
) -> Iterator[Point]:
    grid = _mapping(file, content, "grid")
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ValueError(
                f"{file}: grid: {key} must be a list of values, such as [0, 1, 2]. Found: {brief(values)}."
            )
    listed = content.get("runs", [{}])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ValueError(f"{file}: runs must be a list of mappings, such as [{{seed: 0}}]. Found: {brief(listed)}.")
    if both := [key for key in grid if any(key in one for one in listed)]:
        raise ValueError(
            f"{file}: grid and runs must set different settings. Found in both: {', '.join(both)}. Leave each in one."
        )
    if (count := len(listed) * prod(map(len, grid.values()))) > POINTS:
        raise ValueError(f"{file} must mean at most {POINTS:,} points. Found: {count:,}. Shorten a list.")
    for one, *combination in product(listed, *grid.values()):
        texts = {**shared, **one, **dict(zip(grid, combination, strict=True))}
        try:
            run = Run.from_texts(texts)
        except ValueError as error:
            own = {key: value for key, value in texts.items() if key not in shared or shared[key] != value}
            raise ValueError(f"{file}: the point {brief(own)}: {error}") from None
        yield Point(point_name(run), run, measures)


def point_name(run: Run) -> str:
    """``rslad-igdm-smallcnn-seed0-1f3a9c2e``: readable, and another for any other settings."""
    return f"{run.name}-{sha256(run.to_yaml().encode()).hexdigest()[:8]}"


def _mapping(file: Path, content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise ValueError(f"{file}: {key} must be keys with values, such as {{seed: [0, 1]}}. Found: {brief(value)}.")
    return {str(name): entry for name, entry in value.items()}


def summary(points: Sequence[Point]) -> str:
    """``12 points: 2 methods, 1 student, 3 seeds``."""
    methods = len({repr(p.run.method) for p in points})
    students = len({repr(p.run.student) for p in points})
    seeds = len({p.run.seed for p in points})
    counts = [(len(points), "point"), (methods, "method"), (students, "student"), (seeds, "seed")]
    first, *rest = (f"{n} {word}{'s' * (n != 1)}" for n, word in counts)
    return f"{first}: {', '.join(rest)}"
