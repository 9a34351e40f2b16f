"""Every cell of Tables 2 and 4 of the IGDM paper as a recipe: settings and published numbers, each from one table.

    robustill train cifar100-resnet18-bdm-rslad-igdm --data folder:cifar100

Settings are those of the final version (ICLR 2025): its grid of α (Appendix B.2), epochs, milestones, weight decay.
The numbers of version 1 stand in ``igdm_v1_tables.csv``, those of the final version in ``igdm_iclr_results.csv``; the
settings behind version 1 are not published, so a rerun need not meet them. What no source gives is said in
:attr:`Cell.unknown`, not guessed silently.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

DATASETS = {"CIFAR-10": "cifar10", "CIFAR-100": "cifar100"}
STUDENTS = {"ResNet-18": "resnet18", "MobileNetV2": "mobilenet_v2"}
TEACHERS = {"LTD": "Chen2021LTD_WRN34_10", "BDM-AT": "Wang2023Better_WRN-28-10", "IKL-AT": "Cui2023Decoupled_WRN-28-10"}
METHODS = {
    "PGD-AT": "PGDAT()",
    "TRADES": "TRADES()",
    "ARD": "ARD(temperature=1)",
    "IAD": "IAD()",
    "RSLAD": "RSLAD()",
    "AdaAD": "AdaAD()",
}

# α by base method, for the teachers LTD, BDM-AT, IKL-AT; β = γ = 1.
ALPHA: dict[tuple[str, str], dict[str, tuple[float, float, float]]] = {
    ("ResNet-18", "CIFAR-100"): {
        "PGD-AT": (100, 220, 100),
        "TRADES": (5, 5, 5),
        "ARD": (50, 100, 100),
        "IAD": (20, 50, 50),
        "RSLAD": (3, 10, 10),
        "AdaAD": (15, 70, 50),
    },
    ("ResNet-18", "CIFAR-10"): {
        "PGD-AT": (60, 70, 70),
        "TRADES": (20, 20, 20),
        "ARD": (5, 10, 10),
        "IAD": (50, 30, 30),
        "RSLAD": (0.9, 0.9, 1),
        "AdaAD": (5, 10, 5),
    },
    ("MobileNetV2", "CIFAR-100"): {
        "PGD-AT": (150, 160, 160),
        "TRADES": (10, 10, 3),
        "ARD": (70, 70, 70),
        "IAD": (20, 50, 50),
        "RSLAD": (3, 4, 10),
        "AdaAD": (20, 50, 40),
    },
    ("MobileNetV2", "CIFAR-10"): {
        "PGD-AT": (70, 40, 50),
        "TRADES": (1, 0.5, 0.2),
        "ARD": (10, 8, 9),
        "IAD": (50, 50, 50),
        "RSLAD": (0.5, 0.7, 0.7),
        "AdaAD": (10, 10, 10),
    },
}

UNKNOWN = {
    "PGD-AT": "the IGDM authors released no code for PGD-AT + IGDM; its inner loss is taken to be PGD-AT's own",
    "TRADES": "the IGDM authors released no code for TRADES + IGDM; its inner loss is taken to be TRADES' own",
    "ARD": "the paper says original hyperparameters (T = 30); its code has T = 1 and the batch mean, where α belongs",
    "IAD": "the paper does not say which IAD, and released no code; IAD-I is taken",
    "AdaAD": "no source gives AdaAD's scale on CIFAR-10 under IGDM: 1 as in its CIFAR-100 script; AdaAD's code has 0.1",
}


@dataclass(frozen=True)
class Published:
    """A number in a table: percent for Clean, PGD and AA, as printed for GD and GC; and where it stands."""

    measure: str
    value: float
    source: str


@dataclass(frozen=True)
class Cell:
    """One method, alone or with IGDM, for one teacher, student and dataset, by the paper's names.

    The cells of :func:`cells` are recipes; those of other tables have a place only.
    """

    dataset: str
    student: str
    teacher: str
    method: str
    igdm: bool = False

    @property
    def row(self) -> str:
        """What its row is called."""
        return f"{self.method} + IGDM" if self.igdm else self.method

    @property
    def base(self) -> Cell:
        """The same without IGDM."""
        return replace(self, igdm=False)

    @property
    def name(self) -> str:
        """Such as ``cifar100-resnet18-bdm-rslad-igdm``."""
        method = self.method.lower().replace("-", "") + ("-igdm" if self.igdm else "")
        student = STUDENTS[self.student].replace("_", "")
        return f"{DATASETS[self.dataset]}-{student}-{self.teacher.split('-')[0].lower()}-{method}"

    @property
    def summary(self) -> str:
        """One line with the numbers of version 1."""
        numbers = ", ".join(f"{p.measure} {p.value:g}" for p in self.published if p.source.startswith("v1"))
        return f"{self.row}, {self.teacher}, {self.student}, {self.dataset}; v1: {numbers}"

    def texts(self) -> dict[str, Any]:
        """The recipe: keys and values of a run."""
        long = self.method == "RSLAD"
        method = METHODS[self.method]
        if self.igdm:
            alpha = ALPHA[self.student, self.dataset][self.method][list(TEACHERS).index(self.teacher)]
            method += f" + IGDM(alpha={alpha:g})"
        return {
            "recipe": self.name,
            "data": f"folder:{DATASETS[self.dataset]}",
            "student": STUDENTS[self.student],
            "teacher": f"robustbench:{DATASETS[self.dataset]}/{TEACHERS[self.teacher]}",
            "method": method,
            "attack": "PGD(budget=Linf(8/255), steps=10, step_size=2/255)",
            "epochs": 300 if long else 200,
            "batch_size": 128,
            "optimizer": "SGD(lr=0.1, momentum=0.9, weight_decay=5e-4)",
            "schedule": f"MultiStep(milestones={(215, 260, 285) if long else (100, 150)})",
            "augmentation": "CropFlip(padding=4)",
            "validation": 0,  # the paper trains on all images and reports the last epoch
        }

    @property
    def unknown(self) -> tuple[str, ...]:
        """Settings that no source gives for this cell, with what is taken instead."""
        notes = ["weight decay is the paper's 5e-4; the released script runs with 2e-4"]
        concerned = self.igdm or self.method in ("ARD", "IAD")
        if self.method in UNKNOWN and concerned and (self.method != "AdaAD" or self.dataset == "CIFAR-10"):
            notes.append(UNKNOWN[self.method])
        return tuple(notes)

    @property
    def published(self) -> tuple[Published, ...]:
        """What the paper reports for this cell, after the last epoch, on the full test set."""
        return _published()[self]

    def notes(self) -> list[tuple[str, str]]:
        """What a reader of the run should know, as label and sentence."""
        sources = dict.fromkeys(p.source for p in self.published)
        numbers = [
            f"{', '.join(f'{p.measure} {p.value:g}' for p in self.published if p.source == source)} ({source})"
            for source in sources
        ]
        return [("published", "; ".join(numbers)), ("unknown", "; ".join(self.unknown))]


@cache
def cells() -> dict[str, Cell]:
    """All 144 by name."""
    grid = product(DATASETS, STUDENTS, TEACHERS, METHODS, (False, True))
    return {cell.name: cell for cell in (Cell(*row) for row in grid)}


@cache
def _published() -> dict[Cell, tuple[Published, ...]]:
    found: dict[Cell, list[Published]] = {cell: [] for cell in cells().values()}
    for file, source in (
        ("igdm_v1_tables.csv", "v1, Table {table}"),
        ("igdm_iclr_results.csv", "ICLR 2025, main tables"),
    ):
        for cell, measure, value, table in _rows(FOLDER / file):
            found[cell].append(Published(measure, value, source.format(table=table)))
    return {cell: tuple(numbers) for cell, numbers in found.items()}


def _rows(file: Path) -> Iterator[tuple[Cell, str, float, str]]:
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            cell = Cell(row["dataset"], row["student"], row["teacher"], row["method"], row["igdm"] == "True")
            for measure in ("Clean", "PGD", "AA", "GD", "GC"):
                if row.get(measure):
                    yield cell, measure, float(row[measure]), row["table"]
