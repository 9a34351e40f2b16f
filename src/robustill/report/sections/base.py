"""What a section is made of. The page's template draws these and knows of no section in particular."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from robustill.report.tables import Table


@dataclass(frozen=True)
class Chart:
    """A drawing with the few words above it."""

    svg: Markup
    title: str = ""


@dataclass(frozen=True)
class Key:
    """One entry of a legend. The mark is ``line``, ``dashed``, ``dot``, ``ring`` or ``star``."""

    label: str
    colour: str
    mark: str
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
