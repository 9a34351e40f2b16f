"""Scales for two CPU cores: one set of images, one teacher, and a small network in the place of each student.

The IGDM weights are the paper's for CIFAR-10, ResNet-18 and LTD, none tuned here. RSLAD has ``scale=1`` and IGDM beside
it ten times the published weight, which is the published proportion: the scale of 0.1 learns too little in short runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from robustill.attacks import PGD, Linf
from robustill.data.augmentation import CropFlip
from robustill.methods.natural import Natural
from robustill.methods.pgd_at import PGDAT
from robustill.models import Architecture, SmallCNN
from robustill.models.resnet import ResNet
from robustill.objectives import IGDM
from robustill.recipes import paper
from robustill.recipes.paper import Cell
from robustill.reproduce.images import Images
from robustill.reproduce.scales.base import Scale, method_named
from robustill.reproduce.subjects import Sheet, Subject
from robustill.run import Run
from robustill.training import SGD

COUNTERPART = ("CIFAR-10", "LTD")
"""The paper's dataset and teacher beside which Tables 1, 2 and 4 stand."""
ALPHA = {name: alphas[0] for name, alphas in paper.ALPHA["ResNet-18", "CIFAR-10"].items()}


@dataclass(frozen=True, kw_only=True)
class Small(Scale):
    """One set of images and one teacher for everything.

    Attributes:
        images: all networks are trained and measured on them.
        words: the images, the teacher and, by the paper's names, the students in words.
        base: a run of this scale; each student's differs in its network, method and seed.
        students: by the paper's names.
        teacher_run: how the teacher is trained, None for one that is given.
        given: the text of that one.
        surrogate_run: how the surrogate is trained.
    """

    name: str
    seeds: int
    sheets: Mapping[str, Sheet]
    images: Images
    words: str
    base: Run
    students: Mapping[str, Architecture]
    teacher_run: Run | None
    given: str | None
    surrogate_run: Run

    @property
    def blocks(self) -> tuple[tuple[str, str], ...]:
        return (COUNTERPART,)

    def block_words(self, dataset: str, teacher: str) -> str:
        return f"{self.words}, teacher {self._teacher_words}"

    @property
    def _teacher_words(self) -> str:
        if self.teacher_run is None:
            return str(self.given)
        return f"{self.teacher_run.student} by {type(self.teacher_run.method).__name__}"

    def student_words(self, student: str) -> str:
        return repr(self.students[student])

    def student(self, cell: Cell, seed: int, *, watched: bool = False) -> Subject:
        method = method_named(cell.method)
        alpha = ALPHA[cell.method.removesuffix(" w/o T_in")] if cell.igdm else 0.0
        if cell.method == "RSLAD":
            method, alpha = replace(method, scale=1.0), 10 * alpha  # type: ignore[call-arg]  # RSLAD has a scale
        if cell.igdm:
            method = method + IGDM(alpha=alpha)
        run = replace(self.base, student=self.students[cell.student], method=method, seed=seed)
        return Subject(cell.row, self.images, run, teacher=self.teacher(*COUNTERPART))

    def teacher(self, dataset: str, teacher: str) -> Subject:
        return Subject("teacher", self.images, self.teacher_run, self.given)

    def surrogate(self, dataset: str) -> Subject:
        return Subject("surrogate", self.images, self.surrogate_run)

    @property
    def notes(self) -> tuple[str, ...]:
        return (
            "The paper's numbers are of other networks, other lengths and mostly other images; they stand beside these "
            "to be read, and only differences between a method with and without IGDM are compared.",
            "The weights of IGDM are the paper's for CIFAR-10, ResNet-18 and LTD, none tuned here; RSLAD has scale=1 "
            "and ten times its weight, the published proportion.",
        )


def sheets(samples: int, attacked: int, autoattack: str, radii: tuple[int, ...]) -> dict[str, Sheet]:
    """The sheets of a small scale.

    Args:
        samples: test images of everything but AutoAttack.
        attacked: those of AutoAttack, a part of the others.
        autoattack: its name.
        radii: of the curves, in 255ths.
    """
    eps = tuple(radius / 255 for radius in radii)
    rows = (
        Sheet("standard", samples, ("clean", "pgd20"), agreement=True),
        Sheet("autoattack", attacked, (autoattack,)),
        Sheet("distance", samples, measures=("distance",)),
        Sheet("remainder", samples, measures=("remainder",)),
        Sheet("others", samples, ("pgd20@L1(12)", "pgd20@L2(128/255)", "vmi@Linf(16/255)"), surrogate=True),
        Sheet("pgd-eps", samples, ("pgd20",), eps=eps),
        Sheet("autoattack-eps", attacked, (autoattack,), eps=eps),
    )
    return {sheet.name: sheet for sheet in rows}


BASE = Run(
    student=SmallCNN(),
    method=PGDAT(),
    attack=PGD(budget=Linf(8 / 255), steps=3, step_size=4 / 255),
    epochs=5,
    batch_size=64,
    optimizer=SGD(lr=0.1, momentum=0.9, weight_decay=5e-4),
    augmentation=CropFlip(padding=2),
    validation=500,
    precision="bfloat16",
    threads=1,
)
"""What the networks of both scales begin with."""


def mini(data: str | None, teacher: str | None, seeds: int | None) -> Small:
    """CIFAR-10 with thin ResNets: hours on two cores."""
    base = replace(BASE, student=ResNet(width=8), augmentation=CropFlip(padding=4))
    training = 12_000
    return Small(
        name="mini",
        seeds=seeds or 3,
        sheets=sheets(2_000, 500, "autoattack-quick", (8, 10, 12, 14, 16)),
        images=Images(data or "cifar10", training),
        words=f"{training:,} images of CIFAR-10, {base.validation} of them held out",
        base=base,
        students={"ResNet-18": ResNet(width=8), "MobileNetV2": ResNet(width=4)},
        teacher_run=None if teacher else replace(base, student=ResNet(width=16), epochs=10, validation=0),
        given=teacher,
        surrogate_run=replace(base, student=ResNet(depth=50, width=8), method=Natural(), validation=0),
    )


def demo(data: str | None, teacher: str | None, seeds: int | None) -> Small:
    """Embedded images and the embedded teacher: minutes on two cores."""
    return Small(
        name="demo",
        seeds=seeds or 1,
        sheets=sheets(1_000, 200, "autoattack-quick", (8, 12, 16)),
        images=Images(data or "demo"),
        words="the embedded subset of Fashion-MNIST" if data is None else data,
        base=BASE,
        students={"ResNet-18": SmallCNN(), "MobileNetV2": SmallCNN(width=12)},
        teacher_run=None,
        given=teacher or "demo",
        surrogate_run=replace(BASE, method=Natural(), validation=0),
    )
