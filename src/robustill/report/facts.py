"""Numbers that a run's protocol says in words: how many test images there are, what a step costs."""

from __future__ import annotations

import re
from collections.abc import Sequence

Protocol = Sequence[tuple[str, str]]


def fact(protocol: Protocol, label: str) -> str:
    """The sentence of a label; empty where the protocol has none."""
    return next((text for name, text in protocol if name == label), "")


def number_of_test_images(protocol: Protocol) -> tuple[str, int] | None:
    """The name of the data, and how many test images it has."""
    found = re.match(r"(.+?): [\d,]+ training, .*? ([\d,]+) test images", fact(protocol, "data"))
    return (found[1], _whole(found[2])) if found else None


def teacher_parameters(protocol: Protocol) -> int | None:
    found = re.search(r"([\d,]+) parameters", fact(protocol, "teacher"))
    return _whole(found[1]) if found else None


def step_cost(protocol: Protocol) -> float | None:
    """Student forwards an image and step."""
    found = re.match(r"([\d,.]+) student forwards", fact(protocol, "cost"))
    return float(found[1].replace(",", "")) if found else None


def forward_cost(protocol: Protocol) -> float | None:
    """Multiply-accumulates of a student's forward of one image, in millions."""
    found = re.search(r"([\d,.]+) M multiply-accumulates", fact(protocol, "student"))
    return float(found[1].replace(",", "")) if found else None


def _whole(text: str) -> int:
    return int(text.replace(",", ""))
