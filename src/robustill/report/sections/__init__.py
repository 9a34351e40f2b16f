"""The page's sections below the verdict, each a function from a study to what it shows (None: nothing).

A new picture is such a function, and its place in ``SECTIONS``. This package draws, so it takes a moment to import.
"""

from __future__ import annotations

from collections.abc import Callable

from robustill.report.records import Study
from robustill.report.sections.agreement import agreement
from robustill.report.sections.attacks import gap, stages
from robustill.report.sections.audit import audit
from robustill.report.sections.base import Section
from robustill.report.sections.classes import classes
from robustill.report.sections.cost import cost, profile
from robustill.report.sections.linearity import distances, linearity, surfaces
from robustill.report.sections.pictures import gallery, gradients
from robustill.report.sections.protocol import protocol, settings
from robustill.report.sections.radius import radius
from robustill.report.sections.results import results, tradeoff
from robustill.report.sections.training import training

SECTIONS: tuple[Callable[[Study], Section | None], ...] = (
    results,
    tradeoff,
    audit,
    training,
    agreement,
    radius,
    stages,
    gap,
    classes,
    gradients,
    gallery,
    surfaces,
    linearity,
    distances,
    cost,
    profile,
    protocol,
    settings,
)
"""The page from top to bottom."""


def sections(study: Study) -> list[Section]:
    return [section for make in SECTIONS if (section := make(study))]
