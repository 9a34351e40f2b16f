"""The page: everything a study has to show, in one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from robustill import __version__
from robustill.files import write_text
from robustill.report.records import Study, read_study
from robustill.report.tiles import tiles
from robustill.report.verdict import verdict


def write_report(runs: Sequence[Path], output: Path) -> Path:
    """Writes the report of one or more run directories to an HTML file and returns its path.

    The same runs give the same bytes. Runs may be unfinished or not evaluated: the page says so.

    Raises:
        ValueError: No run was named, a path is no run directory, or two runs are the same experiment.
    """
    write_text(output, render(read_study(runs)))
    return output


def render(study: Study) -> str:
    """The page as text. Every name that comes from a file is escaped by the template."""
    # matplotlib takes a second to import: only who draws waits for it.
    from robustill.report.sections import sections
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
        sections=sections(study),
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
