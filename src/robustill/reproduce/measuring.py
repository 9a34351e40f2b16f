"""Filling in a sheet, and knowing whether that was done: an evaluation grows by what is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from robustill.attacks import Linf
from robustill.data import Dataset, load
from robustill.evaluation import Surrogate, adversaries_named
from robustill.measure import load_checkpoint, load_other, measure
from robustill.prepare import choose_device
from robustill.progress import Bar
from robustill.reproduce.subjects import Measuring, Sheet
from robustill.results import Accuracy, Evaluation, Mean, RunDirectory
from robustill.yardstick import Yardstick, measure_named, radii_of

BUDGET = Linf(8 / 255)
"""Of every attack of the paper that names no other ball."""
SEED = 0
"""Of every sample of the test images."""


def read(measuring: Measuring, runs: Path) -> Evaluation | None:
    """The evaluation that holds the sheet, whatever else it holds; None where the sheet is not filled in."""
    if measuring.sheet is None:
        return None
    found = RunDirectory(runs / measuring.subject.name).evaluations().get(measuring.evaluation)
    teacher = None if measuring.teacher is None else measuring.teacher.text(runs)
    return found if found is not None and holds(found, measuring.sheet, teacher) else None


def holds(evaluation: Evaluation, sheet: Sheet, teacher: str | None) -> bool:
    """Whether everything of the sheet was measured: on the images, over the ball and with the teacher that it means."""
    wanted: list[Accuracy | Mean | None] = [evaluation.accuracies.get(name) for name in sheet.attacks]
    wanted += [evaluation.agreement.get("gd")] if sheet.agreement else []
    wanted += [evaluation.measures.get(FIRST[name]) for name in sheet.measures]
    curves = all(set(sheet.eps) <= {p.radius for p in evaluation.curves.get(a, ())} for a in sheet.attacks)
    meant = evaluation.seed == SEED and all(_over_its_ball(name, evaluation) for name in sheet.attacks)
    meant &= not sheet.agreement or _place(evaluation.teacher) == _place(teacher)
    return curves and meant and all(one is not None and one.n == sheet.samples for one in wanted)


def _over_its_ball(name: str, evaluation: Evaluation) -> bool:
    """Whether an attack that names no ball searched the paper's: ``robustill evaluate`` takes any."""
    found = evaluation.accuracies.get(name)
    return name == "clean" or "@" in name or (found is not None and repr(BUDGET) in found.adversary)


def _place(teacher: str | None) -> str:
    """The name of its directory, which tells one network from another wherever they all lie."""
    return re.split("[:/]", (teacher or "").rstrip("/"))[-1]


FIRST = {"distance": "distance_clean", "remainder": "remainder_uniform"}
"""An array of each measure."""


def fill_in(measuring: Measuring, runs: Path, console: Console) -> None:
    """Measures a sheet and adds it to the evaluation of the subject.

    Raises:
        ValueError: a network or the images are not to be had, or do not fit each other.
    """
    subject, sheet, place = measuring.subject, measuring.sheet, choose_device("auto")
    assert sheet is not None
    target = RunDirectory(runs / subject.name)
    dataset = load(subject.images.text(runs), device=place)
    model = (
        load_other("Teacher", subject.text(runs), dataset, place)
        if subject.run is None
        else load_checkpoint(target.checkpoint("last"), dataset, place)
    )
    yardstick = yardstick_of(measuring, sheet, runs, dataset)
    with Bar(yardstick.work(model), console) as bar:
        bar.stage(f"measuring {sheet.name}")
        measure(target, measuring.evaluation, model, yardstick, bar, grow=True)


def yardstick_of(measuring: Measuring, sheet: Sheet, runs: Path, dataset: Dataset) -> Yardstick:
    """What a sheet is measured with."""
    place = choose_device("auto")
    teacher, surrogate = measuring.teacher, measuring.surrogate
    guide, other = None, None
    if teacher is not None and sheet.needs_teacher:
        guide = load_other("Teacher", teacher.text(runs), dataset, place)
    if surrogate is not None and sheet.surrogate:
        other = Surrogate(load_other("Surrogate", surrogate.text(runs), dataset, place), surrogate.name)
    adversaries = adversaries_named(sheet.attacks, BUDGET, surrogate=other)
    settings = RunDirectory(runs / measuring.subject.name).settings()
    yardstick = Yardstick(
        dataset=dataset,
        split=dataset.test.stratified(sheet.samples, SEED),
        adversaries=adversaries,
        radii=radii_of(adversaries, BUDGET, sheet.eps),
        seed=SEED,
        more=tuple(measure_named(one, settings, BUDGET, guide) for one in sheet.measures),
        force=True,  # a short run may end at chance, and its row says so
    )
    if not sheet.agreement or teacher is None:
        return yardstick
    return replace(yardstick, teacher=guide, teacher_name=teacher.text(runs))
