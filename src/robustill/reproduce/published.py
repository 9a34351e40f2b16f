"""The numbers of the paper's first version, re-typed: ``published/*.csv``, and Tables 2 and 4 with the recipes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from robustill.recipes.paper import Cell, cells

FOLDER = Path(__file__).parent / "published"


def published(target: str, cell: Cell, measure: str) -> float | None:
    """The paper's number, in the unit of its table; None where it prints none.

    A teacher is the cell without a method; Figure 2 does not say on which images its teachers are measured.
    """
    anywhere = replace(cell, dataset="")
    return _numbers().get((target, cell, measure), _numbers().get((target, anywhere, measure)))


@cache
def _numbers() -> dict[tuple[str, Cell, str], float]:
    found = dict(_tables())
    for file in sorted(FOLDER.glob("*.csv")):
        with file.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                keys = ("dataset", "student", "teacher", "method", "igdm")
                dataset, student, teacher, method, igdm = (row.pop(key) for key in keys)
                cell = Cell(dataset, student, teacher, method, igdm == "True")
                found |= {(file.stem, cell, name): float(text) for name, text in row.items() if text}
    # Figure 4 shows Table 2's numbers again
    again = {("fig4", cell, name): value for (target, cell, name), value in found.items() if target == "table2"}
    return found | again


def _tables() -> Iterator[tuple[tuple[str, Cell, str], float]]:
    for cell in cells().values():
        target = {"ResNet-18": "table2", "MobileNetV2": "table4"}[cell.student]
        for number in cell.published:
            if number.source.startswith("v1"):
                yield (target, cell, number.measure), number.value
