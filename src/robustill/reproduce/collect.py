"""The numbers of a target as they stand in the runs: by row and measure, seed by seed, and what is missing said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robustill.recipes.paper import Cell
from robustill.report.statistics import Interval, over_seeds, spread
from robustill.reproduce.measures import LINEARITY, MINUTES, Measure
from robustill.reproduce.measuring import read
from robustill.reproduce.published import published
from robustill.reproduce.targets import Place, Target
from robustill.results import RunDirectory

TEACHER = -1
"""Stands for the seed of a network that is the only one of its kind."""


@dataclass(frozen=True)
class Number:
    """One measure of the networks of one cell.

    Attributes:
        values: by seed.
        n: images that were measured; 0 where it is no mean over images.
        text: what was measured, with every parameter.
        paper: the published number.
    """

    cell: Cell
    measure: Measure
    values: Mapping[int, float]
    n: int = 0
    text: str = ""
    paper: float | None = None

    @property
    def mean(self) -> float | None:
        return sum(self.values.values()) / len(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        """The standard deviation over the seeds, of at least two."""
        return spread([*self.values.values()]) if len(self.values) > 1 else None

    @property
    def interval(self) -> Interval | None:
        """The 95 % t-interval of the mean over the seeds, of at least two."""
        return over_seeds([*self.values.values()]) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Collected:
    """All numbers of a target.

    Attributes:
        numbers: by cell and name of measure.
        places: where they came from.
        missing: sentences about what is not there.
        epochs: the metrics of every run of a target that watches its epochs, by cell and seed.
    """

    target: Target
    numbers: Mapping[tuple[Cell, str], Number]
    places: Sequence[Place]
    missing: tuple[str, ...] = ()
    epochs: Mapping[tuple[Cell, int], Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def cells(self) -> list[Cell]:
        return list(dict.fromkeys(cell for cell, _ in self.numbers))

    def of(self, cell: Cell) -> list[Number]:
        return [number for (other, _), number in self.numbers.items() if other == cell]

    def difference(self, number: Number) -> Number | None:
        """A number of a cell with IGDM minus that of the same without, seed by seed; None where there is no pair."""
        base = self.numbers.get((number.cell.base, number.measure.name))
        if not number.cell.igdm or base is None:
            return None
        values = {seed: number.values[seed] - base.values[seed] for seed in number.values if seed in base.values}
        paper = None if number.paper is None or base.paper is None else number.paper - base.paper
        return Number(number.cell, number.measure, values, number.n, number.text, paper)


def collect(target: Target, places: Sequence[Place], runs: Path) -> Collected:
    """Reads what is there of a target."""
    values: dict[tuple[Cell, str], dict[int, float]] = {}
    details: dict[tuple[Cell, str], tuple[int, str, Measure]] = {}
    missing: dict[str, list[str]] = {}
    epochs = {}
    for place in places:
        seed = TEACHER if place.seed is None else place.seed
        directory = RunDirectory(runs / place.subject.name)
        if target.watched and place.seed is not None:
            epochs[place.cell, seed] = directory.metrics()
        for measure in place.measures:
            key = (place.cell, measure.name)
            row, (value, n, text) = values.setdefault(key, {}), _value(place, measure, directory, runs)
            if value is None:
                missing.setdefault(_called(place), []).append(measure.name)
            else:
                row[seed] = value
            known = details.get(key, (0, "", measure))
            details[key] = (n or known[0], text or known[1], measure)
    numbers = {
        (cell, name): Number(cell, measure, values[cell, name], n, text, published(target.name, cell, name))
        for (cell, name), (n, text, measure) in details.items()
    }
    sentences = tuple(f"{name}: {', '.join(what)}" for name, what in missing.items())
    return Collected(target, numbers, places, sentences, epochs)


def _value(place: Place, measure: Measure, directory: RunDirectory, runs: Path) -> tuple[float | None, int, str]:
    """A measure of a network with the number of images and what was measured; None where it is not there."""
    measuring = place.measuring(measure)
    if measuring.sheet is None:
        return _of_epochs(place, measure, directory), 0, ""
    evaluation = read(measuring, runs)
    found = None if evaluation is None else measure.find(evaluation, measuring.sheet)
    if found is None:
        return None, 0, ""
    return measure.value(found), found.n, getattr(found, "adversary", "") or getattr(found, "text", "")


def _of_epochs(place: Place, measure: Measure, directory: RunDirectory) -> float | None:
    rows = directory.metrics()
    if place.subject.run is None or len(rows) < place.subject.run.epochs:
        return None
    if measure is MINUTES:
        return float(sum(row["seconds"] for row in rows) / len(rows) / 60)
    assert measure is LINEARITY
    return float(rows[-1]["remainder"]) if "remainder" in rows[-1] else None


def _called(place: Place) -> str:
    if place.seed is None:
        return f"teacher {place.scale.block_words(place.cell.dataset, place.cell.teacher)}"
    block = (
        f"{place.scale.block_words(place.cell.dataset, place.cell.teacher)}, " if len(place.scale.blocks) > 1 else ""
    )
    return f"{block}{place.cell.row}, seed {place.seed}"
