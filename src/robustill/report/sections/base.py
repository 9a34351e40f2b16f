"""What a section is made of. The page's template draws these and knows of no section in particular."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup
from matplotlib.axes import Axes

from robustill.report.figures.style import Look
from robustill.report.svg import draw, inline_svg, standalone_svg
from robustill.report.table import Table


@dataclass(frozen=True)
class Chart:
    """A drawing with the few words above it.

    Attributes:
        axes: what was drawn.
        name: of its file; unique on the page.
        alt: what it shows, for those who do not see it.
        title: above it.
    """

    axes: Axes
    name: str
    alt: str
    title: str = ""

    @cached_property
    def drawn(self) -> bytes:
        return draw(self.axes)

    @property
    def svg(self) -> Markup:
        """For the page."""
        return inline_svg(self.drawn, name=self.name, alt=self.alt)

    @property
    def file(self) -> str:
        """For a file of its own."""
        return standalone_svg(self.drawn, alt=self.alt)


@dataclass(frozen=True)
class Key:
    """One entry of a legend: a mark, or a line."""

    label: str
    look: Look
    line: bool = False
    note: str = ""


@dataclass(frozen=True)
class Panel:
    """Charts that belong together, with their legend.

    The size is the place that each gets: ``small``, ``medium``, or ``large`` with the legend beside it.
    """

    charts: tuple[Chart, ...]
    size: str = "small"
    title: str = ""
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Fold:
    """What is behind a line to click: tables, or a text as it is in a file."""

    title: str
    tables: tuple[Table, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Fact:
    """A label with its texts, each with the runs it is true for (empty: for all)."""

    label: str
    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Section:
    """A heading, a sentence on how to read it, and any of: facts, a table, panels of charts, folds."""

    id: str
    title: str
    lead: str = ""
    facts: tuple[Fact, ...] = ()
    table: Table | None = None
    panels: tuple[Panel, ...] = ()
    folds: tuple[Fold, ...] = ()

    @property
    def charts(self) -> tuple[Chart, ...]:
        return tuple(chart for panel in self.panels for chart in panel.charts)

    @property
    def tables(self) -> tuple[Table, ...]:
        return (*((self.table,) if self.table else ()), *(table for fold in self.folds for table in fold.tables))
