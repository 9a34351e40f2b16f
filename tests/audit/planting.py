"""A subject on which every attack has been made already, with the outcome that a test wants."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from robustill.attacks import Adversary, Budget, Linf, Staged
from robustill.audit import Check, Effort, Reading, Record, Skipped, Subject, checks
from robustill.audit.result import Verdict
from robustill.audit.subject import Attacked, Flags
from robustill.data.split import Split
from robustill.types import Images
from tests.networks import Linear, linear

EFFORT = Effort(samples=200, strong=200, steps=4, restarts=2, queries=4)


def subject_of(
    model: nn.Module, *, count: int = 200, classes: int = 4, size: int = 6, budget: Budget | None = None
) -> Subject:
    """A network with images of noise, each labelled as the network sees it."""
    pixels = torch.randint(0, 256, (count, 1, size, size), generator=torch.Generator().manual_seed(0))
    blank = Split(pixels.to(torch.uint8), torch.zeros(count, dtype=torch.int64))
    subject = Subject(model, blank, budget or Linf(8 / 255), EFFORT)
    return replace(subject, split=Split(blank.pixels, subject.logits.argmax(1)))


def easy() -> Subject:
    """A linear network that is right on 200 images."""
    return subject_of(linear(4, 36))


def first(broken: int, *, of: int = 200) -> Flags:
    """Verdicts of which the first so many are wrong."""
    return torch.arange(of) >= broken


def plant(subject: Subject, adversary: Adversary, correct: Flags, **more: Images | Flags | None) -> None:
    """Makes the outcome of an attack known."""
    given = {"images": subject.x, "touched": ~correct} | more
    subject._attacked[adversary] = Attacked(correct=correct, **given)  # type: ignore[arg-type]


def plant_autoattack(
    subject: Subject, broken_by: list[int], stages: tuple[str, ...], images: Images | None = None
) -> None:
    """Which stage broke each of the strong images; what is left out stands."""
    by = torch.full((len(subject.strong),), -1, dtype=torch.int8)
    by[: len(broken_by)] = torch.tensor(broken_by, dtype=torch.int8)
    seen = subject.x[subject.strong] if images is None else images
    subject.__dict__["autoattack"] = Staged(seen, by, stages)


def check(id: str) -> Check:
    return {check.id: check for check in checks()}[id]


def verdict(id: str, subject: Subject) -> tuple[Verdict, str]:
    """What a check makes of a subject, and its words."""
    reading = check(id).measure(subject)
    return ("skipped", reading.reason) if isinstance(reading, Skipped) else (check(id).judge(reading), reading.text)


def reading(id: str, subject: Subject) -> Reading:
    found = check(id).measure(subject)
    assert isinstance(found, Reading)
    return found


def with_record(subject: Subject, record: Record) -> Subject:
    return replace(subject, record=record)


def constant(classes: int = 4, pixels: int = 36) -> Linear:
    """A network that sees nothing."""
    return Linear(torch.zeros(classes, pixels), torch.arange(classes).float())
