"""What a reproduction consists of: networks, and what is measured of each; data, without a place on the disk.

A :class:`Subject` is named by its settings and those of its teacher: a run that two tables need is one directory, and
other settings are another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import yaml

from robustill.component import Component
from robustill.reproduce.images import Images
from robustill.run import Run

CONDITIONS = ("data", "teacher", "device", "threads", "checkpoint_minutes", "recipe")
"""Settings of a run that its name does not depend on: where things lie and on what it is computed."""


@dataclass(frozen=True)
class Sheet:
    """One evaluation: attacks and measures on one sample of the test images.

    Attributes:
        name: of the sheet.
        samples: how many test images, stratified.
        attacks: names of adversaries.
        measures: distance or remainder.
        eps: radii of a curve for the attacks.
        agreement: whether GD and GC are measured.
        surrogate: whether it needs the network on which attacks are found that are shown to all others.
    """

    name: str
    samples: int
    attacks: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    eps: tuple[float, ...] = ()
    agreement: bool = False
    surrogate: bool = False

    @property
    def needs_teacher(self) -> bool:
        return self.agreement or "distance" in self.measures


@dataclass(frozen=True)
class Subject:
    """A network: one that a run trains, or one that is there already.

    Attributes:
        label: what it is called in tables.
        images: what it is trained and measured on.
        run: how it is trained, but for ``data`` and ``teacher``; None for one that is there.
        source: the text of one that is there, as a recipe's ``teacher``.
        teacher: whom its training follows, or whom it is compared with.
    """

    label: str
    images: Images
    run: Run | None = None
    source: str | None = None
    teacher: Subject | None = None

    @cached_property
    def name(self) -> str:
        """Of its directory."""
        if self.run is None:
            return f"given-{sha256(str(self.source).encode()).hexdigest()[:8]}"
        chosen = {f.name: getattr(self.run, f.name) for f in fields(Run) if f.name not in CONDITIONS}
        telling = {k: v for k, v in chosen.items() if v != DEFAULTS.get(k)}
        telling |= {"data": self.images.name, "teacher": self.teacher.name if self.teacher else None}
        text = yaml.safe_dump({k: repr(v) if isinstance(v, Component) else v for k, v in telling.items()})
        return f"{self.run.name}-{sha256(text.encode()).hexdigest()[:8]}"

    def text(self, runs: Path) -> str:
        """As a recipe's ``teacher``."""
        return self.source if self.source is not None else f"run:{runs / self.name}"

    def run_in(self, runs: Path) -> Run | None:
        """The whole run, once it is known where everything lies."""
        if self.run is None:
            return None
        teacher = self.teacher.text(runs) if self.teacher else None
        return replace(self.run, data=self.images.text(runs), teacher=teacher)


DEFAULTS = {f.name: f.default for f in fields(Run)}


@dataclass(frozen=True)
class Measuring:
    """A sheet that is filled in for a subject; without one the subject is trained, and its epochs are what is asked."""

    subject: Subject
    sheet: Sheet | None = None
    teacher: Subject | None = None
    surrogate: Subject | None = None

    @property
    def evaluation(self) -> str:
        """The name of the evaluation that holds it: ``last``, or another where the run's own teacher is not meant."""
        own = self.subject.teacher
        compared = self.sheet is not None and self.sheet.needs_teacher
        if not compared or own is None or self.teacher is None or self.teacher.name == own.name:
            return "last"
        return f"last-{self.teacher.label.lower().replace(' ', '-')}"

    @property
    def others(self) -> list[Subject]:
        """The networks that it needs besides the subject itself."""
        return [one for one in (self.subject.teacher, self.teacher, self.surrogate) if one is not None]


def needed(measurings: Iterable[Measuring]) -> dict[str, Subject]:
    """The networks by name that have to be trained before others can be trained or measured."""
    return {one.name: one for measuring in measurings for one in measuring.others if one.run is not None}


def subjects(measurings: Sequence[Measuring]) -> dict[str, Subject]:
    """Every network by name, once, those first that others need."""
    return needed(measurings) | {measuring.subject.name: measuring.subject for measuring in measurings}
