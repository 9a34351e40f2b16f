"""What the page shows, as files: its figures as SVG, its tables as CSV, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from robustill.files import write_text
from robustill.report.sections.base import Section
from robustill.report.table import Table


def write_figures(sections: Iterable[Section], directory: Path) -> None:
    """``NAME.svg`` for every figure."""
    for section in sections:
        for chart in section.charts:
            write_text(directory / f"{chart.name}.svg", chart.file)


def write_tables(sections: Iterable[Section], directory: Path) -> None:
    """``NAME.csv``, ``.md`` and ``.tex`` for every table."""
    for section in sections:
        for table in section.tables:
            write_table(table, directory)


def write_table(table: Table, directory: Path) -> None:
    """The three files of one table."""
    for ending, text in (("csv", table.csv()), ("md", table.markdown()), ("tex", table.latex())):
        write_text(directory / f"{table.name}.{ending}", text)
