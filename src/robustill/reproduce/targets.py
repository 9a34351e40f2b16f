"""The tables and figures as data: which networks, which numbers of each."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace

from robustill.recipes import paper
from robustill.recipes.paper import Cell
from robustill.reproduce.measures import (
    AA,
    ADVERSARIAL,
    AT_X,
    CLEAN,
    GC,
    GD,
    L1,
    L2,
    LINEARITY,
    MINUTES,
    PGD,
    REMAINDER,
    UNIFORM,
    VMI,
    Measure,
    curve,
)
from robustill.reproduce.scales import Scale
from robustill.reproduce.subjects import Measuring, Subject

ABLATED = ("CIFAR-100", "ResNet-18", "BDM-AT")
"""The dataset, student and teacher of Tables 3, 5 and 6 and of Figures 4 and 5."""
SIX = tuple(paper.METHODS)


@dataclass(frozen=True)
class Target:
    """A table or a figure of the paper.

    Attributes:
        name: on the command line.
        title: what it shows.
        claim: what the paper says of it.
        students: the cells of its rows, at a scale.
        measures: its columns, at a scale.
        teachers: whether the teachers have rows too, and of which measures.
        watched: whether its students are measured after each epoch.
    """

    name: str
    title: str
    claim: str
    students: Callable[[Scale], tuple[Cell, ...]]
    measures: Callable[[Scale], tuple[Measure, ...]]
    teachers: tuple[Measure, ...] = ()
    watched: bool = False


def grid(student: str) -> Callable[[Scale], tuple[Cell, ...]]:
    """Six methods alone and with IGDM, in every block."""
    return lambda scale: tuple(
        Cell(dataset, student, teacher, method, igdm)
        for dataset, teacher in scale.blocks
        for method in SIX
        for igdm in (False, True)
    )


def ablation(*methods: str) -> Callable[[Scale], tuple[Cell, ...]]:
    """Methods alone and with IGDM, for the dataset, student and teacher of the ablations."""
    dataset, student, teacher = ABLATED
    return lambda scale: tuple(
        Cell(dataset, student, teacher, method, igdm) for method in methods for igdm in (False, True)
    )


def alone(*rows: tuple[str, bool]) -> Callable[[Scale], tuple[Cell, ...]]:
    dataset, student, teacher = ABLATED
    return lambda scale: tuple(Cell(dataset, student, teacher, method, igdm) for method, igdm in rows)


def always(*measures: Measure) -> Callable[[Scale], tuple[Measure, ...]]:
    return lambda scale: measures


def curves(scale: Scale) -> tuple[Measure, ...]:
    """PGD-20 and AutoAttack at every radius of the scale."""
    sheets = (("pgd-eps", "PGD"), ("autoattack-eps", "AA"))
    return tuple(curve(sheet, title, radius) for sheet, title in sheets for radius in scale.sheets[sheet].eps)


TARGETS = {
    target.name: target
    for target in (
        Target(
            "table1",
            "Performance (%) of the teacher models",
            "Three strong teachers; LTD is the weakest of them.",
            lambda scale: (),
            always(),
            teachers=(CLEAN, PGD, AA),
        ),
        Target(
            "table2",
            "Adversarial distillation on ResNet-18: six methods alone and with IGDM",
            "IGDM raises PGD-20 and AutoAttack accuracy and GC and lowers GD, for every method, dataset and teacher.",
            grid("ResNet-18"),
            always(CLEAN, PGD, AA, GD, GC),
        ),
        Target(
            "table3",
            "AdaAD with and without the teacher in the inner maximisation",
            "With IGDM the inner maximisation without the teacher beats AdaAD, at a third of its time an epoch.",
            ablation("AdaAD", "AdaAD w/o T_in"),
            always(AA, GD, GC, MINUTES),
        ),
        Target(
            "table4",
            "Adversarial distillation on MobileNetV2: six methods alone and with IGDM",
            "As Table 2, on a smaller student.",
            grid("MobileNetV2"),
            always(CLEAN, PGD, AA, GD, GC),
        ),
        Target(
            "table5",
            "Point-wise distance of the logits to the teacher's",
            "IGDM brings student and teacher closer at the image, under uniform noise and under attack.",
            ablation("ARD", "IAD", "RSLAD", "AdaAD"),
            always(AT_X, UNIFORM, ADVERSARIAL),
        ),
        Target(
            "table6",
            "Unseen norms (L1 of 12, L2 of 128/255) and transferred attacks (VMI-FGSM at 16/255)",
            "IGDM raises robustness to attacks that training did not see, for every method.",
            ablation(*SIX),
            always(L1, L2, VMI),
        ),
        Target(
            "fig2",
            "The remainder's share in the Taylor expansion, of teachers and along training",
            "The remainder is small for robust teachers and throughout adversarial training and distillation; it grows "
            "in natural training.",
            alone(("Natural", False), ("PGD-AT", False), ("ARD", False)),
            always(LINEARITY),
            teachers=(REMAINDER,),
            watched=True,
        ),
        Target(
            "fig4",
            "AutoAttack accuracy against GC and GD",
            "Robustness rises with GC and falls with GD.",
            ablation(*SIX),
            always(AA, GC, GD),
        ),
        Target(
            "fig5",
            "Accuracy under larger budgets",
            "ARD with IGDM is more robust than the other methods at every radius.",
            alone(("ARD", False), ("IAD", False), ("RSLAD", False), ("AdaAD", False), ("ARD", True)),
            curves,
        ),
    )
}


def targets_named(names: list[str]) -> list[Target]:
    """The targets of names; ``all`` is every one.

    Raises:
        ValueError: there is none of a name.
    """
    wanted = [*TARGETS] if "all" in names else list(dict.fromkeys(names))
    for name in wanted:
        if name not in TARGETS:
            nearest = difflib.get_close_matches(name, [*TARGETS, "all"], n=1)
            hint = f" Did you mean {nearest[0]}?" if nearest else ""
            raise ValueError(f"A target is one of {', '.join(TARGETS)} or all. Found: {name!r}.{hint}")
    return [TARGETS[name] for name in wanted]


@dataclass(frozen=True)
class Place:
    """Where a row of a target gets its numbers: a network, and the sheet of each measure."""

    target: Target
    scale: Scale
    subject: Subject
    cell: Cell
    seed: int | None
    measures: tuple[Measure, ...]

    def measuring(self, measure: Measure) -> Measuring:
        """The sheet that has a measure, or the bare run where its epochs have it."""
        if not measure.sheet:
            return Measuring(self.subject)
        sheet, dataset = self.scale.sheets[measure.sheet], self.cell.dataset
        return Measuring(
            self.subject,
            replace(sheet, agreement=sheet.agreement and self.seed is not None),
            teacher=self.scale.teacher(dataset, self.cell.teacher) if self.seed is not None else None,
            surrogate=self.scale.surrogate(dataset) if sheet.surrogate else None,
        )

    @property
    def measurings(self) -> list[Measuring]:
        return list(dict.fromkeys(map(self.measuring, self.measures)))


def places(target: Target, scale: Scale) -> list[Place]:
    """The rows of a target, the first seed of each before the second: a study that is stopped has whole pairs."""
    teachers = [
        Place(target, scale, scale.teacher(dataset, teacher), Cell(dataset, "", teacher, ""), None, target.teachers)
        for dataset, teacher in (scale.blocks if target.teachers else ())
    ]
    students = [
        Place(target, scale, scale.student(cell, seed, watched=target.watched), cell, seed, target.measures(scale))
        for seed in range(scale.seeds)
        for cell in target.students(scale)
    ]
    return teachers + students
