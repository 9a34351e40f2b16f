"""What a table has columns for: where its number stands, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from robustill.reproduce.subjects import Sheet
from robustill.results import Accuracy, Evaluation, Mean

Found = Accuracy | Mean | None


@dataclass(frozen=True)
class Measure:
    """A column.

    Attributes:
        name: as in the data of published numbers.
        title: as in the paper, with the unit.
        sheet: the sheet that has it; empty where the epochs of the run have it.
        find: it in an evaluation.
        percent: whether it is a share, shown in percent.
        digits: after the point.
        higher: whether more is better.
    """

    name: str
    title: str
    sheet: str
    find: Callable[[Evaluation, Sheet], Found]
    percent: bool = True
    digits: int = 2
    higher: bool = True

    def value(self, found: Accuracy | Mean) -> float:
        """In the unit of the title."""
        number = found.accuracy if isinstance(found, Accuracy) else found.mean
        return 100 * number if self.percent else number

    def show(self, value: float) -> str:
        return f"{value:.{self.digits}f}".replace("-", "−")

    def difference(self, value: float) -> str:
        return f"{value:+.{self.digits}f}".replace("-", "−")


def attacked(name: str, title: str, sheet: str, position: int) -> Measure:
    """The accuracy under an attack of a sheet, by its position."""
    return Measure(name, title, sheet, lambda found, of: found.accuracies.get(of.attacks[position]))


def curve(sheet: str, title: str, radius: float) -> Measure:
    """The accuracy at a radius under the attack of a sheet."""

    def find(found: Evaluation, of: Sheet) -> Found:
        points = found.curves.get(of.attacks[0], ())
        return next((point.accuracy for point in points if point.radius == radius), None)

    name = f"{title}@{round(255 * radius)}/255"
    return Measure(name, f"{name} %", sheet, find)


def mean(name: str, title: str, sheet: str, group: str, key: str, *, digits: int = 3, higher: bool = False) -> Measure:
    """A mean over the images."""
    return Measure(
        name,
        title,
        sheet,
        lambda found, of: getattr(found, group).get(key),
        percent=False,
        digits=digits,
        higher=higher,
    )


CLEAN = attacked("Clean", "Clean %", "standard", 0)
PGD = attacked("PGD", "PGD-20 %", "standard", 1)
AA = attacked("AA", "AA %", "autoattack", 0)
GD = mean("GD", "GD ↓", "standard", "agreement", "gd")
GC = mean("GC", "GC ↑", "standard", "agreement", "gc", higher=True)
L1 = attacked("PGD-L1", "PGD-L1 %", "others", 0)
L2 = attacked("PGD-L2", "PGD-L2 %", "others", 1)
VMI = attacked("VMI-FGSM", "VMI-FGSM %", "others", 2)
AT_X = mean("zero", "δ = 0", "distance", "measures", "distance_clean", digits=2)
UNIFORM = mean("uniform", "δ uniform", "distance", "measures", "distance_uniform", digits=2)
ADVERSARIAL = mean("adversarial", "δ adversarial", "distance", "measures", "distance_adversarial", digits=2)
REMAINDER = mean("remainder", "remainder", "remainder", "measures", "remainder_uniform", digits=4)
MINUTES = Measure("T/E", "min/epoch", "", lambda found, of: None, percent=False, digits=3, higher=False)
LINEARITY = Measure(
    "remainder", "remainder, last epoch", "", lambda found, of: None, percent=False, digits=4, higher=False
)
