"""The page's sections below the verdict, each a function from a study to what it shows (None: nothing).

A new picture is such a function, and its place in ``SECTIONS``. This package draws, so it takes a moment to import.
"""

from __future__ import annotations

from collections.abc import Callable

from robustill.report.records import Study
from robustill.report.sections.base import Section
from robustill.report.sections.pictures import gallery, gradients
from robustill.report.sections.protocol import protocol, settings
from robustill.report.sections.results import results, tradeoff
from robustill.report.sections.training import training

SECTIONS: tuple[Callable[[Study], Section | None], ...] = (
    protocol,
    results,
    tradeoff,
    training,
    gallery,
    gradients,
    settings,
)
"""The page from top to bottom."""


def sections(study: Study) -> list[Section]:
    return [section for make in SECTIONS if (section := make(study))]
