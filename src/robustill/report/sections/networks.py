"""The networks that most charts show: each at one checkpoint, with its look, its numbers the mean over its seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from robustill.report.figures.style import STAR, Look
from robustill.report.labels import count
from robustill.report.measures import shown_checkpoint
from robustill.report.records import Group, Study
from robustill.report.sections.base import Key
from robustill.report.sections.looks import looks
from robustill.report.table import Cell, Column
from robustill.results import Evaluation


@dataclass(frozen=True)
class Network:
    """A teacher, or a group at the checkpoint that is shown of it."""

    label: str
    group: Group
    checkpoint: str
    look: Look

    @property
    def evaluations(self) -> list[Evaluation]:
        """One a seed that was measured."""
        return [r.evaluations[self.checkpoint] for r in self.group.records if self.checkpoint in r.evaluations]

    def mean(self, number: Callable[[Evaluation], float | None]) -> float | None:
        """The mean over the seeds that have the number; None where none has."""
        found = [value for evaluation in self.evaluations if (value := number(evaluation)) is not None]
        return float(np.mean(found)) if found else None

    def cells(self, n: int) -> list[Cell]:
        """What the row of a table begins with."""
        return [
            Cell(self.label),
            Cell(self.checkpoint),
            Cell(count(n), value=n),
            Cell(str(len(self.evaluations)), value=len(self.evaluations)),
        ]


HEAD = (Column("Network", numeric=False), Column("Checkpoint", numeric=False), Column("n"), Column("Seeds"))
"""The columns of :meth:`Network.cells`."""


def networks(study: Study) -> list[Network]:
    """Teachers first, then the groups; what was not measured is left out."""
    looked = looks(study)
    named = [(study.teacher_label(t), Group((t,)), STAR) for t in study.teachers]
    named += [(study.label(group), group, looked[group]) for group in study.groups]
    return [
        Network(label, group, checkpoint, look)
        for label, group, look in named
        if (checkpoint := shown_checkpoint(study, group))
    ]


def keys(shown: Iterable[Network], *, line: bool = False) -> tuple[Key, ...]:
    return tuple(Key(network.label, network.look, line) for network in shown)


def shares(value: float | None) -> Cell:
    """A share of one, in percent."""
    return Cell("–") if value is None else Cell(f"{100 * value:.2f}", value=value)


def number(value: float | None, digits: int = 4) -> Cell:
    return Cell("–") if value is None else Cell(f"{value:.{digits}g}".replace("-", "−"), value=value)
