"""Conducting an audit: every check in turn, those left out whose presuppositions failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import nn

from robustill.attacks import Budget, Linf
from robustill.audit.check import Check, Skipped
from robustill.audit.record import Record
from robustill.audit.result import AuditResult, Finding, Verdict
from robustill.audit.subject import QUICK, Effort, Subject
from robustill.component import find, in_full
from robustill.data.seeds import mix
from robustill.data.split import Split, hold_out
from robustill.environment import environment
from robustill.limits import SEED, require_between
from robustill.wording import in_a_line

UNKNOWN = "Nothing is known of what this check asks about: the network or an attack on it ended with an error."
LONGEST = 300
"""Characters of an error that are told."""


def checks() -> tuple[Check, ...]:
    """Every check of this package with its thresholds, in the order of their numbers."""
    found = [cls() for cls in find("robustill.audit", Check).values()]
    return tuple(sorted(found, key=lambda check: int(check.id[1:])))


def audit(
    model: nn.Module,
    split: Split,
    *,
    budget: Budget | None = None,
    teacher: nn.Module | None = None,
    effort: Effort = QUICK,
    seed: int = 0,
    record: Record | None = None,
    which: Iterable[Check] | None = None,
    model_name: str = "",
    data_name: str = "",
    teacher_name: str | None = None,
    announce: Callable[[Check], None] | None = None,
) -> AuditResult:
    """Asks whether robust accuracy of this network, measured on these images, deserves belief.

    Args:
        model: any network from images in [0, 1] to logits. It is audited in eval mode.
        split: the images. A stratified sample is taken, of the size that ``effort`` says.
        budget: the ball that attacks search; None is Linf(8/255).
        teacher: the network that the model was distilled from, on the same device.
        effort: QUICK, FULL or one of your own.
        seed: of every draw.
        record: what is known about the network from before.
        which: the checks to make, in this order, with thresholds of your own if you like; None is all of them.
        model_name, data_name, teacher_name: written into the result.
        announce: told each check before it is made.

    Raises:
        ValueError: there are no images, the budget holds every image, or a label is none of the network's classes.
    """
    require_between("seed", seed, 0, SEED)
    began = time.perf_counter()
    subject = _subject(model, split, budget or Linf(8 / 255), teacher, effort, seed, record or Record())
    subject.budget.require_room(subject.x)
    with torch.random.fork_rng():  # a network may draw, and what it draws should repeat and leave no trace
        torch.manual_seed(mix(seed, "audit"))
        _require_classes(subject)
        findings = _examine(subject, checks() if which is None else which, announce)
    return AuditResult(
        findings=findings,
        model=model_name,
        data=data_name,
        teacher=teacher_name,
        budget=repr(subject.budget),
        effort=in_full(effort),
        n=len(subject),
        seed=seed,
        seconds=round(time.perf_counter() - began, 1),
        environment=environment(),
    )


def _subject(
    model: nn.Module,
    split: Split,
    budget: Budget,
    teacher: nn.Module | None,
    effort: Effort,
    seed: int,
    record: Record,
) -> Subject:
    if not len(split):
        raise ValueError("An audit needs at least one image. Found: none.")
    sample, rest = split, None
    if effort.samples < len(split):
        rest, sample = hold_out(split, effort.samples, seed)
    subject = Subject(model, sample, budget, effort, seed, None, rest, record, model.training)
    if teacher is None:
        return subject
    return replace(subject, teacher=Subject(teacher, sample.subset(subject.strong), budget, effort, seed))


def _require_classes(subject: Subject) -> None:
    low, high = int(subject.y.min()), int(subject.y.max())
    if low < 0 or high >= subject.classes:
        raise ValueError(
            f"Labels must be from 0 to {subject.classes - 1}, the classes of the network. "
            f"Found: {low if low < 0 else high}."
        )


def _examine(
    subject: Subject, checks: Iterable[Check], announce: Callable[[Check], None] | None
) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    failed: set[str] = set()
    for check in checks:
        if announce:
            announce(check)
        finding = _made(check, subject, [id for id in check.presupposes if id in failed])
        findings.append(finding)
        failed |= {check.id} if finding.verdict == "fail" else set()
    return tuple(findings)


def _made(check: Check, subject: Subject, failed: list[str]) -> Finding:
    began, meaning = time.perf_counter(), check.meaning
    try:
        reading = Skipped(f"presupposes {', '.join(failed)}") if failed else check.measure(subject)
        verdict: Verdict = "skipped" if isinstance(reading, Skipped) else check.judge(reading)
    except Exception as error:  # a stranger's network may do anything; what else was found is kept
        said = in_a_line(f"{type(error).__name__}: {error}")
        reading, verdict, meaning = Skipped(f"could not be made: {said[:LONGEST]}"), "warn", UNKNOWN
    return Finding(
        id=check.id,
        title=check.title,
        meaning=meaning,
        check=in_full(check),
        verdict=verdict,
        value=None if isinstance(reading, Skipped) else reading.value,
        measured=reading.reason if isinstance(reading, Skipped) else reading.text,
        threshold=check.threshold,
        seconds=round(time.perf_counter() - began, 2),
    )
