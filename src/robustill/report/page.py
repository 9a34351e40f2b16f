"""The page: everything a study has to show, in one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from robustill import __version__
from robustill.files import write_text
from robustill.report.brief import brief
from robustill.report.records import Study, read_study
from robustill.report.tiles import tiles
from robustill.report.verdict import verdict

if TYPE_CHECKING:
    from robustill.report.sections.base import Section


MARKS = {
    "o": "M9.4 7a4.6 4.6 0 1 0 9.2 0a4.6 4.6 0 1 0 -9.2 0z",
    "s": "M10 3h8v8h-8z",
    "D": "M14 1.8l5.2 5.2-5.2 5.2-5.2-5.2z",
    "^": "M14 2l5 9.4h-10z",
    "v": "M14 12l5-9.4h-10z",
    "P": "M12.4 2h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4v-3.2h3.4z",
}
"""The legend's marks, as matplotlib calls them, as paths in a box of 28 by 14."""


def write_report(runs: Sequence[Path], output: Path, *, export: Path | None = None) -> Path:
    """Writes the report of one or more run directories to an HTML file and returns its path.

    The same runs give the same bytes. Runs may be unfinished or not evaluated: the page says so.

    Args:
        runs: their directories.
        output: the page.
        export: where the page's figures are written too, as SVG, and its tables, as CSV, Markdown and LaTeX.

    Raises:
        ValueError: No run was named, a path is no run directory, or two runs are the same experiment.
    """
    # matplotlib takes a second to import: only who draws waits for it.
    from robustill.report.export import write_figures, write_tables
    from robustill.report.sections import sections

    study = read_study(runs)
    shown = sections(study)
    write_text(output, render(study, shown))
    if export is not None:
        write_figures(shown, export / "figures")
        write_tables(shown, export / "tables")
    return output


def render(study: Study, shown: Sequence[Section]) -> str:
    """The page as text. Every name that comes from a file is escaped by the template."""
    from robustill.report.svg import variable

    environment = Environment(
        loader=PackageLoader("robustill.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"unbroken": unbroken, "variable": variable}
    return environment.get_template("report.html.jinja").render(
        title=_title(study),
        verdict=verdict(study),
        tiles=tiles(study),
        brief=brief(study),
        sections=shown,
        marks=MARKS,
        version=__version__,
    )


def unbroken(text: str) -> Markup:
    """Escapes a text and keeps words with a hyphen, such as PGD-20, on one line."""
    return Markup(" ").join(
        Markup('<span class="unbroken">{}</span>').format(word) if "-" in word and len(word) < 20 else escape(word)
        for word in text.split(" ")
    )


def _title(study: Study) -> str:
    names = [study.label(group) for group in study.groups] or [
        study.teacher_label(teacher) for teacher in study.teachers
    ]
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
