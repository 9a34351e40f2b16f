"""The published settings, for GPUs: ``robustill.recipes.paper``, with the networks of RobustBench as teachers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from robustill.methods.natural import Natural
from robustill.models.resnet import ResNet
from robustill.recipes import paper
from robustill.recipes.paper import Cell
from robustill.reproduce.images import Images
from robustill.reproduce.scales.base import ALONE, METHODS, Scale, method_named
from robustill.reproduce.subjects import Sheet, Subject
from robustill.run import Run

EPS = tuple(eps / 255 for eps in (8, 10, 12, 14, 16))
"""The radii of Figure 5; the paper prints none."""
WATCHED = 1000
"""Images held out where epochs are measured (Figure 2); the paper does not say on which it measures."""
TEST = 10_000


def _sheets() -> dict[str, Sheet]:
    rows = (
        Sheet("standard", TEST, ("clean", "pgd20"), agreement=True),
        Sheet("autoattack", TEST, ("autoattack",)),
        Sheet("distance", TEST, measures=("distance",)),
        Sheet("remainder", TEST, measures=("remainder",)),
        Sheet("others", TEST, ("pgd20@L1(12)", "pgd20@L2(128/255)", "vmi@Linf(16/255)"), surrogate=True),
        Sheet("pgd-eps", TEST, ("pgd20",), eps=EPS),
        Sheet("autoattack-eps", TEST, ("autoattack",), eps=EPS),
    )
    return {sheet.name: sheet for sheet in rows}


@cache
def _recipe(cell: Cell) -> Run:
    """The run of a recipe, but for where images and teacher are."""
    return Run.from_texts({key: value for key, value in cell.texts().items() if key not in ("data", "teacher")})


@dataclass(frozen=True)
class Paper(Scale):
    """Two datasets, three teachers, two students."""

    seeds: int = 1
    name: str = "paper"
    sheets: Mapping[str, Sheet] = field(default_factory=_sheets)

    @property
    def blocks(self) -> tuple[tuple[str, str], ...]:
        return tuple((dataset, teacher) for dataset in paper.DATASETS for teacher in paper.TEACHERS)

    def block_words(self, dataset: str, teacher: str) -> str:
        return f"{dataset}, {teacher}"

    def student_words(self, student: str) -> str:
        return student

    def student(self, cell: Cell, seed: int, *, watched: bool = False) -> Subject:
        # A training that does not ask the teacher is the same for all three: the first one's.
        shared = cell.method in ALONE and not cell.igdm
        label = next(iter(paper.TEACHERS)) if shared else cell.teacher
        published = METHODS[cell.method] == paper.METHODS.get(cell.method)
        named = cell.method if published else "AdaAD" if cell.method.startswith("AdaAD") else "PGD-AT"
        run = _recipe(Cell(cell.dataset, cell.student, label, named, cell.igdm))
        if not published:
            method = method_named(cell.method)
            run = replace(run, method=replace(method, terms=run.method.terms), recipe=None)
        run = replace(run, seed=seed, validation=WATCHED if watched else run.validation)
        return Subject(cell.row, self._images(cell.dataset), run, teacher=self.teacher(cell.dataset, label))

    def teacher(self, dataset: str, teacher: str) -> Subject:
        text = f"robustbench:{paper.DATASETS[dataset]}/{paper.TEACHERS[teacher]}"
        return Subject(teacher, self._images(dataset), source=text)

    def surrogate(self, dataset: str) -> Subject:
        run = _recipe(Cell(dataset, "ResNet-18", "LTD", "PGD-AT"))
        run = replace(run, student=ResNet(depth=50), method=Natural(), recipe=None)
        return Subject("surrogate", self._images(dataset), run)

    def _images(self, dataset: str) -> Images:
        return Images(paper.DATASETS[dataset])

    @property
    def notes(self) -> tuple[str, ...]:
        return (
            "Settings are those of the paper's final version (robustill list recipes); PGD-AT and TRADES alone do not "
            "ask the teacher, so one run stands for all three.",
            "The surrogate of Table 6 is a ResNet-50 trained without attacks: the paper does not say how its own was.",
            "The runs of Figure 2 hold out 1,000 training images, on which the remainder of each epoch is measured.",
        )
